"""Which sounds, and when: ranking of labels per clip, and F1 of detections in time.

Recall and precision of labels go by :func:`~paqa_builder.labels.crosswalk.accepted`, rankings and
detections of a class by :func:`~paqa_builder.labels.crosswalk.signs_of`.
F1 is computed over the annotated vocabulary: a heard label outside it is not scored there (but counts
against ``event_precision``, where the annotation is complete).

Source of the segment- and event-based measures: Mesaros, Heittola, Virtanen, "Metrics for polyphonic
sound event detection", Applied Sciences 6(6), 2016; micro-averaged, as sed_eval computes them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from paqa_builder.bench.measures import MeanAveragePrecision, Measure, Ratio
from paqa_builder.bench.reference import Reference
from paqa_builder.intervals import Spans, union
from paqa_builder.labels import audioset
from paqa_builder.labels.crosswalk import accepted, signs_of
from paqa_builder.records import Scene, Tag

if TYPE_CHECKING:
    import numpy as np

HEARD = 0.5
"""From this score on a tag counts as a detection."""
SEGMENT = 1.0
ONSET = 0.2
LOOSE = 1.0
OFFSET_SHARE = 0.2
TOP = (1, 3, 5)
# Pauses within one sound that neither side counts as its end: taggers hear in half-second steps.
_GAP = 0.5
# Room for rounding: 0.2 s apart is within 0.2 s.
_EPSILON = 1e-9

Pairs = Mapping[str, tuple[Scene, Reference]]
Detections = dict[str, Spans]


def score(pairs: Pairs, heard_from: float = HEARD) -> dict[str, Measure]:
    """Scores tags; clips whose *tag* failed have heard nothing.

    Args:
        heard_from: The score from which a tag is a detection, for F1 and precision. Recall among the
            best labels and average precision look at all scores.
    """
    found: dict[str, Measure] = {f"event_top{k}": Ratio(_recall(pairs, k)) for k in TOP}
    complete = {clip: pair for clip, pair in pairs.items() if pair[1].truth.tags_complete}
    if complete:
        found["event_map"] = _ranking(complete)
        found["event_precision"] = Ratio(
            {clip: _precision(*pair, heard_from) for clip, pair in complete.items()}
        )
    timed = {
        clip: pair for clip, pair in complete.items() if all(t.localized for t in pair[1].truth.tags or ())
    }
    classes = _classes(timed)
    if classes:
        f1: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
        for clip, (heard, reference) in timed.items():
            true = _annotated(reference)
            named = detections(heard.tags or (), classes, set(true), heard_from)
            for name, counts in (
                ("segment_f1", segments(true, named, heard.duration)),
                ("event_f1", matches(true, named, ONSET, OFFSET_SHARE)),
                ("event_f1_loose", matches(true, named, LOOSE, None)),
            ):
                hits, reported, annotated = counts
                f1[name][clip] = (2.0 * hits, float(reported + annotated))
        found |= {name: Ratio(parts) for name, parts in f1.items()}
    return found


def best_scores(tags: Iterable[Tag]) -> dict[str, float]:
    """Each label's best score, of the labels that questions may be about."""
    best: dict[str, float] = {}
    for tag in tags:
        if audioset.is_event(tag.label):
            best[tag.label] = max(best.get(tag.label, 0.0), tag.score)
    return best


def detections(tags: Iterable[Tag], classes: Iterable[str], here: set[str], heard_from: float) -> Detections:
    """Heard tags under the names of the annotated vocabulary.

    A label that is right for several classes counts for those that the clip has, else (as one false
    alarm, not several) for the first.
    """
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for tag in tags:
        if tag.score < heard_from or not tag.localized:
            continue
        fitting = sorted(name for name in classes if tag.label in signs_of(name))
        for name in [name for name in fitting if name in here] or fitting[:1]:
            spans[name].append((tag.start, tag.end))
    return {name: union(found, gap=_GAP) for name, found in sorted(spans.items())}


