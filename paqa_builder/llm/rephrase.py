"""New wordings of a question's four texts: one request per question, each text accepted or rejected."""

from __future__ import annotations

import json
import re
from collections import Counter

from paqa_builder.llm.cache import Messages, Reply
from paqa_builder.llm.replies import UnusableReplyError, json_of, prompt
from paqa_builder.questions.question import Question
from paqa_builder.questions.templates import Template
from paqa_builder.questions.traces.rewording import TEXTS, faults, rewrite, texts_of


def messages(question: Question) -> Messages:
    """The request for one question: its four texts, without choices and answer."""
    texts = json.dumps(texts_of(question), ensure_ascii=False, indent=1)
    return (("system", prompt("rephrase")), ("user", texts))


def apply(question: Question, reply: Reply, template: Template, model: str, counts: Counter[str]) -> Question:
    """The question in the model's words, where they make the same claims.

    Args:
        counts: Outcomes, counted in place: ``"accepted: …"``, ``"unchanged: …"`` and ``"rejected: …"``
            per text, ``"thrown away: …"`` once for an unusable reply.
    """
    try:
        new = _texts(question, reply)
    except UnusableReplyError as error:
        counts[f"thrown away: {error}"] += 1
        return question
    old, accepted = texts_of(question), {}
    for name in TEXTS:
        text = tidy(new[name], old[name])
        if text == old[name]:
            counts[f"unchanged: {name}"] += 1
            continue
        problems = faults(name, old[name], text, question, template)
        if problems:
            counts[f"rejected: {name}: {problems[0]}"] += 1
        else:
            counts[f"accepted: {name}"] += 1
            accepted[name] = text
    return rewrite(question, model, accepted)


def tidy(text: str, original: str) -> str:
    """Strips white space, and restores the original's style of quotes."""
    return text.strip() if '"' in original else re.sub(r'"([^"“”]*)"', r"“\1”", text.strip())


def _texts(question: Question, reply: Reply) -> dict[str, str]:
    data = json_of(reply)
    if data.pop("choices", list(question.choices)) != list(question.choices):
        raise UnusableReplyError("choices changed")
    if any(name not in data for name in TEXTS):
        raise UnusableReplyError("missing keys")
    if len(data) > len(TEXTS):
        raise UnusableReplyError("unexpected keys")
    if not all(isinstance(text, str) for text in data.values()):
        raise UnusableReplyError("not text")
    return data
