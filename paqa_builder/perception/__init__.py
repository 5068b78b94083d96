"""Perception stages: separate, diarize, tag, transcribe and measure."""
