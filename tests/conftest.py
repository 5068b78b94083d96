"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from paqa_builder.audio import Audio
from paqa_builder.config import Config, load
from paqa_builder.testing import tone_scene


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own PAQA_* variables must not change what tests see."""
    for name in list(os.environ):
        if name.startswith("PAQA_") and name not in ("PAQA_TESTDATA", "PAQA_CACHE"):
            monkeypatch.delenv(name)


@pytest.fixture
def testdata() -> Path:
    """The folder of real audio with ground truth."""
    folder = os.environ.get("PAQA_TESTDATA")
    if not folder:
        pytest.skip("PAQA_TESTDATA is not set")
    return Path(folder)


def write_audio(path: Path, audio: Audio) -> Path:
    """Writes a WAV file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.samples, audio.rate, subtype="PCM_16")
    return path


# Who speaks and what sounds, for the fakes: name, start, end.
CONVERSATIONS: dict[str, list[tuple[str, float, float]]] = {
    "monologue": [("low", 1.0, 6.0), ("Bell", 2.0, 3.0)],
    "dialogue": [("low", 0.5, 3.0), ("high", 4.0, 9.0), ("Siren", 5.0, 7.0), ("Bell", 3.2, 3.8)],
    "overlap": [("middle", 1.0, 5.0), ("high", 4.0, 8.0), ("Whistle", 8.5, 9.5)],
    "no speech": [("Buzzer", 1.0, 3.0), ("Siren", 5.0, 6.0)],
    "three/deep/ünïcode voices": [
        ("low", 0.5, 2.0),
        ("middle", 3.0, 5.0),
        ("high", 6.0, 9.5),
        ("Bell", 7.0, 8.0),
    ],
    "silence": [],
}


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


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }
