"""Defects of questions: what keeps a question out of training, by reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from paqa_builder.formats.item import Item
from paqa_builder.formats.known import answers_of
from paqa_builder.questions.traces import grammar

NO_AUDIO = "no audio"
_SHOWN = 3
_TAG = re.compile(r"<(/?)([A-Z][A-Z_]+)>")


def defects(item: Item, form: str) -> list[str]:
    """Why a question cannot be trained on; empty for a usable one.

    Args:
        form: Name of the question's format. Traces of shards follow the grammar; those of other formats
            need closed elements, and a RESPONSE or FINAL_ANSWER.
    """
    found = []
    texts = [choice.strip().casefold() for choice in item.choices]
    if len(texts) < 2:
        found.append("fewer than two choices")
    if not all(texts):
        found.append("an empty choice")
    if len(set(texts)) < len(texts):
        found.append("equal choices")
    if item.answer is None:
        found.append("no choice that is the right one")
    if item.trace and item.trace.strip() and not _parsable(item.trace, form):
        found.append("a trace that cannot be parsed")
    if item.audio is None and form != "shards":
        found.append(NO_AUDIO)
    return found


def _parsable(trace: str, form: str) -> bool:
    if not grammar.validate(trace):
        return True
    return form != "shards" and _closed(trace) and any(answer.text.strip() for answer in answers_of(trace))


def _closed(trace: str) -> bool:
    """True if all elements are closed in the order in which they were opened."""
    path: list[str] = []
    for closing, tag in _TAG.findall(trace):
        if not closing:
            path.append(tag)
        elif not path or path.pop() != tag:
            return False
    return not path


class Defects:
    """Counts questions with defects, by reason, with the ids of the first ones."""

    def __init__(self) -> None:
        self.questions = 0
        self._ids: dict[str, list[str]] = {}
        self._counts: Counter[str] = Counter()

    def add(self, name: str, reasons: list[str]) -> None:
        """Counts one question."""
        self.questions += bool(reasons)
        for reason in reasons:
            self._counts[reason] += 1
            if len(ids := self._ids.setdefault(reason, [])) < _SHOWN:
                ids.append(name)

    def __str__(self) -> str:
        """Reasons with their counts and first ids: ``2 with an empty choice (a, b)``."""
        return "; ".join(self._texts())

    def _texts(self) -> Iterator[str]:
        for reason, count in self._counts.most_common():
            ids = self._ids[reason]
            more = ", …" if count > len(ids) else ""
            yield f"{count} with {reason} ({', '.join(ids)}{more})"
