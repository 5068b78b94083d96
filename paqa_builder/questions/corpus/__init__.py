"""Statistics of a corpus, from which wrong choices are drawn and answers balanced."""
