"""Leaks and doubles: groups of clips that cross splits, and acoustic fingerprints of the same recording."""
