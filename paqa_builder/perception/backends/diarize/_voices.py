"""Speaker clustering by calibrated log odds.

A cosine threshold does not suit all recordings: noise and reverberation lower the similarity within a voice,
telephone bands raise that between voices. The log odds for two groups of excerpts being of one voice combine
four features, with weights that were fitted on mixtures of other voices:

- the mean cosine similarity between the groups;
- the same, divided by the similarity *within* the groups (correction for attenuation; Spearman, 1904);
- the agreement of segmentation-3.0's local voices where both groups are in one window, a soft must-link or
  cannot-link that does not depend on embeddings;
- the size of the smaller group, since small groups are less similar to others.

Groups start as fine clusters and are merged, largest log odds first, while the log odds are positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paqa_builder.perception.backends.diarize import _segmentation as frames
from paqa_builder.perception.calibration import SameVoice

FINE = 0.35
"""Mean cosine distance of the initial clusters, small enough for one voice each."""
_MIDDLE = 22
"""Frames on each side of an excerpt's middle that determine its local voice: 0.74 s in all."""
_SURE = 0.95
_TYPICAL = 0.63
"""Prior similarity of two excerpts of one voice 1.5 s apart."""
_TYPICAL_WEIGHT, _OWN_WEIGHT = 8, 20
"""Weights in pairs: of the prior in a clip's value, and of the clip's value in a group's."""
_STEP = 0.25
"""Hop between excerpts in seconds for which the weights were fitted; the unit of sizes."""
_LARGE = 16


@dataclass(frozen=True, slots=True)
class Excerpts:
    """Features of ``n`` excerpts.

    Attributes:
        vectors: Unit embeddings, ``[n, d]``.
        times: Starts in seconds, ``[n]``.
        length: Length of an excerpt in seconds.
        linked: Log odds of two excerpts being of one local voice, ``[n, n]``; 0 where not ``seen``.
        seen: Whether a window contains both, ``bool [n, n]``.
    """

    vectors: np.ndarray
    times: np.ndarray
    length: float
    linked: np.ndarray
    seen: np.ndarray


