"""Backends: one model each, behind the interface of its stage."""
