"""Imports the recipes before TRL, so that torchaudio is patched beside a CPU build of torch."""

import torch

import recipes  # noqa: F401

# Several test processes share the machine's cores; more threads than cores are many times slower.
torch.set_num_threads(1)
