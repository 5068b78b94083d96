"""Where work runs: devices, threads, worker processes and import workarounds."""
