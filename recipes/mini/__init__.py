"""A small but real audio language model, and the data to train it on two cores in minutes."""

from recipes.mini.prepare import material, ready

__all__ = ["material", "ready"]
