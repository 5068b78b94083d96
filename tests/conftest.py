"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.audio_made import CONVERSATIONS, write_audio

from paqa_builder import registry
from paqa_builder.config import Config, load
from paqa_builder.testing import tone_scene


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own PAQA_* variables must not change what tests see."""
    for name in list(os.environ):
        if name.startswith("PAQA_") and name not in ("PAQA_TESTDATA", "PAQA_CACHE"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_plugins_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that a test registers are gone after it."""
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))


@pytest.fixture
def testdata() -> Path:
    """The folder of real audio with ground truth."""
    folder = os.environ.get("PAQA_TESTDATA")
    if not folder:
        pytest.skip("PAQA_TESTDATA is not set")
    return Path(folder)


# Who speaks and what sounds, for the fakes: name, start, end.


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder of tone scenes that the fake backends take apart exactly."""
    root = tmp_path / "corpus"
    for name, tones in CONVERSATIONS.items():
        write_audio(root / f"{name}.wav", tone_scene(10.0, tones))
    return root


@pytest.fixture
def fake_config(corpus: Path, tmp_path: Path) -> Callable[..., Config]:
    """Makes configurations of fast builds of :func:`corpus`."""

    def make(**changes: object) -> Config:
        flags = {
            "source": "folder", "root": corpus, "out": tmp_path / "shards", "preset": "fake",
            "executor": "inline", "part_size": 2,
        }  # fmt: skip
        return load(flags | changes)

    return make
