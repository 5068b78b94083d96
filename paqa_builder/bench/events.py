"""Scores of sound events: ranking of labels by clip, and F1 of detections in time.

Recall and precision of labels use :func:`~paqa_builder.labels.crosswalk.accepted`; rankings and detections
of a class use :func:`~paqa_builder.labels.crosswalk.signs_of`. F1 is over the annotated vocabulary: detected
labels outside it do not count for F1 (but for ``event_precision``, if the annotation is complete).

Source of the segment- and event-based measures: Mesaros, Heittola, Virtanen, "Metrics for polyphonic
sound event detection", Applied Sciences 6(6), 2016; micro-averaged, as in sed_eval.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from paqa_builder.bench.measures import MeanAveragePrecision, Measure, Ratio
from paqa_builder.bench.reference import Reference
from paqa_builder.intervals import Span, Spans, union
from paqa_builder.labels import audioset
from paqa_builder.labels.crosswalk import accepted, signs_of
from paqa_builder.records import Scene, Tag

if TYPE_CHECKING:
    import numpy as np

THRESHOLD = 0.5
"""Smallest score of a tag that counts as a detection."""
SEGMENT = 1.0
ONSET = 0.2
LOOSE = 1.0
OFFSET_SHARE = 0.2
TOP = (1, 3, 5)
# Longest pause within an event, on both sides: taggers work in steps of half a second.
_GAP = 0.5
# Tolerance for rounding errors.
_EPSILON = 1e-9

Pairs = Mapping[str, tuple[Scene, Reference]]
Detections = dict[str, Spans]


def score(pairs: Pairs, threshold: float = THRESHOLD) -> dict[str, Measure]:
    """Scores tags. A clip whose *tag* stage failed counts as without tags.

    Args:
        threshold: Smallest score of a detection, for F1 and precision. Recall among the best labels and
            average precision use all scores.
    """
    measures: dict[str, Measure] = {f"event_top{k}": Ratio(_recall(pairs, k)) for k in TOP}
    complete = {clip: pair for clip, pair in pairs.items() if pair[1].truth.tags_complete}
    if complete:
        measures["event_map"] = _ranking(complete)
        measures["event_precision"] = Ratio(
            {clip: _precision(*pair, threshold) for clip, pair in complete.items()}
        )
    timed = {
        clip: pair for clip, pair in complete.items() if all(t.localized for t in pair[1].truth.tags or ())
    }
    classes = _classes(reference for _, reference in timed.values())
    if classes:
        f1: dict[str, dict[str, tuple[float, float]]] = defaultdict(dict)
        for clip, (scene, reference) in timed.items():
            true = _annotated(reference)
            detected = detections(scene.tags or (), classes, set(true), threshold)
            for name, counts in (
                ("segment_f1", segments(true, detected, scene.duration)),
                ("event_f1", matches(true, detected, ONSET, OFFSET_SHARE)),
                ("event_f1_loose", matches(true, detected, LOOSE, None)),
            ):
                hits, reported, annotated = counts
                f1[name][clip] = (2.0 * hits, float(reported + annotated))
        measures |= {name: Ratio(parts) for name, parts in f1.items()}
    return measures


def best_scores(tags: Iterable[Tag]) -> dict[str, float]:
    """The highest score of each label that can be the subject of a question."""
    best: dict[str, float] = {}
    for tag in tags:
        if audioset.is_event(tag.label):
            best[tag.label] = max(best.get(tag.label, 0.0), tag.score)
    return best


def detections(
    tags: Iterable[Tag], classes: Iterable[str], present: set[str], threshold: float
) -> Detections:
    """Merged intervals of the detected tags by class of the annotated vocabulary.

    A label that is right for several classes counts for those in ``present``, the classes of the clip;
    if there are none, for the first one, as a single false alarm.
    """
    spans: dict[str, list[Span]] = defaultdict(list)
    for tag in tags:
        if tag.score < threshold or not tag.localized:
            continue
        fitting = sorted(name for name in classes if tag.label in signs_of(name))
        for name in [name for name in fitting if name in present] or fitting[:1]:
            spans[name].append((tag.start, tag.end))
    return {name: union(own, gap=_GAP) for name, own in sorted(spans.items())}


def segments(true: Detections, detected: Detections, duration: float) -> tuple[int, int, int]:
    """Counts (class, one-second segment) pairs: (correct, detected, annotated).

    A class is active in every segment that one of its intervals overlaps.
    """

    def active(events: Detections) -> set[tuple[str, int]]:
        return {
            (name, n)
            for name, spans in events.items()
            for start, end in spans
            for n in range(math.floor(start / SEGMENT), math.ceil(min(end, duration) / SEGMENT))
        }

    reference, estimate = active(true), active(detected)
    return len(reference & estimate), len(estimate), len(reference)


def matches(
    true: Detections, detected: Detections, onset: float, offset: float | None
) -> tuple[int, int, int]:
    """Counts events: (correct, detected, annotated), by a maximum matching.

    Args:
        onset: Tolerance of onsets in seconds.
        offset: Tolerance of offsets as a share of the event's length (but at least ``onset`` seconds);
            None to ignore offsets.
    """
    import numpy as np
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    hits = 0
    for name in sorted(set(true) & set(detected)):
        fits = np.array(
            [[_fits(event, other, onset, offset) for other in detected[name]] for event in true[name]],
            dtype=int,
        )
        hits += int((maximum_bipartite_matching(csr_array(fits)) >= 0).sum())
    return hits, sum(map(len, detected.values())), sum(map(len, true.values()))


def _fits(true: Span, detected: Span, onset: float, offset: float | None) -> bool:
    if abs(true[0] - detected[0]) > onset + _EPSILON:
        return False
    return offset is None or abs(true[1] - detected[1]) <= max(onset, offset * (true[1] - true[0])) + _EPSILON


def _classes(references: Iterable[Reference]) -> tuple[str, ...]:
    """The annotated labels that a tagger can detect."""
    labels = {tag.label for reference in references for tag in reference.truth.tags or ()}
    return tuple(sorted(label for label in labels if accepted(label) and audioset.is_event(label)))


def _annotated(reference: Reference) -> Detections:
    return {
        label: union(((tag.start, tag.end) for tag in reference.truth.tags or () if tag.label == label), _GAP)
        for label in _classes([reference])
    }


def _recall(pairs: Pairs, k: int) -> dict[str, tuple[float, float]]:
    """(recalled, all) annotated labels by clip; a label is recalled by one of the k best labels."""
    recall = {}
    for clip, (scene, reference) in pairs.items():
        best = best_scores(scene.tags or ())
        ranked = sorted(best, key=lambda label: (-best[label], label))[:k]
        labels = _classes([reference])
        right = sum(any(label in accepted(name) for label in ranked) for name in labels)
        recall[clip] = (float(right), float(len(labels)))
    return recall


def _ranking(pairs: Pairs) -> MeanAveragePrecision:
    import numpy as np

    classes = _classes(reference for _, reference in pairs.values())
    scores = np.zeros((len(pairs), len(classes)))
    present: np.ndarray = np.zeros((len(pairs), len(classes)), bool)
    for n, (scene, reference) in enumerate(pairs.values()):
        best = best_scores(scene.tags or ())
        labels = {tag.label for tag in reference.truth.tags or ()}
        for c, name in enumerate(classes):
            scores[n, c] = max((best.get(label, 0.0) for label in signs_of(name)), default=0.0)
            present[n, c] = name in labels
    return MeanAveragePrecision(pairs, scores, present)


def _precision(scene: Scene, reference: Reference, threshold: float) -> tuple[float, float]:
    """(right, all) labels detected in the clip, in any vocabulary."""
    labels = [tag.label for tag in reference.truth.tags or ()]
    if not all(map(accepted, labels)):
        return 0.0, 0.0  # a sound without an AudioSet class: any label may be right
    detected = [label for label, best in best_scores(scene.tags or ()).items() if best >= threshold]
    right = sum(any(name in accepted(label) for label in labels) for name in detected)
    return float(right), float(len(detected))
