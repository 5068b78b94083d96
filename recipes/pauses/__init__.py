"""Latent PAUSE tokens: insertion into training targets, and rollouts with pauses."""
