"""Choices of a question: wrong ones drawn and proved, lengths balanced, order shuffled."""
