"""Measuring backends, one per file."""