def local_links(
    starts: np.ndarray, posteriors: np.ndarray, begin: np.ndarray, finish: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Links of all pairs of excerpts by the local voices of the segmentation.

    Args:
        starts, posteriors: Results of :meth:`~._segmentation.Segmentation.windows`.
        begin, finish: Boundaries of the excerpts in frames, ``[n]`` each.

    Returns:
        ``linked`` and ``seen`` of :class:`Excerpts`.
    """
    count = len(begin)
    together = np.zeros((count, count), np.float32)
    windows = np.zeros((count, count), np.float32)
    active = posteriors @ frames.MEMBERS
    size = active.shape[1]
    middle = (begin + finish) // 2
    for start, voices in zip(starts, active, strict=True):
        at = round(start / frames.STEP)
        low, high = np.maximum(begin, middle - _MIDDLE) - at, np.minimum(finish, middle + _MIDDLE) - at
        inside = np.flatnonzero((low >= 0) & (high <= size) & (high - low > _MIDDLE - 2))
        means = np.array([voices[low[n] : high[n]].mean(axis=0) for n in inside]).reshape(-1, frames.VOICES)
        spoken = means.sum(axis=1) > 0.5
        inside, means = inside[spoken], means[spoken]
        means = means / means.sum(axis=1, keepdims=True)
        where = np.ix_(inside, inside)
        together[where] += (means @ means.T).astype(np.float32)
        windows[where] += 1
    seen = windows > 0
    # In place: of 5,000 excerpts, an array has 100 MB.
    share = np.divide(together, np.maximum(windows, 1, out=windows), out=together)
    np.clip(share, 1 - _SURE, _SURE, out=share)
    odds = np.divide(share, np.subtract(1, share, out=windows), out=share)
    linked = np.log(odds, out=odds)
    linked[~seen] = 0
    return linked, seen


class Groups:
    """Groups of excerpts, with sums over pairs for their log odds.

    Sums are additive, so merging two of ``k`` groups takes O(k).
    """

    def __init__(self, excerpts: Excerpts, labels: np.ndarray) -> None:
        names, self.labels = np.unique(labels, return_inverse=True)
        member = (self.labels[:, None] == np.arange(len(names))).astype(np.float32)
        gap = np.subtract.outer(excerpts.times, excerpts.times)
        np.abs(gap, out=gap)
        far = gap >= excerpts.length - 1e-6
        # Adjacent excerpts of one local voice.
        near = far & (gap <= 1.5 * excerpts.length + 1e-6) & (excerpts.linked > np.log(4))
        del gap
        alike, apart = excerpts.vectors @ excerpts.vectors.T, far.astype(np.float32)

        def over_pairs(values: np.ndarray) -> np.ndarray:
            return (member.T @ values.astype(np.float32, copy=False) @ member).astype(np.float64)

        self.size = member.sum(axis=0).astype(np.float64)
        self.alike, self.alike_apart = over_pairs(alike), over_pairs(alike * apart)
        self.apart = over_pairs(apart)
        self.linked, self.seen = over_pairs(excerpts.linked), over_pairs(excerpts.seen)
        # Similarity within a voice in this clip.
        self.typical = (alike[near].sum() / 2 + _TYPICAL * _TYPICAL_WEIGHT) / (
            near.sum() / 2 + _TYPICAL_WEIGHT
        )
        steps = np.diff(np.unique(excerpts.times))
        self.step = (float(steps.min()) if len(steps) else _STEP) / _STEP

    def evidence(self, group: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Features of ``group`` and each of the groups for :class:`SameVoice`, ``[k]`` each.

        The entries of ``group`` itself and of empty groups have no meaning.
        """
        own = np.diagonal(self.alike_apart) / 2 + self.typical * _OWN_WEIGHT
        within = np.maximum(own / (np.diagonal(self.apart) / 2 + _OWN_WEIGHT), 0.1)
        pairs = np.maximum(self.size * self.size[group], 1)
        apart = self.apart[group]
        cosine = np.where(
            apart > 0, self.alike_apart[group] / np.maximum(apart, 1), self.alike[group] / pairs
        )
        seen = self.seen[group]
        link = self.linked[group] / np.maximum(seen, 1) * np.minimum(1, 2 * seen / pairs)
        smaller = np.minimum(np.minimum(self.size, self.size[group]) * self.step, _LARGE)
        return cosine, cosine / np.sqrt(within * within[group]), link, smaller

    def join(self, kept: int, gone: int) -> None:
        """Merges two groups; ``gone`` becomes empty."""
        for sums in (self.alike, self.alike_apart, self.apart, self.linked, self.seen):
            sums[kept] += sums[gone]
            sums[:, kept] += sums[:, gone]
            sums[gone] = sums[:, gone] = 0
        self.size[kept] += self.size[gone]
        self.size[gone] = 0
        self.labels[self.labels == gone] = kept


def fine_clusters(vectors: np.ndarray, distance: float) -> np.ndarray:
    """Labels ``[n]`` of average-linkage clusters of unit vectors ``[n, d]``, by mean cosine distance."""
    if len(vectors) == 1:
        return np.zeros(1, int)
    from scipy.cluster.hierarchy import fcluster, linkage

    return fcluster(linkage(vectors, "average", "cosine"), t=distance, criterion="distance")


def one_voice_each(excerpts: Excerpts, weights: SameVoice, least: float = 0.0) -> np.ndarray:
    """Voice of each excerpt: labels ``[n]``, after merging groups with log odds of at least ``least``."""
    groups = Groups(excerpts, fine_clusters(excerpts.vectors, FINE))
    count = len(groups.size)
    odds = np.full((count, count), -np.inf)
    for group in range(count):
        odds[group] = weights.log_odds(*groups.evidence(group))
    np.fill_diagonal(odds, -np.inf)
    while count > 1:
        first, second = divmod(int(odds.argmax()), count)
        if odds[first, second] < least:
            break
        kept, gone = min(first, second), max(first, second)
        groups.join(kept, gone)
        fresh = np.where(groups.size > 0, weights.log_odds(*groups.evidence(kept)), -np.inf)
        fresh[kept] = -np.inf
        odds[kept], odds[:, kept] = fresh, fresh
        odds[gone] = odds[:, gone] = -np.inf
    return groups.labels


def centres(vectors: np.ndarray, labels: np.ndarray, min_share: float) -> np.ndarray:
    """Unit centroids ``[voices, d]`` in order of first appearance.

    Args:
        min_share: Smallest share of the excerpts for a voice; the largest group is always kept.
    """
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    kept = (sizes >= min_share * len(vectors)) | (sizes == sizes.max())
    ordered = names[kept][np.argsort(first[kept])]
    means = np.stack([vectors[labels == name].mean(axis=0) for name in ordered])
    return means / np.linalg.norm(means, axis=1, keepdims=True)
