"""Layers of models that the recipes change: attention, the last layer, caches, the optimiser."""
