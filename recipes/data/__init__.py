"""Data loading: rows, prompts, audio, and batches of them."""
