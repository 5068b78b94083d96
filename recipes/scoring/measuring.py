"""From completions to figures: how often right, in which skill, and how much of the clip was heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from recipes.data.rows import Row
from recipes.rewards import reading
from recipes.rewards.records import alike, known, label
from recipes.scoring import matching
from recipes.scoring.answering import Answers


def measure(rows: Sequence[Row], greedy: Answers, samples: Sequence[Answers] = ()) -> dict[str, Any]:
    """A system's figures, as ``results.json`` has them.

    Args:
        greedy: What counts: accuracy, skills, format.
        samples: Sampled passes over the same questions; their mean accuracy stands under ``sampled``.
    """
    found = {**marks(rows, greedy.texts), "seconds": round(greedy.seconds, 2)}
    if samples:
        shares = np.mean([right(rows, one.texts) for one in samples], axis=0)
        found["sampled"] = {
            "accuracy": _round(float(shares.mean())),
            "interval": _pair(_over_clips(shares, rows)),
            "samples": len(samples),
            "format": _round(_format([text for one in samples for text in one.texts])),
        }
    found["tokens"] = _round(float(np.mean(greedy.tokens)))
    found["pauses"] = _round(float(np.mean(greedy.pauses)))
    if any(row.scene for row in rows):
        found["perception"] = perception(rows, [greedy.texts, *(one.texts for one in samples)])
    return found


def marks(rows: Sequence[Row], texts: Sequence[str]) -> dict[str, Any]:
    """Accuracy with its interval, over all and by skill, and the share that follows the grammar."""
    hits = right(rows, texts)
    by: dict[str, list[bool]] = defaultdict(list)
    for row, hit in zip(rows, hits, strict=True):
        by[row.skill or "all"].append(hit)
    skills = {skill: _share(by[skill]) for skill in sorted(by)}
    return {**_share(hits), "by_skill": skills, "format": _round(_format(texts))}


def right(rows: Sequence[Row], texts: Sequence[str]) -> list[bool]:
    """Whether each completion's answer is right, by the official rule."""
    return [
        matching.is_right(matching.answer_of(text), row.answer, row.choices)
        for row, text in zip(rows, texts, strict=True)
    ]


def perception(rows: Sequence[Row], passes: Sequence[Sequence[str]]) -> dict[str, Any]:
    """What the CAPTIONs say against the records of the clips.

    Args:
        passes: Completions of one or more passes over the rows, the greedy one first.

    Returns:
        ``event_map``: mean average precision over the labels that occur, a label's score for a clip
        being the share of completions whose ENV names it. Of the first pass: ``event_f1`` (all names
        together), ``speakers`` (share with the right number), ``wer`` and ``cer`` of ASR, None where
        the records hold no words. Questions on one clip count as several readings of it.
    """
    facts = {row.clip_id: known(row) for row in rows}
    named: dict[str, list[list[str]]] = defaultdict(list)
    for texts in passes:
        for row, text in zip(rows, texts, strict=True):
            env = reading.sounds(reading.leaf(text, "ENV") or "")
            named[row.clip_id].append([label(name) for name in env])
    clips = [clip for clip in named if facts[clip].sounds is not None]
    first = list(zip(rows, passes[0], strict=True))
    return {
        "event_map": mean_average_precision(
            {clip: named[clip] for clip in clips}, {clip: facts[clip].sounds or frozenset() for clip in clips}
        ),
        "event_f1": _event_f1(first),
        "speakers": _speakers(first),
        "wer": _error_rate(first, matching.word_errors),
        "cer": _error_rate(first, matching.character_errors),
    }


def mean_average_precision(
    named: dict[str, list[list[str]]], truth: dict[str, frozenset[str]]
) -> float | None:
    """Mean over labels of average precision.

    Args:
        named: Of each clip, the labels that each completion names.
        truth: Of each clip, the labels that are there.

    Returns:
        None where no label occurs.
    """
    labels = sorted(set().union(*truth.values())) if truth else []
    found = []
    for wanted in labels:
        scores = [
            float(np.mean([any(alike(wanted, one) for one in names) for names in named[clip]]))
            for clip in truth
        ]
        precision = matching.average_precision(scores, [wanted in truth[clip] for clip in truth])
        if precision is not None:
            found.append(precision)
    return _round(float(np.mean(found))) if found else None


def _event_f1(asked: Sequence[tuple[Row, str]]) -> float | None:
    hits = size = 0
    for row, text in asked:
        facts = known(row)
        if facts.sounds is None:
            continue
        names = {label(name) for name in reading.sounds(reading.leaf(text, "ENV") or "")}
        found = {sound for sound in facts.sounds if any(alike(sound, one) for one in names)}
        hits += 2 * len(found)
        size += len(facts.sounds) + len(found)
        size += sum(not any(alike(one, s) for s in facts.sounds | facts.possible) for one in names)
    return _round(hits / size) if size else None


def _speakers(asked: Sequence[tuple[Row, str]]) -> float | None:
    counts = [
        reading.speakers(reading.leaf(text, "SPEAKER") or "?") == len(turns)
        for row, text in asked
        if (turns := known(row).turns) is not None
    ]
    return _round(float(np.mean(counts))) if counts else None


def _error_rate(asked: Sequence[tuple[Row, str]], errors: Any) -> float | None:
    wrong = total = 0
    for row, text in asked:
        spoken = known(row).speech
        if not spoken:
            continue
        real = " ".join(said for _, said in spoken)
        heard = " ".join(said for _, said in reading.speech(reading.leaf(text, "ASR") or ""))
        one, length = errors(real, heard)
        wrong, total = wrong + one, total + length
    return _round(wrong / total) if total else None


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    share = float(np.mean(hits)) if len(hits) else 0.0
    return {"accuracy": _round(share), "interval": _pair(matching.wilson(share, len(hits))), "n": len(hits)}


def _over_clips(shares: Any, rows: Sequence[Row]) -> tuple[float, float]:
    nothing = np.zeros_like(shares)
    found = matching.difference(nothing, shares, [row.clip_id for row in rows])
    return found.low, found.high


def _format(texts: Sequence[str]) -> float:
    return float(np.mean([matching.follows_grammar(text) for text in texts])) if texts else 0.0


def _pair(interval: tuple[float, float]) -> list[float]:
    return [_round(interval[0]), _round(interval[1])]


def _round(value: float) -> float:
    return round(value, 4)
