"""Random weights in the published sizes, for backends whose weights are only on the Hub.

Throughput and memory do not depend on the values of the weights, except where results decide how much work
follows (a transcriber's text, a diarizer's voices). Those backends have weights in Python packages.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

RATE = 44_100


def demucs(folder: Path, *, tiny: bool) -> dict[str, Any]:
    """HTDemucs in the size of ``htdemucs``."""
    import torch
    from demucs.htdemucs import HTDemucs
    from safetensors.torch import save_file

    settings: dict[str, Any] = {"sources": ["drums", "bass", "other", "vocals"], "samplerate": RATE}
    settings |= {"bottom_channels": 512, "segment": Fraction(39, 5)}
    if tiny:
        settings |= {"channels": 8, "nfft": 1024, "t_layers": 1, "bottom_channels": 0, "t_heads": 2}
        settings |= {"segment": Fraction(2, 1), "t_hidden_scale": 1.0}
    torch.manual_seed(0)
    network = HTDemucs(**settings)
    segment = settings["segment"]
    fraction = {"_type": "fraction", "numerator": segment.numerator, "denominator": segment.denominator}
    path = folder / "demucs.safetensors"
    values = {name: value.contiguous().half() for name, value in network.state_dict().items()}
    stated = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]"}
    save_file(values, path, stated | {"kwargs": json.dumps(settings | {"segment": fraction})})
    return {"model": str(path)}


def panns(folder: Path, *, tiny: bool) -> dict[str, Any]:
    """Cnn14_DecisionLevelMax; it has one size only."""
    import torch

    from paqa_builder.perception.backends.tag.panns import import_panns

    torch.manual_seed(0)
    network = import_panns().models.Cnn14_DecisionLevelMax(32_000, 1024, 320, 64, 50, 14_000, 527)
    path = folder / "panns.pth"
    torch.save({"model": network.state_dict()}, path)
    return {"model": str(path)}


RANDOM: dict[tuple[str, str], Callable[..., dict[str, Any]]] = {
    ("separate", "demucs"): demucs,
    ("tag", "panns"): panns,
}
"""Makes a checkpoint in a folder and returns the backend's options."""
