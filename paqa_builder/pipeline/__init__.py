"""The build: its plan, its resumable steps, and the scenes, questions and shards that they write."""
