"""Shards for the tests of the recipes: a real build of tone scenes by the fake backends."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from paqa_builder.config import load
from paqa_builder.pipeline import build
from paqa_builder.testing import tone_scene
from recipes.families import Family

TONES: list[list[tuple[str, float, float]]] = [
    [("low", 0.2, 1.0), ("Bell", 1.2, 1.8)],
    [("low", 0.2, 0.9), ("high", 1.0, 1.7), ("Siren", 2.0, 2.8)],
    [("Buzzer", 0.1, 1.2), ("Siren", 1.6, 2.7)],
    [("middle", 0.3, 2.0), ("Whistle", 2.2, 2.9)],
]


def make(base: Path) -> Path:
    """Builds three seconds a clip, eight clips to train and four to test; gives the shards' folder."""
    with_splits = []
    for number in range(12):
        name = f"clip{number:02d}.wav"
        tones = [(tone, start, end) for tone, start, end in TONES[number % len(TONES)]]
        audio = tone_scene(3.0, tones, amplitude=0.05 + number / 200)
        (base / "corpus").mkdir(parents=True, exist_ok=True)
        soundfile.write(base / "corpus" / name, audio.samples, audio.rate, subtype="PCM_16")
        with_splits.append((name, "train" if number < 8 else "test"))
    with (base / "corpus" / "metadata.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file_name", "split"), *with_splits])
    flags = {
        "source": "folder", "root": base / "corpus", "out": base / "shards", "preset": "fake",
        "executor": "inline",
        # Twelve clips of four kinds: evened out, hardly a question would be left.
        "questions": {"balance": False},
    }  # fmt: skip
    build.build(load(flags))
    return base / "shards"


def prompts_of(kind: Family, processor: Any) -> Any:
    """A batch of two prompts of unlike lengths, with a second of noise each."""
    texts = [kind.text(processor, prompt) for prompt in ("What?", "What was that sound?")]
    noise = np.random.default_rng(0).standard_normal((2, 16_000)).astype(np.float32)
    return kind.process(processor, texts, list(noise))


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What :func:`make` makes, once."""
    return make(tmp_path_factory.mktemp("recipes"))
