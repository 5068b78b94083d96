"""Who speaks when: diarization error rate with its parts, and the number of speakers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from paqa_builder.bench.measures import Ratio
from paqa_builder.bench.reference import Reference
from paqa_builder.intervals import Spans
from paqa_builder.records import Scene, Turn

if TYPE_CHECKING:
    from pyannote.core import Annotation

COLLAR = 0.25
"""Seconds on *each* side of a reference boundary that the lenient figure does not score."""

_PARTS = {"miss": "missed detection", "false_alarm": "false alarm", "confusion": "confusion"}


def score(pairs: Mapping[str, tuple[Scene, Reference]]) -> dict[str, Ratio]:
    """Scores turns.

    The diarization error rate is missed speech, false alarms and speech of the wrong speaker over all
    reference speech, overlaps scored, speakers matched one to one for the least error (NIST RT-09; by
    pyannote.metrics). A clip whose *diarize* failed has heard nothing.
    """
    from pyannote.metrics.diarization import DiarizationErrorRate

    # pyannote's collar is the width of the gap, half of it on either side; md-eval's is one half.
    strict, lenient = DiarizationErrorRate(collar=0.0), DiarizationErrorRate(collar=2 * COLLAR)
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for clip, (heard, reference) in pairs.items():
        true, turns = reference.truth.turns or (), heard.turns or ()
        spans = reference.scored or ((0.0, heard.duration),)
        for name, metric in (("der", strict), ("der_collar", lenient)):
            parts = metric(annotation(true), annotation(turns), uem=_uem(spans), detailed=True)
            total = parts["total"]
            errors = {part: parts[key] for part, key in _PARTS.items()}
            found.setdefault(name, {})[clip] = (sum(errors.values()), total)
            if metric is strict:
                for part, seconds in errors.items():
                    found.setdefault(f"der_{part}", {})[clip] = (seconds, total)
        count, counted = len(_speakers(true, spans)), len(_speakers(turns, spans))
        found.setdefault("count_right", {})[clip] = (float(count == counted), 1.0)
        found.setdefault("count_error", {})[clip] = (float(abs(count - counted)), 1.0)
    return {name: Ratio(parts) for name, parts in found.items()}


def annotation(turns: Iterable[Turn]) -> Annotation:
    """Turns as pyannote knows them; a speaker's own overlapping turns become one."""
    from pyannote.core import Annotation, Segment

    made = Annotation()
    for n, turn in enumerate(turns):
        made[Segment(turn.start, turn.end), n] = turn.speaker
    return made.support()


def overlap_share(turns: Iterable[Turn]) -> float:
    """The share of speech time in which two or more speak; 0 without speech."""
    events = sorted((at, step) for turn in turns for at, step in ((turn.start, 1), (turn.end, -1)))
    speech = together = 0.0
    active, last = 0, 0.0
    for at, step in events:
        speech += (at - last) * (active >= 1)
        together += (at - last) * (active >= 2)
        active, last = active + step, at
    return together / speech if speech else 0.0


def _speakers(turns: Iterable[Turn], spans: Spans) -> set[str]:
    return {turn.speaker for turn in turns for a, b in spans if turn.start < b and a < turn.end}


def _uem(spans: Spans) -> Any:
    from pyannote.core import Segment, Timeline

    return Timeline([Segment(start, end) for start, end in spans])
