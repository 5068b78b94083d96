"""Scores of speaker turns: diarization error rate with its components, and number of speakers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from paqa_builder.bench.measures import Ratio
from paqa_builder.bench.reference import Reference
from paqa_builder.intervals import Spans, time_covered
from paqa_builder.records import Scene, Turn

if TYPE_CHECKING:
    from pyannote.core import Annotation

COLLAR = 0.25
"""Seconds on *each* side of a reference boundary that the lenient figure does not score."""

_PARTS = {"miss": "missed detection", "false_alarm": "false alarm", "confusion": "confusion"}


def score(pairs: Mapping[str, tuple[Scene, Reference]]) -> dict[str, Ratio]:
    """Scores turns.

    The diarization error rate is missed speech, false alarm and speaker confusion over all reference
    speech. Overlap is scored; speakers are matched one to one for the least error (NIST RT-09, by
    pyannote.metrics). A clip whose *diarize* stage failed counts as without turns.
    """
    from pyannote.metrics.diarization import DiarizationErrorRate

    # pyannote's collar is the whole gap around a boundary, md-eval's is one side of it.
    strict, lenient = DiarizationErrorRate(collar=0.0), DiarizationErrorRate(collar=2 * COLLAR)
    scores: dict[str, dict[str, tuple[float, float]]] = {}
    for clip, (scene, reference) in pairs.items():
        true, turns = reference.truth.turns or (), scene.turns or ()
        spans = reference.scored or ((0.0, scene.duration),)
        for name, metric in (("der", strict), ("der_collar", lenient)):
            parts = metric(annotation(true), annotation(turns), uem=_uem(spans), detailed=True)
            total = parts["total"]
            errors = {part: parts[key] for part, key in _PARTS.items()}
            scores.setdefault(name, {})[clip] = (sum(errors.values()), total)
            if metric is strict:
                for part, seconds in errors.items():
                    scores.setdefault(f"der_{part}", {})[clip] = (seconds, total)
        count, counted = len(_speakers(true, spans)), len(_speakers(turns, spans))
        scores.setdefault("count_right", {})[clip] = (float(count == counted), 1.0)
        scores.setdefault("count_error", {})[clip] = (float(abs(count - counted)), 1.0)
    return {name: Ratio(parts) for name, parts in scores.items()}


def annotation(turns: Iterable[Turn]) -> Annotation:
    """Turns as a ``pyannote.core.Annotation``; overlapping turns of one speaker are merged."""
    from pyannote.core import Annotation, Segment

    converted = Annotation()
    for n, turn in enumerate(turns):
        converted[Segment(turn.start, turn.end), n] = turn.speaker
    return converted.support()


def overlap_share(turns: Iterable[Turn]) -> float:
    """Share of speech time in which two or more speakers are active; 0 without speech."""
    spans = [(turn.start, turn.end) for turn in turns]
    speech = time_covered(spans, 1)
    return time_covered(spans, 2) / speech if speech else 0.0


def _speakers(turns: Iterable[Turn], spans: Spans) -> set[str]:
    return {turn.speaker for turn in turns for a, b in spans if turn.start < b and a < turn.end}


def _uem(spans: Spans) -> Any:
    from pyannote.core import Segment, Timeline

    return Timeline([Segment(start, end) for start, end in spans])
