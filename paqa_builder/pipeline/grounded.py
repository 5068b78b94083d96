"""Counts what became of the questions that a corpus brought along."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from paqa_builder.questions.facts.asked import KEPT, AskedSound, ground
from paqa_builder.questions.facts.base import kind
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Question
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.records import Scene

LEFT_OUT = "proved, but left out by a limit, the verifier or the gate"


def results(scene: Scene, questions: Sequence[Question], thresholds: Thresholds) -> Counter[str]:
    """Numbers of the corpus's questions about a clip by result.

    Args:
        questions: Questions about the clip that are published.

    Returns:
        Counts by ``"kept"``, :data:`LEFT_OUT` and ``"contradicted: reason"`` or ``"unprovable: reason"``.
    """
    asked = scene.clip.questions
    if not asked:
        return Counter()
    if scene.audio is None:
        return Counter({"unprovable: the clip failed": len(asked)})
    reading = Interpretation(scene, thresholds)
    facts = {fact.key: fact for fact in kind(AskedSound.name).facts(reading)}
    published = {(q.question, q.answer, frozenset(q.choices)) for q in questions}
    counts: Counter[str] = Counter()
    for item in asked:
        grounding = ground(reading, item)
        if item.id in facts:
            texts = (item.text, facts[item.id].answer, frozenset(item.choices))
            counts[KEPT if texts in published else LEFT_OUT] += 1
        else:
            counts[f"{grounding.result}: {grounding.reason}"] += 1
    return counts
