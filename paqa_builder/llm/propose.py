"""Proposals: the model chooses further questions among those that can be proved and are not asked yet.

The model writes no question of its own. Candidates are generated and proved like all other questions. A
wording by the model is checked against the template's.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from paqa_builder.llm.cache import Messages, Reply
from paqa_builder.llm.rephrase import tidy
from paqa_builder.llm.replies import UnusableReplyError, json_of, prompt
from paqa_builder.questions import Corpus, QaOptions, generate, verify
from paqa_builder.questions.question import Question
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import Template
from paqa_builder.questions.traces.rewording import faults, rewrite
from paqa_builder.records import Scene

# Largest number of candidates shown to the model, the most difficult first.
_SHOWN = 40
# Further questions per template among the candidates.
_FURTHER = 2


def candidates(
    scene: Scene,
    asked: Sequence[Question],
    corpus: Corpus,
    templates: Sequence[Template],
    options: QaOptions,
    seed: int,
) -> list[Question]:
    """Proved questions that are not asked yet, the most difficult first."""
    wider = options.model_copy(update={"per_clip": 10_000, "per_template": options.per_template + _FURTHER})
    ids, texts = {q.id for q in asked}, {q.question for q in asked}
    proved, reading = [], Interpretation(scene, options.thresholds)
    for question in generate(scene, corpus, templates, wider, seed):
        if question.id in ids or question.question in texts:
            continue
        texts.add(question.question)
        if not verify(question, scene, options, templates, reading):
            proved.append(question)
    return sorted(proved, key=lambda q: (-q.difficulty.score, q.id))[:_SHOWN]


def messages(asked: Sequence[Question], offered: Sequence[Question], wanted: int) -> Messages:
    """The request for one clip. It holds questions only."""
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
    """The questions that the model chose, in its wording where that makes the same claims.

    Args:
        counts: Outcomes, counted in place: ``"proposed"``, ``"proposal dropped: …"``, …
    """
    try:
        chosen = json_of(reply).get("chosen")
        if not isinstance(chosen, list):
            raise UnusableReplyError("missing keys")
    except UnusableReplyError as error:
        counts[f"proposals thrown away: {error}"] += 1
        return []
    questions: dict[int, Question] = {}
    for item in chosen:
        number = item.get("number") if isinstance(item, dict) else item
        if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= len(offered):
            counts["proposal dropped: no such fact"] += 1
        elif number in questions:
            counts["proposal dropped: a double"] += 1
        elif len(questions) == wanted:
            counts["proposal dropped: more than wanted"] += 1
        else:
            question = offered[number - 1]
            text = item.get("question") if isinstance(item, dict) else None
            questions[number] = _worded(question, text, model, templates[question.template], counts)
            counts["proposed"] += 1
    return list(questions.values())


def _worded(
    question: Question, text: object, model: str, template: Template, counts: Counter[str]
) -> Question:
    if not isinstance(text, str):
        return question
    new = tidy(text, question.question)
    if new == question.question:
        return question
    problems = faults("question", question.question, new, question, template)
    counts[f"rejected: question: {problems[0]}" if problems else "accepted: question"] += 1
    return question if problems else rewrite(question, model, {"question": new})
