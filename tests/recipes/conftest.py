"""Imports the recipes first: beside a CPU torch they mend torchaudio before TRL imports it."""

import torch

import recipes  # noqa: F401

# Several test processes share the machine's cores; more threads than cores are many times slower.
torch.set_num_threads(1)
