"""Choices of a question: wrong ones drawn, lengths matched, order shuffled."""
