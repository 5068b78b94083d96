"""Difficulty of a question, estimated from the clip and the choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paqa_builder.intervals import total
from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict
from paqa_builder.questions.question import Difficulty
from paqa_builder.questions.reading.interpretation import Interpretation

if TYPE_CHECKING:
    from paqa_builder.questions.choices.choices import Choices

# (easiest, hardest) value of each part, linear in between: SNR in dB, share of overlapping speech,
# number of speakers, hops.
_SNR, _OVERLAP, _SPEAKERS, _HOPS = (20.0, -10.0), (0.0, 0.3), (1.0, 4.0), (1.0, 4.0)
_MEDIUM, _HARD = 0.3, 0.5


def difficulty_of(reading: Interpretation, kind: FactKind, fact: Fact, choices: Choices) -> Difficulty:
    """Difficulty of a question. Deterministic, so that the verifier can compute it again."""
    measures = reading.scene.measures
    snr = measures.snr if measures else None
    overlap = speakers = None
    if reading.knows("turns"):
        voices = reading.voices
        speakers = len(voices.speakers)
        overlap = round(total(voices.together) / total(voices.speech), 3) if voices.speech else None
    hops = len(kind.needs) + bool(fact.steps)
    wrong = [n for n in range(len(choices.texts)) if n != choices.index]
    near = [_nearness(reading, kind.form, choices.texts[n], choices.verdicts[n]) for n in wrong]
    closeness = round(sum(near) / len(near), 3)
    parts = [
        _part(snr, *_SNR), _part(overlap, *_OVERLAP), _part(speakers, *_SPEAKERS), _part(hops, *_HOPS),
        closeness,
    ]  # fmt: skip
    known = [part for part in parts if part is not None]
    score = round(sum(known) / len(known), 3)
    level = "easy" if score < _MEDIUM else "medium" if score < _HARD else "hard"
    return Difficulty(level, score, snr, overlap, speakers, hops, closeness)


def _part(value: float | None, easy: float, hard: float) -> float | None:
    return None if value is None else min(1.0, max(0.0, (value - easy) / (hard - easy)))


def _nearness(reading: Interpretation, form: AnswerType, choice: str, verdict: Verdict) -> float:
    """1 for a choice that occurs in the clip, 0.5 for a sound related to one that does, else 0."""
    if not verdict.missing:
        return 1.0
    if form is not AnswerType.SOUND or not reading.knows("tags"):
        return 0.0
    ancestors = set(audioset.ancestors(wording.label_of_choice(choice)))
    related = (not ancestors.isdisjoint(audioset.ancestors(s.label)) for s in reading.sounds.heard)
    return 0.5 if any(related) else 0.0
