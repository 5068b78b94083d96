"""Latent PAUSE tokens: where they are inserted, and rollouts that hold them."""
