"""Model internals for faster training: attention, the last layer, caches, the optimiser."""
