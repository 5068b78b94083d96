"""Reads exports back by the libraries of their formats, for `benchmarks/exports.py` and the tests."""
