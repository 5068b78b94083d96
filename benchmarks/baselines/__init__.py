"""Calls of the first release, which the benchmarks compare with."""