def segments(true: Detections, heard: Detections, duration: float) -> tuple[int, int, int]:
    """(right, heard, annotated) pairs of class and one-second segment; a class is active in a segment
    that it touches."""

    def active(spans: Detections) -> set[tuple[str, int]]:
        return {
            (name, n)
            for name, found in spans.items()
            for start, end in found
            for n in range(math.floor(start / SEGMENT), math.ceil(min(end, duration) / SEGMENT))
        }

    one, other = active(true), active(heard)
    return len(one & other), len(other), len(one)


def matches(true: Detections, heard: Detections, onset: float, offset: float | None) -> tuple[int, int, int]:
    """(right, heard, annotated) events; most pairs whose onsets are at most ``onset`` seconds apart.

    Args:
        offset: Offsets, too, may differ by ``onset`` seconds or by this share of the event's length,
            whichever is more; None to leave them unscored.
    """
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    hits = 0
    for name in sorted(set(true) & set(heard)):
        fits = np.array(
            [[_fits(one, other, onset, offset) for other in heard[name]] for one in true[name]], dtype=int
        )
        hits += int((maximum_bipartite_matching(csr_array(fits)) >= 0).sum())
    return hits, sum(map(len, heard.values())), sum(map(len, true.values()))


def _fits(true: tuple[float, float], heard: tuple[float, float], onset: float, offset: float | None) -> bool:
    if abs(true[0] - heard[0]) > onset + _EPSILON:
        return False
    return offset is None or abs(true[1] - heard[1]) <= max(onset, offset * (true[1] - true[0])) + _EPSILON


def _classes(pairs: Pairs) -> tuple[str, ...]:
    """The annotated labels that a tagger could get right."""
    labels = {tag.label for _, reference in pairs.values() for tag in reference.truth.tags or ()}
    return tuple(sorted(label for label in labels if accepted(label) and audioset.is_event(label)))


def _annotated(reference: Reference) -> Detections:
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for tag in reference.truth.tags or ():
        if accepted(tag.label) and audioset.is_event(tag.label):
            spans[tag.label].append((tag.start, tag.end))
    return {name: union(found, gap=_GAP) for name, found in sorted(spans.items())}


def _recall(pairs: Pairs, k: int) -> dict[str, tuple[float, float]]:
    """How many of a clip's annotated labels are among the k that are heard best."""
    found = {}
    for clip, (heard, reference) in pairs.items():
        best = best_scores(heard.tags or ())
        ranked = sorted(best, key=lambda label: (-best[label], label))[:k]
        labels = _classes({clip: (heard, reference)})
        right = sum(any(label in accepted(name) for label in ranked) for name in labels)
        found[clip] = (float(right), float(len(labels)))
    return found


def _ranking(pairs: Pairs) -> MeanAveragePrecision:
    import numpy as np

    classes = _classes(pairs)
    scores = np.zeros((len(pairs), len(classes)))
    present: np.ndarray = np.zeros((len(pairs), len(classes)), bool)
    for n, (heard, reference) in enumerate(pairs.values()):
        best = best_scores(heard.tags or ())
        labels = {tag.label for tag in reference.truth.tags or ()}
        for c, name in enumerate(classes):
            scores[n, c] = max((best.get(label, 0.0) for label in signs_of(name)), default=0.0)
            present[n, c] = name in labels
    return MeanAveragePrecision(pairs, scores, present)


def _precision(heard: Scene, reference: Reference, heard_from: float) -> tuple[float, float]:
    """(right, all) labels detected in the clip, of any vocabulary."""
    labels = [tag.label for tag in reference.truth.tags or ()]
    if not all(map(accepted, labels)):
        return 0.0, 0.0  # something is heard that AudioSet has no word for: any label may be right
    named = [label for label, best in best_scores(heard.tags or ()).items() if best >= heard_from]
    right = sum(any(name in accepted(label) for label in labels) for name in named)
    return float(right), float(len(named))
