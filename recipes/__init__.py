"""Training recipes that consume the shards."""
