"""Diarization as the first release called the models, as the reference of ``make bench``.

torch runs segmentation-3.0 on the mixture, then on the speech stem, in windows of 10 s every second, and
CAM++ on excerpts of 1.5 s every 0.25 s, with or without speech. Clustering is the one of the package.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from paqa_builder.audio import Audio, fit
from paqa_builder.intervals import union
from paqa_builder.perception import calibration
from paqa_builder.perception._tracks import runs
from paqa_builder.perception.backends.base import AudioInput, Span
from paqa_builder.perception.backends.diarize import _campplus, _voices
from paqa_builder.perception.backends.diarize import _segmentation as frames
from paqa_builder.perception.backends.diarize.segmentation_campplus import choose
from paqa_builder.runtime.threads import torch_cpu

_EXCERPT, _HOP = 150, 25
"""Frames of 10 ms of an excerpt, and between excerpts."""


@cache
def load() -> tuple[Any, Any, Any]:
    """torch with one thread, and the two networks."""
    torch = torch_cpu()
    return torch, frames.load_network(torch), _campplus.load_network(torch)


def run(clips: Sequence[Audio | AudioInput]) -> list[list[Span]]:
    """Diarizes clips at 16 kHz, one after another; call :func:`load` before timing it."""
    return [_diarize(AudioInput(clip, clip) if isinstance(clip, Audio) else clip) for clip in clips]


def _diarize(clip: AudioInput) -> list[Span]:
    if clip.main.silent:
        return []
    count = frames.frame_count(clip.mix.duration)
    windows = _windows(clip.mix.samples)
    segmented = [windows, *([_windows(clip.speech.samples)] if clip.speech is not None else [])]
    both = np.stack([frames.average(at, frames.speech_and_overlap(rows), count) for at, rows in segmented])
    certain = np.clip(both[..., 0], 0.01, 0.99)
    speech = 1 / (1 + np.exp(-np.log(certain / (1 - certain)).mean(axis=0)))
    overlap = both[..., 1].mean(axis=0)
    speaking = speech > 0.5
    doubled = speaking & (overlap > 0.5)
    if not speaking.any():
        return []
    likeness = _likeness(clip.main.samples, speaking & ~doubled, windows)
    active = choose(likeness, speaking, doubled)
    share = np.exp((likeness - likeness.max(axis=1, keepdims=True)) / 0.1)
    share /= share.sum(axis=1, keepdims=True)
    first, offset = likeness.argmax(axis=1), (frames.FIELD - frames.STEP) / 2
    curve = calibration.curve("turn.segmentation_campplus")
    spans = []
    for voice in range(active.shape[1]):
        posterior = np.where(first == voice, speech, overlap) * share[:, voice]
        for a, b in union(runs(active[:, voice]), 0.5 / frames.STEP):
            if b - a < 0.2 / frames.STEP:
                continue
            frame = slice(int(a), int(b))
            raw = float(np.clip(posterior[frame][active[frame, voice]].mean(), 0, 1))
            start = max(0.0, int(a) * frames.STEP + offset)
            end = min(clip.main.duration, int(b) * frames.STEP + offset)
            if start < end:
                spans.append(Span(start, end, str(voice), curve(raw)))
    return sorted(spans)


def _windows(samples: np.ndarray) -> frames.Windows:
    torch, network, _ = load()
    samples = fit(samples, max(len(samples), round(frames.FIELD * frames.RATE)))
    size = min(len(samples), round(frames.WINDOW * frames.RATE))
    starts = [*range(0, len(samples) - size + 1, frames.RATE)]
    if starts[-1] + size < len(samples):
        starts.append(len(samples) - size)
    rows = []
    with torch.inference_mode():
        for at in range(0, len(starts), 16):
            batch = np.stack([samples[start : start + size] for start in starts[at : at + 16]])
            rows.append(network(torch.from_numpy(batch)[:, None]).exp().numpy())
    return np.array(starts) / frames.RATE, np.concatenate(rows)


def _likeness(samples: np.ndarray, clean: np.ndarray, windows: frames.Windows) -> np.ndarray:
    torch, _, network = load()
    features = _campplus.Features()(samples)
    starts = np.arange(0, max(1, len(features) - _EXCERPT + 1), _HOP)
    parts = []
    with torch.inference_mode():
        for at in range(0, len(starts), 32):
            batch = np.stack([features[start : start + _EXCERPT] for start in starts[at : at + 32]])
            parts.append(network(torch.from_numpy(batch - batch.mean(axis=1, keepdims=True))).numpy())
    vectors = np.concatenate(parts)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    count = len(clean)
    times = starts * _campplus.FRAME - frames.FIELD / 2
    begin = np.clip(np.round(times / frames.STEP).astype(int), 0, count - 1)
    finish = np.clip(np.round((times + 1.5) / frames.STEP).astype(int), begin + 1, count)
    cleanness = np.array([clean[a:b].mean() for a, b in zip(begin, finish, strict=True)])
    chosen = np.flatnonzero(cleanness >= min(0.7, cleanness.max()))
    linked, seen = _voices.local_links(*windows, begin[chosen], finish[chosen])
    excerpts = _voices.Excerpts(vectors[chosen], starts[chosen] * _campplus.FRAME, 1.5, linked, seen)
    labels = _voices.one_voice_each(excerpts, calibration.same_voice("segmentation_campplus"))
    centres = _voices.centres(excerpts.vectors, labels, 0.06)
    total, weight = np.zeros((count, len(centres))), np.zeros((count, 1))
    for a, b, near in zip(begin, finish, vectors @ centres.T, strict=True):
        taper = np.bartlett(b - a + 2)[1:-1, None]
        total[a:b] += taper * near
        weight[a:b] += taper
    last = np.maximum.accumulate(np.where(weight[:, 0] > 0, np.arange(count), 0))
    return (total / np.maximum(weight, 1e-9))[last]
