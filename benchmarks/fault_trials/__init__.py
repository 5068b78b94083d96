"""Trials of faults for ``benchmarks/faults.py``: one module per kind of fault, and their files."""
