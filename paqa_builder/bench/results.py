"""Scores as JSON data, and their breakdown for tables and plots."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from typing import Any

from paqa_builder.bench.measures import Difference, difference
from paqa_builder.bench.score import Scores
from paqa_builder.bench.titles import TITLES
from paqa_builder.bench.verdicts import RIGHT, WRONG, Judged, tally

# Title and bins (label and upper edge) of each condition.
BINS: dict[str, tuple[str, tuple[tuple[str, float], ...]]] = {
    "snr": (
        "speech over other sounds (dB)",
        (("<= -5", -5.0), ("to 0", 0.0), ("to 5", 5.0), ("to 10", 10.0), ("to 15", 15.0), ("> 15", math.inf)),
    ),
    "speakers": (
        "speakers",
        (("0", 0.0), ("1", 1.0), ("2", 2.0), ("3", 3.0), ("4", 4.0), ("> 4", math.inf)),
    ),
    "overlap": ("overlapping speech", (("none", 0.0), ("<= 10 %", 0.1), ("> 10 %", math.inf))),
}
# Decimals for binning: a measured level of 5.0000001 dB belongs to the bin up to 5 dB.
_DECIMALS = 3

TALLIES: dict[str, Callable[[Judged], str]] = {
    "template": lambda item: item.question.template,
    "skill": lambda item: item.question.skill,
    "level": lambda item: item.question.level,
    "confidence": lambda item: item.bin,
}


def bins_of(scores: Scores, condition: str) -> dict[str, list[str]]:
    """The clips of each bin of a condition; empty bins are left out."""
    labels, edges = zip(*BINS[condition][1], strict=True)
    bins: dict[str, list[str]] = {label: [] for label in labels}
    for clip, value in scores.conditions[condition].items():
        bins[labels[bisect_left(edges, round(value, _DECIMALS))]].append(clip)
    return {label: clips for label, clips in bins.items() if clips}


def precision(counts: Counter[str]) -> float:
    """Share of right questions among the decided ones; NaN if none is decided."""
    decided = counts[RIGHT] + counts[WRONG]
    return counts[RIGHT] / decided if decided else math.nan


def to_json(scores: Scores, against: Scores | None = None) -> dict[str, Any]:
    """All scores, also by clip and by question."""
    data: dict[str, Any] = {
        "build": scores.name,
        "models": list(scores.models),
        "clips": scores.clips,
        "seconds": round(scores.seconds, 3),
        "without_truth": list(scores.unscored),
        "without_clip": list(scores.absent),
        "notes": list(scores.notes),
        "measures": {name: _measured(scores, name) for name in TITLES if name in scores.measures},
        "conditions": {
            condition: {
                label: {"clips": len(clips), **_over(scores, clips)}
                for label, clips in bins_of(scores, condition).items()
            }
            for condition in BINS
        },
        "questions": {
            **{by: _tallied(scores.judged, key) for by, key in TALLIES.items()},
            "judged": [_judged(item) for item in scores.judged],
        },
        "cost": scores.costs,
    }
    if against is not None:
        data["against"] = to_json(against)
        data["differences"] = {
            name: {
                "clips": change.clips,
                "value": _number(change.value),
                "low": _number(change.low),
                "high": _number(change.high),
            }
            for name, change in differences(scores, against).items()
        }
    return data


def differences(scores: Scores, against: Scores) -> dict[str, Difference]:
    """``against - scores`` by measure, over the clips that both have."""
    changes = {
        name: difference(scores.measures[name], against.measures[name])
        for name in TITLES
        if name in scores.measures and name in against.measures
    }
    return {name: change for name, change in changes.items() if change is not None}


def _measured(scores: Scores, name: str) -> dict[str, Any]:
    measure = scores.measures[name]
    low, high = measure.interval()
    return {
        "value": _number(measure.value), "low": _number(low), "high": _number(high),
        "clips": len(measure.clips), "better": TITLES[name].better, "unit": TITLES[name].unit,
        "by_clip": {clip: _number(measure.over([clip]).value) for clip in measure.clips},
    }  # fmt: skip


def _over(scores: Scores, clips: list[str]) -> dict[str, float | None]:
    """The measures over some of the clips."""
    values = {}
    for name in TITLES:
        if name in scores.measures:
            measure = scores.measures[name]
            values[name] = _number(measure.over([clip for clip in clips if clip in measure.clips]).value)
    return values


def _tallied(judged: tuple[Judged, ...], by: Callable[[Judged], str]) -> dict[str, Any]:
    return {
        name: {**dict(sorted(counts.items())), "precision": _number(precision(counts))}
        for name, counts in tally(judged, by).items()
    }


def _judged(item: Judged) -> dict[str, Any]:
    question = item.question
    return {
        "id": question.id, "clip": question.clip_id, "template": question.template,
        "question": question.question, "answer": question.answer, "verdict": item.verdict,
        "reason": item.reason, "confidence": round(item.confidence, 4), "inexact_quote": item.inexact,
    }  # fmt: skip


def _number(value: float) -> float | None:
    """A rounded number; None for NaN, which JSON lacks."""
    return None if math.isnan(value) else round(value, 6)
