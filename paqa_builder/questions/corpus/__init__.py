"""Answers of the whole corpus, from which wrong choices are drawn."""
