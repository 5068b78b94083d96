"""The sections of ``benchmarks/gpu_check.sh``; see :mod:`benchmarks.gpu.check`."""
