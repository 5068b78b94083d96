"""Figures of a system from its completions: accuracy, accuracy by skill, format and perception."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from paqa_builder.questions.traces import grammar
from recipes.data.rows import Row
from recipes.rewards import reading
from recipes.rewards.records import clip_facts, label, same_sound
from recipes.scoring import matching
from recipes.scoring.answering import Answers


def measure(rows: Sequence[Row], greedy: Answers, samples: Sequence[Answers] = ()) -> dict[str, Any]:
    """The figures of a system for ``results.json``.

    Args:
        greedy: Greedy pass; accuracy, skills and format are measured on it.
        samples: Sampled passes over the same questions; their means stand under ``sampled``.
    """
    figures = {**accuracies(rows, greedy.texts), "seconds": round(greedy.seconds, 2)}
    if samples:
        shares = np.mean([right(rows, answers.texts) for answers in samples], axis=0)
        over_clips = matching.difference(np.zeros_like(shares), shares, [row.clip_id for row in rows])
        figures["sampled"] = {
            "accuracy": _mean(shares),
            "interval": [_round(over_clips.low), _round(over_clips.high)],
            "samples": len(samples),
            "format": _format([text for answers in samples for text in answers.texts]),
        }
    figures["tokens"] = _mean(greedy.tokens)
    figures["pauses"] = _mean(greedy.pauses)
    if any(row.scene for row in rows):
        figures["perception"] = perception(rows, [greedy.texts, *(answers.texts for answers in samples)])
    return figures


def accuracies(rows: Sequence[Row], texts: Sequence[str]) -> dict[str, Any]:
    """Accuracy with its interval, overall and by skill, and the share of valid traces (``format``)."""
    hits = right(rows, texts)
    hits_by_skill: dict[str, list[bool]] = defaultdict(list)
    for row, hit in zip(rows, hits, strict=True):
        hits_by_skill[row.skill or "all"].append(hit)
    by_skill = {skill: matching.accuracy(hits_by_skill[skill]) for skill in sorted(hits_by_skill)}
    return {**matching.accuracy(hits), "by_skill": by_skill, "format": _format(texts)}


def right(rows: Sequence[Row], texts: Sequence[str]) -> list[bool]:
    """Whether each completion's answer is right by the rule of :func:`recipes.scoring.matching.is_right`."""
    return [
        matching.is_right(matching.answer_of(text), row.answer, row.choices)
        for row, text in zip(rows, texts, strict=True)
    ]


def perception(rows: Sequence[Row], passes: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Agreement of the CAPTIONs with the records of the clips.

    Args:
        passes: Completions of one or more passes over the rows, the greedy one first.

    Returns:
        ``event_map``: mean average precision over the labels that occur. A label's score for a clip is
        the share of completions whose ENV names it. Of the first pass: ``event_f1`` (micro average),
        ``speakers`` (share with the right number of speakers), ``wer`` and ``cer`` of ASR, None if
        the records hold no words. Every question on a clip counts as one more transcript of it.
    """
    named: dict[str, list[list[str]]] = defaultdict(list)
    for texts in passes:
        for row, text in zip(rows, texts, strict=True):
            named[row.clip_id].append(_labels(text))
    sounds = {row.clip_id: clip_facts(row).sounds for row in rows}
    truth = {clip: labels for clip, labels in sounds.items() if labels is not None}
    first = list(zip(rows, passes[0], strict=True))
    return {
        "event_map": mean_average_precision(named, truth),
        "event_f1": _event_f1(first),
        "speakers": _speakers(first),
        "wer": _error_rate(first, matching.word_errors),
        "cer": _error_rate(first, matching.character_errors),
    }


def mean_average_precision(
    named: Mapping[str, list[list[str]]], truth: Mapping[str, frozenset[str]]
) -> float | None:
    """Mean of the average precision over the labels; None if no label occurs.

    Args:
        named: Clip to the labels that each completion names.
        truth: Clip to its labels.
    """
    precisions = []
    for wanted in sorted(set().union(*truth.values())):
        scores = [
            float(np.mean([any(same_sound(wanted, name) for name in names) for names in named[clip]]))
            for clip in truth
        ]
        precision = matching.average_precision(scores, [wanted in labels for labels in truth.values()])
        if precision is not None:
            precisions.append(precision)
    return _mean(precisions) if precisions else None


def _labels(completion: str) -> list[str]:
    """The labels that the ENV of a completion names."""
    return [label(name) for name in reading.sounds(reading.leaf(completion, "ENV") or "")]


def _event_f1(answered: Sequence[tuple[Row, str]]) -> float | None:
    hits = size = 0
    for row, text in answered:
        facts = clip_facts(row)
        if facts.sounds is None:
            continue
        names = set(_labels(text))
        found = {sound for sound in facts.sounds if any(same_sound(sound, name) for name in names)}
        hits += 2 * len(found)
        size += len(facts.sounds) + len(found)
        size += sum(not any(same_sound(name, s) for s in facts.sounds | facts.possible) for name in names)
    return _round(hits / size) if size else None


def _speakers(answered: Sequence[tuple[Row, str]]) -> float | None:
    hits = [
        reading.speakers(reading.leaf(text, "SPEAKER") or "?") == len(turns)
        for row, text in answered
        if (turns := clip_facts(row).turns) is not None
    ]
    return _mean(hits) if hits else None


def _error_rate(answered: Sequence[tuple[Row, str]], count_errors: Any) -> float | None:
    wrong = total = 0
    for row, text in answered:
        speech = clip_facts(row).speech
        if not speech:
            continue
        reference = " ".join(words for _, words in speech)
        hypothesis = " ".join(words for _, words in reading.speech(reading.leaf(text, "ASR") or ""))
        errors, length = count_errors(reference, hypothesis)
        wrong, total = wrong + errors, total + length
    return _round(wrong / total) if total else None


def _format(texts: Sequence[str]) -> float:
    return _mean([not grammar.validate(text) for text in texts]) if texts else 0.0


def _mean(values: Any) -> float:
    return _round(float(np.mean(values)))


def _round(value: float) -> float:
    return round(value, 4)
