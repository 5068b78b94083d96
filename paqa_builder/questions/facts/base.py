"""Facts, kinds of facts and their registry.

A kind of fact is a small class, registered by name. ``find`` lists the facts of a scene with their
answers; ``judge`` decides for *any* choice whether it is true, false, or beyond proof. Generation only
offers choices that are judged false, and the verifier judges all of them again.
"""

from __future__ import annotations

import importlib
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

_MODULES = (
    "environment", "speakers", "words", "together", "lasting", "order", "cooccurrence", "levels", "silence",
    "families", "inference", "across", "around",
    "turntaking", "overlap", "voice", "timing", "phrases", "roles", "mentions", "language",
)  # fmt: skip


class AnswerType(StrEnum):
    """What the choices of a question look like."""

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

    @property
    def closed(self) -> bool:
        """The same few answers for every clip: these must be balanced over a corpus."""
        return self not in (AnswerType.SOUND, AnswerType.PAIR, AnswerType.SEQUENCE, *_SPOKEN)

    @property
    def spoken(self) -> bool:
        """Words: their wrong choices come from what the rest of the corpus says."""
        return self in _SPOKEN


_SPOKEN = (AnswerType.QUOTE, AnswerType.WORD, AnswerType.TRANSLATION)


@dataclass(frozen=True)
class Verdict:
    """Whether a choice is true of the clip.

    Attributes:
        true: None where it cannot be proved either way; such a choice is never offered.
        because: The sentence that says why, with times.
        evidence: The records that it cites.
        missing: For what is simply not there, its name: the trace gathers these in one sentence.
    """

    true: bool | None
    because: str = ""
    evidence: tuple[Evidence, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Fact:
    """One true thing.

    Attributes:
        key: Tells it from the other facts of its kind in the scene.
        slots: What the templates may use.
        answer: The right choice; None where it is drawn from the corpus (what is *not* heard).
        own: Further choices that come from the scene itself; some may turn out to be true too.
        about: What the question is about, for ``judge``.
        steps: Sentences of reasoning that lead to the answer.
        evidence: The records that prove it.
        group: Facts whose answers compete: a corpus is balanced within each group.
        grounds: The part of the evidence that proves what the question takes for granted.
        pool: Which of the corpus's samples its wrong choices come from, for forms that have several;
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
        """That of its weakest record."""
        return min((item.confidence for item in self.evidence), default=1.0)


class Distractors(Protocol):
    """What a kind of fact needs of a corpus in order to draw wrong choices.

    :class:`paqa_builder.questions.corpus.corpus.Corpus` is the implementation.
    """

    enough: ClassVar[int]

    @property
    def answers(self) -> Mapping[str, Mapping[str, int]]:
        """By kind of fact: how often each answer is right."""

    def draw_labels(self, kind: str, *key: object) -> Iterator[str]:
        """Labels of sounds in a seeded order, weighted by how often they occur."""

    def draw_answers(self, kind: str, group: str, among: Sequence[str], *key: object) -> Iterable[str]:
        """Answers to other questions of a kind, in a seeded order."""


class FactKind(ABC):
    """One kind of fact.

    Class attributes:
        name: Its name in templates.
        form: What its choices look like.
        needs: Layers without which it abstains (``"tags"``, ``"turns"``, ``"utterances"``,
            ``"measures"``).
        slots: Names that its facts give to templates.
        open: "None of these" may be a choice, and the right one: the question presupposes nothing
            of its answer.
    """

    plugin_kind: ClassVar[str] = "fact"
    name: ClassVar[str]
    form: ClassVar[AnswerType]
    needs: ClassVar[tuple[str, ...]]
    slots: ClassVar[tuple[str, ...]] = ()
    open: ClassVar[bool] = False

    def facts(self, reading: Interpretation) -> list[Fact]:
        """The facts of this kind; none where a layer is unknown."""
        if self.name not in reading.found:
            known = all(map(reading.knows, self.needs))
            reading.found[self.name] = tuple(self.find(reading)) if known else ()
        return list(reading.found[self.name])

    @abstractmethod
    def find(self, reading: Interpretation) -> Iterator[Fact]:
        """Yields what is true and clear enough, in an order that depends on the scene alone."""

    @abstractmethod
    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        """Judges a choice, wherever it came from; ``about`` is :attr:`Fact.about`."""

    def wrong(
        self, reading: Interpretation, fact: Fact, corpus: Distractors, *key: object
    ) -> Iterator[str] | None:
        """Wrong choices, best first, where they must fit together; None: each is found by itself."""
        return None


K = TypeVar("K", bound=type[FactKind])


def register(cls: K) -> K:
    """Class decorator that registers a fact kind under its name. A plugin's kinds register without it, too.

    Raises:
        ConfigError: The name is taken.
    """
    if cls.__module__.startswith(f"{__package__}."):
        registry.declare("fact", {cls.name: cls})
    else:
        registry.register("fact", cls.name, cls)
    return cls


def kinds() -> dict[str, FactKind]:
    """All fact kinds by name, those of plugins included."""
    _load()
    return {name: kind(name) for name in sorted(registry.names("fact"))}


def kind(name: str) -> FactKind:
    """The fact kind called ``name``.

    Raises:
        ConfigError: There is none; suggests the nearest.
    """
    _load()
    return _instance(registry.get("fact", name))


@cache
def _instance(cls: type[FactKind]) -> FactKind:
    return cls()


@cache
def _load() -> None:
    for module in _MODULES:
        importlib.import_module(f"{__package__}.{module}")
    # A plugin that was loaded before the built-in kinds could not be checked against their names.
    names = registry.names("fact")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"two kinds of fact are called {name!r}", fix="choose another name in the plugin"
            )
