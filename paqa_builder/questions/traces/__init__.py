"""Reasoning traces: their grammar, captions, reflections and rewordings."""
