"""Transcription backends, one model per file."""
