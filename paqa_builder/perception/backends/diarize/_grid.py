"""Excerpts of 1.5 s on a grid, from which the voices of a clip are embedded."""

from __future__ import annotations

import numpy as np

from paqa_builder.perception.backends.diarize import _campplus
from paqa_builder.perception.backends.diarize import _segmentation as frames
from paqa_builder.perception.backends.diarize._networks import Steps
from paqa_builder.perception.backends.diarize._segmentation import Windows
from paqa_builder.perception.backends.diarize._voices import Excerpts, local_links

EXCERPT = 1.5
"""Length of an excerpt in seconds: long enough to distinguish voices, short enough for one voice."""
_MAX_EXCERPTS = 5000
_SIZE = round(EXCERPT / _campplus.FRAME)


class Grid:
    """Excerpts of a clip that contain speech. Their vectors are requested when they are needed.

    Attributes:
        hop: Hop of the grid in seconds.
        begin, finish: Boundaries in frames of the segmentation, ``[n]`` each.
        vectors: Unit embeddings, ``[n, 192]``; zero where not requested.
        known: Excerpts with a vector, ``bool [n]``.
    """

    def __init__(self, features: np.ndarray, hop: float, speaking: np.ndarray) -> None:
        """Places the excerpts.

        Args:
            features: Log mel energies of the clip, ``[m, 80]``.
            hop: Hop in seconds. It is larger in long clips: clustering needs memory quadratic in the number
                of excerpts.
            speaking: Frames with speech, ``bool [frames]``, at least one.
        """
        step = max(round(hop / _campplus.FRAME), -(-len(features) // _MAX_EXCERPTS))
        self.hop = step * _campplus.FRAME
        starts = np.arange(0, max(1, len(features) - _SIZE + 1), step)
        begin, finish = _boundaries(starts, len(speaking))
        spoken = np.array([speaking[a:b].any() for a, b in zip(begin, finish, strict=True)])
        # Speech after the end of the last excerpt is assigned by that excerpt.
        spoken[-1] |= speaking[finish[-1] :].any() or not spoken.any()
        self._features = features
        self._starts, self.begin, self.finish = starts[spoken], begin[spoken], finish[spoken]
        self.vectors = np.zeros((len(self._starts), _campplus.SIZE), np.float32)
        self.known = np.zeros(len(self._starts), bool)

    def coarse(self, hop: float) -> np.ndarray:
        """Indices of excerpts with a larger hop: the first, every n-th and the last of each run of speech."""
        return self._thinned(max(1, round(hop / self.hop)))

    def _thinned(self, every: int) -> np.ndarray:
        gaps = np.flatnonzero(np.diff(self._starts) > round(self.hop / _campplus.FRAME)) + 1
        runs = np.split(np.arange(len(self._starts)), gaps)
        return np.unique(np.concatenate([np.append(run[::every], run[-1]) for run in runs]))

    def embed(self, indices: np.ndarray) -> Steps[None]:
        """Requests the vectors of excerpts that have none yet."""
        missing = indices[~self.known[indices]]
        chosen = [self._features[at : at + _SIZE] for at in self._starts[missing]]
        self.vectors[missing] = yield from _campplus.embed(chosen)
        self.known[missing] = True

    def embed_all(self, similar: float) -> Steps[None]:
        """Requests the vectors of all excerpts, except of those between two similar ones.

        At a hop of 0.25 s, an excerpt shares five sixths of its audio with each neighbour. Where the cosine
        of both neighbours is at least ``similar``, its vector is their normalised mean. A grid in which less
        than three quarters are shared is embedded as it is.
        """
        yield from self.embed(self._thinned(2 if self.hop <= EXCERPT / 4 else 1))
        between = np.flatnonzero(~self.known)
        before, after = self.vectors[between - 1], self.vectors[between + 1]
        alike = (before * after).sum(axis=1) >= similar
        yield from self.embed(between[~alike])
        means = (before + after)[alike]
        self.vectors[between[alike]] = means / np.linalg.norm(means, axis=1, keepdims=True)
        self.known[between] = True
        self._features = self._features[:0].copy()  # clustering needs the memory

    def clustered(
        self, indices: np.ndarray, clean: np.ndarray, share: float, windows: Windows
    ) -> tuple[Excerpts, np.ndarray]:
        """Excerpts for clustering, and their indices.

        Args:
            indices: Excerpts with a vector.
            clean: Frames with exactly one voice, ``bool [frames]``.
            share: Minimum share of clean frames; the cleanest excerpts are always taken.
            windows: Segmentation of the same clip.
        """
        pairs = zip(self.begin[indices], self.finish[indices], strict=True)
        cleanness = np.array([clean[a:b].mean() for a, b in pairs])
        chosen = indices[cleanness >= min(share, cleanness.max())]
        linked, seen = local_links(*windows, self.begin[chosen], self.finish[chosen])
        times = self._starts[chosen] * _campplus.FRAME
        return Excerpts(self.vectors[chosen], times, EXCERPT, linked, seen), chosen

    def spread(self, values: np.ndarray, count: int) -> np.ndarray:
        """Values of the excerpts ``[n, k]`` as weighted means over ``count`` frames, ``[count, k]``.

        Frames without an excerpt have the values of the last frame before with one.
        """
        total, weight = np.zeros((count, values.shape[1])), np.zeros((count, 1))
        for a, b, value in zip(self.begin, self.finish, values, strict=True):
            taper = np.bartlett(b - a + 2)[1:-1, None]
            total[a:b] += taper * value
            weight[a:b] += taper
        last = np.maximum.accumulate(np.where(weight[:, 0] > 0, np.arange(count), 0))
        return (total / np.maximum(weight, 1e-9))[last]


def _boundaries(starts: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """First frame and end of excerpts that start at frames of the features."""
    times = starts * _campplus.FRAME - frames.FIELD / 2
    begin = np.clip(np.round(times / frames.STEP).astype(int), 0, count - 1)
    return begin, np.clip(np.round((times + EXCERPT) / frames.STEP).astype(int), begin + 1, count)
