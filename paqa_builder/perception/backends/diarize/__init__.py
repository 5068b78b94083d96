"""Diarization backends, one model per file."""
