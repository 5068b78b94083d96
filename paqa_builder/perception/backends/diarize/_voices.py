"""Which excerpts are one voice: a decision by calibrated log odds instead of a cosine threshold.

A cosine that tells two voices apart in one recording joins them in another: noise and reverberation lower
the similarity within a voice, telephone bands raise that between voices. So groups of excerpts are compared
by several pieces of evidence at once, whose weights were fitted on mixtures of other voices:

- the mean cosine similarity between the groups;
- the same, divided by the similarity *within* them: 1 where what separates the groups is only what
  separates a voice from itself a moment later (the correction for attenuation; Spearman, 1904);
- whether segmentation-3.0 heard them as the same of its local voices where both lie in one window: a
  soft must-link and cannot-link, which does not depend on embeddings;
- how little there is of the smaller group, for little is easily unlike anything.

Groups start as fine clusters and are joined, most alike first, as long as the log odds are positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paqa_builder.perception.backends.diarize import _segmentation as frames
from paqa_builder.perception.calibration import SameVoice

FINE = 0.35
"""Mean cosine distance of the clusters to begin with: fine enough to hold one voice each."""
_MIDDLE = 22
"""Frames either way of an excerpt's middle that say which local voice it is of: 0.74 s in all."""
_SURE = 0.95
_TYPICAL = 0.63
"""Usual similarity of two excerpts of one voice 1.5 s apart, where a clip does not show its own."""
_TYPICAL_WEIGHT, _OWN_WEIGHT = 8, 20
"""How many pairs the usual value counts for in a clip's, and a clip's in a group's."""
_STEP = 0.25
"""Seconds between excerpts for which the weights were fitted: sizes are counted in these."""
_LARGE = 16


@dataclass(frozen=True, slots=True)
class Excerpts:
    """What is known of ``n`` excerpts.

    Attributes:
        vectors: Unit embeddings, ``[n, d]``.
        times: Starts in seconds, ``[n]``.
        length: Seconds of one excerpt.
        linked: Log odds that two excerpts are of one local voice, ``[n, n]``; 0 where not ``seen``.
        seen: Whether any window holds both, ``bool [n, n]``.
    """

    vectors: np.ndarray
    times: np.ndarray
    length: float
    linked: np.ndarray
    seen: np.ndarray


def local_links(
    starts: np.ndarray, posteriors: np.ndarray, begin: np.ndarray, finish: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What the segmentation's windows say of each pair of excerpts.

    Args:
        starts, posteriors: Of :meth:`~._segmentation.Segmentation.windows`.
        begin, finish: The excerpts' borders in frames, ``[n]`` each.

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
    share = np.clip(together / np.maximum(windows, 1), 1 - _SURE, _SURE)
    return np.where(seen, np.log(share / (1 - share)), 0).astype(np.float32), seen


class Groups:
    """Groups of excerpts, and the sums over pairs that their log odds are made of.

    All sums add up when groups are joined, so joining two of ``k`` groups costs ``k`` steps.
    """

    def __init__(self, excerpts: Excerpts, labels: np.ndarray) -> None:
        names, self.labels = np.unique(labels, return_inverse=True)
        member = (self.labels[:, None] == np.arange(len(names))).astype(np.float32)
        alike = excerpts.vectors @ excerpts.vectors.T
        gap = np.abs(excerpts.times[:, None] - excerpts.times[None])
        apart = (gap >= excerpts.length - 1e-6).astype(np.float32)

        def over_pairs(values: np.ndarray) -> np.ndarray:
            return (member.T @ values.astype(np.float32) @ member).astype(np.float64)

        self.size = member.sum(axis=0).astype(np.float64)
        self.alike, self.alike_apart = over_pairs(alike), over_pairs(alike * apart)
        self.apart = over_pairs(apart)
        self.linked, self.seen = over_pairs(excerpts.linked), over_pairs(excerpts.seen)
        # Excerpts next to each other that the segmentation takes for one voice: how alike is a
        # voice to itself in this clip?
        near = (gap >= excerpts.length - 1e-6) & (gap <= 1.5 * excerpts.length + 1e-6)
        near &= excerpts.linked > np.log(4)
        self.typical = (alike[near].sum() / 2 + _TYPICAL * _TYPICAL_WEIGHT) / (
            near.sum() / 2 + _TYPICAL_WEIGHT
        )
        steps = np.diff(np.unique(excerpts.times))
        self.step = (float(steps.min()) if len(steps) else _STEP) / _STEP

    def evidence(self, group: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """On whether ``group`` and each of the groups is one voice, ``[k]`` each; see :class:`SameVoice`.

        The entry of ``group`` itself, and those of empty groups, have no sense.
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
        """Makes one group of two; ``gone`` stays as an empty one."""
        for sums in (self.alike, self.alike_apart, self.apart, self.linked, self.seen):
            sums[kept] += sums[gone]
            sums[:, kept] += sums[:, gone]
            sums[gone] = sums[:, gone] = 0
        self.size[kept] += self.size[gone]
        self.size[gone] = 0
        self.labels[self.labels == gone] = kept


def fine_clusters(vectors: np.ndarray, distance: float) -> np.ndarray:
    """Average-link clusters of unit vectors ``[n, d]`` up to a mean cosine distance; labels ``[n]``."""
    if len(vectors) == 1:
        return np.zeros(1, int)
    from scipy.cluster.hierarchy import fcluster, linkage

    return fcluster(linkage(vectors, "average", "cosine"), t=distance, criterion="distance")


def one_voice_each(excerpts: Excerpts, weights: SameVoice, least: float = 0.0) -> np.ndarray:
    """Says which voice each excerpt is of: labels ``[n]``, joined down to log odds of ``least``."""
    fine = fine_clusters(excerpts.vectors, FINE)
    groups = Groups(excerpts, fine)
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
    """Unit centres ``[voices, d]`` in order of first appearance; the largest group always stays."""
    names, first, sizes = np.unique(labels, return_index=True, return_counts=True)
    kept = (sizes >= min_share * len(vectors)) | (sizes == sizes.max())
    ordered = names[kept][np.argsort(first[kept])]
    means = np.stack([vectors[labels == name].mean(axis=0) for name in ordered])
    return means / np.linalg.norm(means, axis=1, keepdims=True)
