"""Audio that the stages of one task share."""

from __future__ import annotations

import io

import numpy as np

from paqa_builder.audio import Audio, read_stem, write_flac
from paqa_builder.perception.shared import SharedAudio, SharedClip, as_stored
from paqa_builder.records import AudioInfo


def test_a_shared_stem_has_the_samples_of_its_file() -> None:
    rng = np.random.default_rng(0)
    ties = (np.arange(-32_768, 32_768) + 0.5) / 32_768
    samples = np.concatenate([rng.normal(0, 0.3, 9_999), rng.uniform(-1.2, 1.2, 9_999), ties, [1.0, -1.0]])
    audio, file = Audio(samples.astype(np.float32), 16_000), io.BytesIO()
    write_flac(audio, file)
    file.seek(0)
    stored = read_stem(file)
    shared = as_stored(audio)
    np.testing.assert_array_equal(shared.samples, stored.samples)
    assert (shared.rate, shared.samples.dtype) == (stored.rate, stored.samples.dtype)


def test_long_parts_are_not_kept_in_memory() -> None:
    def clip(seconds: int) -> SharedClip:
        return SharedClip(
            (Audio(np.zeros(1_000 * seconds, np.float32), 1_000), AudioInfo(seconds, 1_000, 1, ""))
        )

    shared = SharedAudio()
    assert shared.keep(("a", ""), clip(400))
    assert not shared.keep(("b", ""), clip(201))
    assert shared.keep(("c", ""), clip(200))
    assert shared.clip(("b", "")) is None
