"""A small audio language model, and data to train it on two CPU cores in minutes."""

from recipes.mini.prepare import material, ready

__all__ = ["material", "ready"]
