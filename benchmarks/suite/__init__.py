"""The sections of ``make bench``; see :mod:`benchmarks.bench`."""
