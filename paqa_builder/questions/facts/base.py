"""Facts, fact kinds and the registry of fact kinds.

A fact kind is a small class, registered by name. ``find`` lists the facts of a scene with their answers.
``judge`` decides for any choice whether it is true, false or undecidable. The generator offers only wrong
choices that are judged false, and the verifier judges all choices again.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar

from paqa_builder import registry
from paqa_builder.errors import ConfigError
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation


class AnswerType(StrEnum):
    """Type of the answer to a question, and so of all its choices."""

    SOUND = "sound"
    SPEAKER = "speaker"
    QUOTE = "quote"
    NUMBER = "number"
    WORD = "word"
    TRANSLATION = "translation"
    YES_NO = "yes_no"
    LISTED = "listed"
    PAIR = "pair"
    SEQUENCE = "sequence"
    GIVEN = "given"

    @property
    def closed(self) -> bool:
        """True if every clip has the same few possible answers, which must be balanced over a corpus."""
        return self not in (
            AnswerType.SOUND,
            AnswerType.PAIR,
            AnswerType.SEQUENCE,
            AnswerType.GIVEN,
            *_SPOKEN,
        )

    @property
    def spoken(self) -> bool:
        """True if the answer is text from speech; its wrong choices come from the rest of the corpus."""
        return self in _SPOKEN


_SPOKEN = (AnswerType.QUOTE, AnswerType.WORD, AnswerType.TRANSLATION)


@dataclass(frozen=True)
class Verdict:
    """Judgement of one choice.

    Attributes:
        true: None if the choice can be neither proved nor disproved; such a choice is never offered.
        because: The reason as a sentence, with times.
        evidence: The records that prove it.
        missing: Name of the sound or words that the clip does not contain; the trace lists all of these
            in one sentence.
    """

    true: bool | None
    because: str = ""
    evidence: tuple[Evidence, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Fact:
    """One statement that is true of a scene.

    Attributes:
        key: Unique among the facts of its kind in the scene.
        slots: Values for the templates.
        answer: The right choice; None if it is drawn from the corpus (a sound that is absent).
        own: Candidate choices from the scene itself; some may be true, too.
        about: The subject of the question, as :meth:`FactKind.judge` takes it.
        steps: Sentences of reasoning that lead to the answer.
        evidence: The records that prove it.
        group: Answers are balanced over a corpus within each group.
        grounds: The part of the evidence that proves the presuppositions of the question.
        pool: The corpus sample that its wrong choices come from, for answer types with several samples;
            see :func:`paqa_builder.questions.reading.speech.pool_of`.
    """

    key: str
    slots: Mapping[str, Any]
    answer: str | None
    own: tuple[str, ...] = ()
    about: Any = None
    steps: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=())
    group: str = ""
    grounds: tuple[Evidence, ...] = ()
    pool: str = ""

    @property
    def confidence(self) -> float:
        """Lowest confidence of its evidence; 1 without evidence."""
        return min((item.confidence for item in self.evidence), default=1.0)


class Distractors(Protocol):
    """Interface of a corpus for fact kinds that draw wrong choices from it.

    :class:`paqa_builder.questions.corpus.corpus.Corpus` implements it.
    """

    enough: ClassVar[int]

    @property
    def answers(self) -> Mapping[str, Mapping[str, int]]:
        """Counts of right answers, by fact kind and answer."""

    def draw_labels(self, kind: str, *key: object) -> Iterator[str]:
        """Sound labels in a seeded order, weighted by frequency."""

    def draw_answers(self, kind: str, group: str, among: Sequence[str], *key: object) -> Iterable[str]:
        """Answers to other questions of a kind, in a seeded order; only those in ``among``."""


class FactKind(ABC):
    """Base of all fact kinds.

    Class attributes:
        name: Its name in templates; by default the class name in snake case.
        form: The type of its answers.
        needs: The layers that it requires (``"tags"``, ``"turns"``, ``"utterances"``, ``"measures"``); it
            finds no facts where one of them is unknown.
        slots: Names of the values that its facts give to templates.
        open: True if "None of these" may be a choice and the right one. The question must not presuppose
            that an answer exists.
    """

    plugin_kind: ClassVar[str] = "fact"
    name: ClassVar[str]
    form: ClassVar[AnswerType]
    needs: ClassVar[tuple[str, ...]]
    slots: ClassVar[tuple[str, ...]] = ()
    open: ClassVar[bool] = False

    def facts(self, reading: Interpretation) -> list[Fact]:
        """All facts of this kind in a scene; none if a required layer is unknown."""
        if self.name not in reading.facts_by_kind:
            known = all(map(reading.knows, self.needs))
            reading.facts_by_kind[self.name] = tuple(self.find(reading)) if known else ()
        return list(reading.facts_by_kind[self.name])

    @abstractmethod
    def find(self, reading: Interpretation) -> Iterator[Fact]:
        """Yields the facts that are true by a clear margin, in an order that depends only on the scene."""

    @abstractmethod
    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        """Judges any choice; ``about`` is :attr:`Fact.about`."""

    def wrong(
        self, reading: Interpretation, fact: Fact, corpus: Distractors, *key: object
    ) -> Iterator[str] | None:
        """Wrong choices, best first, if they depend on one another; None if each can be drawn alone."""
        return None


K = TypeVar("K", bound=type[FactKind])


def register(cls: K) -> K:
    """Class decorator that registers a fact kind by its name. In a plugin it is optional.

    Raises:
        ConfigError: The name is taken.
    """
    cls.name = registry.name_of(cls)
    if cls.__module__.startswith(f"{__package__}."):
        registry.declare("fact", {cls.name: cls})
    else:
        registry.register("fact", cls.name, cls)
    return cls


def kinds() -> dict[str, FactKind]:
    """All fact kinds by name, including those of plugins."""
    _load()
    return {name: kind(name) for name in sorted(registry.names("fact"))}


def kind(name: str) -> FactKind:
    """The fact kind of that name.

    Raises:
        ConfigError: The name is unknown; the message suggests the nearest one.
    """
    _load()
    return _instance(registry.get("fact", name))


@cache
def _instance(cls: type[FactKind]) -> FactKind:
    return cls()


@cache
def _load() -> None:
    for module in pkgutil.iter_modules(importlib.import_module(__package__).__path__):
        importlib.import_module(f"{__package__}.{module.name}")
    # Plugins loaded before the built-in kinds were not checked against their names.
    names = registry.names("fact")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"two kinds of fact are called {name!r}", fix="choose another name in the plugin"
            )
