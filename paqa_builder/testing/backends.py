"""The contract of a backend, for its author's tests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from pydantic import ValidationError

from paqa_builder.audio import Audio, resample
from paqa_builder.perception.backends.base import AudioInput, Backend, Measured, Separator, Span, Speech
from paqa_builder.testing.synthetic import murmur, tone_scene


def hear(audio: Audio, rate: int) -> AudioInput:
    """The input of a backend without separation, at ``rate`` Hz."""
    resampled = resample(audio, rate)
    return AudioInput(resampled, resampled)


def check_backend(cls: type[Backend], options: Any = None, *, clips: Sequence[Audio] | None = None) -> None:
    """Checks that a backend fulfils its contract.

    Options survive a round trip and unknown options are errors. Loading twice has no effect. Silence gives
    no results, and a clip of 0.1 s no error. Results are sorted, inside the clip, with ``start < end`` and
    scores in [0, 1]. The same input gives the same output, alone or in a batch.

    Args:
        cls: The backend.
        options: Its options; the defaults if None.
        clips: Its input; a tone scene and synthetic voices if None.

    Raises:
        AssertionError: The backend breaks the contract; states how.
        NotReadyError: The backend's packages or models are missing.
    """
    backend = cls(options)
    _check_options(backend)
    backend.load()
    backend.load()
    rate = cls.sample_rate
    if clips is None:
        clips = (tone_scene(4.0, (("low", 0.5, 1.5), ("high", 1.0, 3.0), ("Bell", 2.0, 3.5))), murmur(6.0))
    silence = Audio(np.zeros(2 * rate, np.float32), rate)
    batch = [hear(clip, rate) for clip in (*clips, silence, murmur(0.1))]
    results = backend.run(batch)
    assert len(results) == len(batch), f"{len(results)} results for {len(batch)} clips"
    for audio, result in zip(batch, results, strict=True):
        _check_result(backend, result, audio.main)
    _check_silence(results[len(clips)])
    for audio, result in zip(batch, results, strict=True):
        assert _same(backend.run([audio])[0], result), "a clip alone gives another result than in a batch"
    assert all(map(_same, backend.run(batch), results)), "a second run gives another result"
    assert backend.run([]) == [], "an empty batch gives results"


def _check_options(backend: Backend) -> None:
    model = type(backend).Options
    dumped = backend.options.model_dump(mode="json")
    assert model.model_validate(dumped) == backend.options, "options change in a round trip"
    try:
        model.model_validate({**dumped, "no_such_option": 1})
    except ValidationError:
        pass
    else:
        raise AssertionError("an unknown option is no error")
    assert backend.revision, "a backend must state its revision"
    assert isinstance(backend.sample_rate, int), "sample_rate must be a whole number of Hz"
    assert backend.sample_rate > 0, "sample_rate must be positive"


def _check_result(backend: Backend, result: Any, audio: Audio) -> None:
    if isinstance(backend, Separator):
        _check_stems(result, audio)
        return
    if isinstance(result, Measured):
        _check_measured(result, audio)
        return
    if isinstance(result, Speech):
        for dropped in result.dropped:
            place = f"rejected {dropped.text!r} at {dropped.start}..{dropped.end}"
            assert 0 <= dropped.start < dropped.end <= audio.duration + 1e-6, f"outside the clip: {place}"
            assert dropped.reason, f"no reason: {place}"
        assert 0 <= result.language_confidence <= 1, f"language confidence {result.language_confidence}"
        assert bool(result.words) or result.language is None, "a language, but no words"
        rows = [(word.start, word.end, word.confidence, word.text) for word in result.words]
        assert all(text == text.strip() != "" for *_, text in rows), "blank or padded words"
    else:
        assert all(isinstance(span, Span) for span in result), "expected Spans"
        rows = [(span.start, span.end, span.score, span.name) for span in result]
        for name in {span.name for span in result}:
            own = sorted((span.start, span.end) for span in result if span.name == name)
            assert all(a[1] <= b[0] for a, b in pairwise(own)), f"spans of {name!r} overlap"
    for start, end, score, name in rows:
        place = f"{name!r} at {start}..{end} in a clip of {audio.duration} s"
        assert all(type(value) is float for value in (start, end, score)), f"not Python floats: {place}"
        assert 0 <= start < end <= audio.duration + 1e-6, f"times outside the clip: {place}"
        assert 0 <= score <= 1, f"score {score} outside [0, 1]: {place}"
    starts = [row[:2] for row in rows]
    assert starts == sorted(starts), "results are not sorted by time"


def _check_stems(result: tuple[Audio, Audio], audio: Audio) -> None:
    for stem in result:
        assert stem.rate == audio.rate, f"a stem at {stem.rate} Hz from audio at {audio.rate} Hz"
        assert stem.samples.shape == audio.samples.shape, "a stem's length differs from the mixture's"
        assert stem.samples.dtype == np.float32, f"a stem of {stem.samples.dtype}"
        assert np.isfinite(stem.samples).all(), "a stem holds NaN or infinite samples"


def _check_measured(result: Measured, audio: Audio) -> None:
    assert result.step > 0, f"frames of {result.step} s"
    length = result.step * len(result.pitch)
    assert length <= audio.duration + result.step, f"{length} s of pitch in a clip of {audio.duration} s"
    for value in (result.loudness, result.quality, *result.pitch):
        assert value is None or (type(value) is float and np.isfinite(value)), f"no finite float: {value!r}"
    assert min(result.pitch, default=0.0) >= 0, "a pitch below 0 Hz"
    assert result.quality is None or 1 <= result.quality <= 5, f"quality {result.quality} outside 1 to 5"


def _check_silence(result: Any) -> None:
    if isinstance(result, Measured):
        assert result.loudness is None, f"silence has a loudness: {result.loudness}"
        assert result.quality is None, f"silence has a quality: {result.quality}"
        assert not any(result.pitch), "a pitch in silence"
    elif isinstance(result, Speech):
        assert not result.words, f"words in silence: {result.words}"
    elif isinstance(result, tuple):
        assert all(stem.silent for stem in result), "stems of silence are not silent"
    else:
        assert not result, f"results in silence: {result}"


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, tuple):
        return all(np.array_equal(a.samples, b.samples) for a, b in zip(first, second, strict=True))
    return bool(first == second)
