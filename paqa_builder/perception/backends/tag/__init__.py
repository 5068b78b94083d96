"""Sound event tagging backends, one model per file."""
