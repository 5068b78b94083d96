"""The content of an export in one form, whatever its format, and what it should be by the shards."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from paqa_builder.export import texts
from paqa_builder.export.layers import Layer, layers_of
from paqa_builder.export.names import Names, tokens
from paqa_builder.export.shards import clip_ids, clips, splits_of

TOLERANCE = 0.0021
"""Seconds: formats round times to milliseconds, some the start and the duration."""

Record = tuple[str, str, float, float]
"""Clip's name, text, start, end."""


@dataclass
class Content:
    """What was read, by kind: ``questions``, ``turns``, ``tags``, ``utterances``, ``words``."""

    questions: dict[str, str] = field(default_factory=dict)
    records: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))

    def ask(self, question_id: str, answer: str) -> None:
        """Adds a question with the answer that the format gives."""
        assert question_id not in self.questions, f"{question_id} is there twice"
        self.questions[question_id] = answer

    def add(self, kind: str, name: str, text: str, start: float, end: float) -> None:
        """Adds a record."""
        self.records[kind].append((name, plain(text), start, end))

    @property
    def kinds(self) -> list[str]:
        return ["questions"] * bool(self.questions) + sorted(self.records)

    def rows(self, kinds: Iterable[str]) -> int:
        return sum(len(self.questions if kind == "questions" else self.records[kind]) for kind in kinds)


def plain(text: str) -> str:
    """A text without differences that formats make: white space, ``_``, control characters."""
    return re.sub(r"[\s_]+", " ", texts.one_line(text)).strip()


def equal(first: Content, second: Content, kinds: Iterable[str]) -> bool:
    """Whether two contents have the same rows of these kinds, with times to within :data:`TOLERANCE`."""
    for kind in kinds:
        if kind == "questions":
            if first.questions != second.questions:
                return False
            continue
        one, other = sorted(first.records[kind]), sorted(second.records[kind])
        if len(one) != len(other):
            return False
        for a, b in zip(one, other, strict=True):
            if a[:2] != b[:2] or abs(a[2] - b[2]) > TOLERANCE or abs(a[3] - b[3]) > TOLERANCE:
                return False
    return True


def of_shards(shards: Path, layer: Layer = "best", *, audio: bool = False, words: bool = False) -> Content:
    """The content of shards.

    Args:
        audio: Whether to leave out clips whose audio is not in the shards.
        words: Whether speakers' names are single words, as in RTTM.
    """
    content, names = Content(), Names(clip_ids(shards))
    for item in clips(shards, splits_of(shards), audio=audio):
        if item.scene.audio is None or (audio and item.audio is None):
            continue
        name, layers = names.of(item.scene.clip.id), layers_of(item.scene, layer)
        for question in item.questions:
            content.ask(question.id, plain(texts.plain(question.answer)))
        speakers = tokens(turn.speaker for turn in layers.turns or ()) if words else {}
        for turn in layers.turns or ():
            content.add("turns", name, speakers.get(turn.speaker, turn.speaker), turn.start, turn.end)
        for tag in layers.tags or ():
            content.add("tags", name, tag.label, tag.start, tag.end)
        for said in layers.utterances or ():
            content.add("utterances", name, said.text, said.start, said.end)
            for word in said.words:
                content.add("words", name, word.text, word.start, word.end)
    return content
