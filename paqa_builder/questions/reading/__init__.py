"""Interpretation of a scene's records: sounds, voices, speech and measures, as used by the facts."""
