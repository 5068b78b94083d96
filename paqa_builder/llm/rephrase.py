"""New wordings: one request a question, four texts in, four out, each accepted or rejected by itself."""

from __future__ import annotations

import json
import re
from collections import Counter

from paqa_builder.llm.cache import Messages, Reply
from paqa_builder.llm.replies import UselessError, json_of, prompt
from paqa_builder.questions.question import Question
from paqa_builder.questions.templates import Template
from paqa_builder.questions.traces.rewording import TEXTS, faults, rewrite, texts_of


def messages(question: Question) -> Messages:
    """What is sent of a question: its own four texts; neither choices nor answer."""
    texts = json.dumps(texts_of(question), ensure_ascii=False, indent=1)
    return (("system", prompt("rephrase")), ("user", texts))


def apply(question: Question, reply: Reply, template: Template, model: str, counts: Counter[str]) -> Question:
    """The question in the model's words, as far as they claim the same.

    Args:
        counts: Where ``"accepted: …"``, ``"unchanged: …"`` and ``"rejected: …"`` are counted; a reply
            that is of no use at all counts once, as ``"thrown away: …"``.
    """
    try:
        new = _texts(question, reply)
    except UselessError as useless:
        counts[f"thrown away: {useless}"] += 1
        return question
    old, accepted = texts_of(question), {}
    for name in TEXTS:
        text = tidy(new[name], old[name])
        if text == old[name]:
            counts[f"unchanged: {name}"] += 1
            continue
        found = faults(name, old[name], text, question, template)
        if found:
            counts[f"rejected: {name}: {found[0]}"] += 1
        else:
            counts[f"accepted: {name}"] += 1
            accepted[name] = text
    return rewrite(question, model, accepted)


def tidy(text: str, original: str) -> str:
    """Without white space around it, and with the quotes that the original uses."""
    return text.strip() if '"' in original else re.sub(r'"([^"“”]*)"', r"“\1”", text.strip())


def _texts(question: Question, reply: Reply) -> dict[str, str]:
    data = json_of(reply)
    if data.pop("choices", list(question.choices)) != list(question.choices):
        raise UselessError("choices changed")
    if any(name not in data for name in TEXTS):
        raise UselessError("missing keys")
    if len(data) > len(TEXTS):
        raise UselessError("unexpected keys")
    if not all(isinstance(text, str) for text in data.values()):
        raise UselessError("not text")
    return data
