"""Harder questions: the model chooses among what can be proved and was not asked.

It never makes a question. Facts, choices, answer and trace come from the same machinery as all
others, and the verifier proves them; a wording of the model's own is held against the template's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from paqa_builder.llm.cache import Messages, Reply
from paqa_builder.llm.rephrase import tidy
from paqa_builder.llm.replies import UselessError, json_of, prompt
from paqa_builder.questions import Corpus, QaOptions, generate, verify
from paqa_builder.questions.question import Question
from paqa_builder.questions.templates import Template
from paqa_builder.questions.traces.rewording import faults, rewrite
from paqa_builder.records import Scene

# The hardest by their measured difficulty are shown: a list is for choosing, not for reading.
_SHOWN = 40
_FURTHER = 2


def candidates(
    scene: Scene,
    asked: Sequence[Question],
    corpus: Corpus,
    templates: Sequence[Template],
    options: QaOptions,
    seed: int,
) -> list[Question]:
    """What could be asked besides, proved, the hardest first."""
    wider = options.model_copy(update={"per_clip": 10_000, "per_template": options.per_template + _FURTHER})
    ids, texts = {q.id for q in asked}, {q.question for q in asked}
    found = []
    for question in generate(scene, corpus, templates, wider, seed):
        if question.id in ids or question.question in texts:
            continue
        texts.add(question.question)
        if not verify(question, scene, options, templates):
            found.append(question)
    return sorted(found, key=lambda q: (-q.difficulty.score, q.id))[:_SHOWN]


def messages(asked: Sequence[Question], offered: Sequence[Question], wanted: int) -> Messages:
    """What is sent of a clip: questions only."""
    content = {
        "wanted": wanted,
        "asked": [question.question for question in asked],
        "candidates": [
            {"number": n, "skill": question.skill, "question": question.question}
            for n, question in enumerate(offered, 1)
        ],
    }
    return (("system", prompt("propose")), ("user", json.dumps(content, ensure_ascii=False, indent=1)))


def apply(
    offered: Sequence[Question],
    reply: Reply,
    wanted: int,
    model: str,
    templates: Mapping[str, Template],
    counts: Counter[str],
) -> list[Question]:
    """The questions that the model chose, in its wording where that claims the same.

    Args:
        counts: Where ``"proposed"`` and ``"proposal dropped: …"`` are counted.
    """
    try:
        chosen = json_of(reply).get("chosen")
        if not isinstance(chosen, list):
            raise UselessError("missing keys")
    except UselessError as useless:
        counts[f"proposals thrown away: {useless}"] += 1
        return []
    made: dict[int, Question] = {}
    for item in chosen:
        number = item.get("number") if isinstance(item, dict) else item
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= len(offered):
            counts["proposal dropped: no such fact"] += 1
        elif number in made:
            counts["proposal dropped: a double"] += 1
        elif len(made) == wanted:
            counts["proposal dropped: more than wanted"] += 1
        else:
            question = offered[number - 1]
            text = item.get("question") if isinstance(item, dict) else None
            made[number] = _worded(question, text, model, templates[question.template], counts)
            counts["proposed"] += 1
    return list(made.values())


def _worded(
    question: Question, text: object, model: str, template: Template, counts: Counter[str]
) -> Question:
    if not isinstance(text, str):
        return question
    new = tidy(text, question.question)
    if new == question.question:
        return question
    found = faults("question", question.question, new, question, template)
    counts[f"rejected: question: {found[0]}" if found else "accepted: question"] += 1
    return question if found else rewrite(question, model, {"question": new})
