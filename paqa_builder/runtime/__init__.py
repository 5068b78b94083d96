"""Devices, threads, worker processes and import workarounds."""
