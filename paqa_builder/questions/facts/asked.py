"""Facts that prove the answers of questions which a corpus brings along.

Such a question is kept if the records of the scene prove its answer and refute its other choices. It is
contradicted if they refute the answer or prove another choice. Otherwise it is unprovable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from paqa_builder.labels import audioset
from paqa_builder.labels.phrases import label_of_phrase
from paqa_builder.questions.facts.base import AnswerType, Distractors, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import absent
from paqa_builder.questions.facts.subjects import heard
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import detected
from paqa_builder.records import CorpusQuestion
from paqa_builder.seeded import shuffled

KEPT, CONTRADICTED, UNPROVABLE = "kept", "contradicted", "unprovable"

# What a question asks for beyond the presence of a sound: order, number, degree, place, reason, negation.
_MORE = re.compile(
    r"\b(?:first|second|last|before|after|next|then|begin\w*|start\w*|end|ends|ending|how|many|number|louder"
    r"|loudest|quiet\w*|softest|longest|shortest|most|least|where|when|why|who|whose|whom|reason|colou?rs?|wear\w*"
    r"|left|right|not|no|never|without|except)\b|n't\b",
    re.I,
)
_KINDS = frozenset({"which", "come from", "happening", ""})
_SEEN = frozenset({"view", "visual"})


@dataclass(frozen=True)
class Grounding:
    """What the records of a scene say of a corpus's question.

    Attributes:
        result: :data:`KEPT`, :data:`CONTRADICTED` or :data:`UNPROVABLE`.
        reason: Why it is not kept.
    """

    result: str
    reason: str = ""


def ground(reading: Interpretation, asked: CorpusQuestion) -> Grounding:
    """Compares a question of the corpus with the records of its scene."""
    if asked.about.strip().lower() in _SEEN:
        return Grounding(UNPROVABLE, "it is about the picture")
    if asked.kind.strip().lower() not in _KINDS or _MORE.search(asked.text):
        return Grounding(UNPROVABLE, "it asks for more than a sound")
    if not reading.knows("tags"):
        return Grounding(UNPROVABLE, "the sounds of the clip are unknown")
    labels = [label_of_phrase(choice) for choice in asked.choices]
    if None in labels:
        return Grounding(UNPROVABLE, "a choice is no known sound")
    answer, others = labels[asked.answer], labels[: asked.answer] + labels[asked.answer + 1 :]
    if len(set(labels)) < len(labels) or any(audioset.related(answer or "", other or "") for other in others):
        return Grounding(UNPROVABLE, "two choices are the same sound")
    verdicts = [_judge(reading, choice).true for choice in asked.choices]
    right, wrong = verdicts[asked.answer], verdicts[: asked.answer] + verdicts[asked.answer + 1 :]
    if right is False:
        return Grounding(CONTRADICTED, "its answer is not heard")
    if True in wrong:
        return Grounding(CONTRADICTED, "another choice is heard")
    if right is None:
        return Grounding(UNPROVABLE, "its answer is not heard for certain")
    if None in wrong:
        return Grounding(UNPROVABLE, "another choice cannot be ruled out")
    return Grounding(KEPT)


def _judge(reading: Interpretation, choice: str) -> Verdict:
    """Whether a sound that a choice names is heard: true, false or undecidable."""
    label = label_of_phrase(choice)
    if label is None:
        return Verdict(None)
    sounds = reading.sounds
    sound = next((s for s in sounds.heard if s.label == label or label in audioset.ancestors(s.label)), None)
    sound = sound or detected(reading.scene, label, sounds.speech, reading.thresholds)
    return Verdict(True, heard(sound), sound.presence_evidence) if sound else absent(reading, label)


@register
class AskedSound(FactKind):
    """A sound that a question of the corpus asks for, with the corpus's own choices."""

    form = AnswerType.GIVEN
    needs = ("tags",)
    slots = ("asked",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        for asked in reading.scene.clip.questions:
            if ground(reading, asked).result == KEPT:
                answer = asked.choices[asked.answer]
                yield Fact(
                    key=asked.id,
                    slots={"asked": asked.text},
                    answer=answer,
                    own=tuple(choice for choice in asked.choices if choice != answer),
                    evidence=_judge(reading, answer).evidence,
                )

    def wrong(self, reading: Interpretation, fact: Fact, corpus: Distractors, *key: object) -> Iterator[str]:
        yield from shuffled(fact.own, "own", *key)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        return _judge(reading, choice)
