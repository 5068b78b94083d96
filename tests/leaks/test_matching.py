"""Matching in buckets on the disk: the same matches as in memory, for any size of the buckets."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from baselines import doubles

from paqa_builder.errors import NotReadyError
from paqa_builder.leaks import matching
from paqa_builder.leaks.fingerprint import AcousticFingerprint
from paqa_builder.leaks.matching import matches, pairs
from paqa_builder.leaks.prints import Prints


def corpus(count: int) -> list[AcousticFingerprint]:
    """Random fingerprints; some are noisy excerpts of others, equal to others, constant, or empty."""
    rng = np.random.default_rng(0)
    clips: list[AcousticFingerprint] = []
    for n in range(count):
        frames = int(rng.integers(0, 160))
        bits = packed(np.bitwise_xor.accumulate(rng.random((frames, 32)) < 0.2, axis=0))
        active, pcm, kind = rng.random(frames) < 0.9, str(n) if rng.random() < 0.9 else "", rng.random()
        if clips and kind < 0.2:
            other = clips[rng.integers(len(clips))]
            start = int(rng.integers(0, len(other.bits) // 2 + 1))
            bits, active = other.bits[start:], other.active[start:]
            bits = bits ^ packed(rng.random((len(bits), 32)) < 0.08)
        elif clips and kind < 0.3:
            other = clips[rng.integers(len(clips))]
            bits, active, pcm = other.bits, other.active, other.pcm
        elif kind < 0.35:
            bits = np.full(frames, 12_345, np.uint32)
        clips.append(AcousticFingerprint(bits, active, pcm))
    return clips


def packed(bits: np.ndarray) -> np.ndarray:
    if not len(bits):
        return np.zeros(0, np.uint32)
    return np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.uint32)


CLIPS = corpus(150)


@pytest.mark.parametrize("keys", [200, 2_000_000])
@pytest.mark.parametrize("border", [None, 60])
def test_the_matches_are_those_of_a_search_in_memory(
    monkeypatch: pytest.MonkeyPatch, keys: int, border: int | None
) -> None:
    monkeypatch.setattr(matching, "_PASS", keys)
    given = (CLIPS,) if border is None else (CLIPS[:border], CLIPS[border:])
    expected = doubles.run(*given)
    assert list(map(astuple, matches(*given))) == list(map(astuple, expected))
    assert len(expected) > 10


def test_pairs_are_those_of_the_matches_and_leave_no_file(tmp_path: Path) -> None:
    expected = [[match.first, match.second] for match in matches(CLIPS)]
    assert pairs(iter(CLIPS), tmp_path).tolist() == expected
    assert pairs(Prints(CLIPS, tmp_path)).tolist() == expected
    assert not any(tmp_path.iterdir())
    assert pairs([]).shape == (0, 2)


def test_a_folder_that_cannot_be_written_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotReadyError, match="not writable"):
        Prints(CLIPS, tmp_path / "file")
