"""The build: the plan, its resumable steps, and the scenes and shards that come out."""
