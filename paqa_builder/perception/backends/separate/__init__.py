"""Separation backends, one model per file."""
