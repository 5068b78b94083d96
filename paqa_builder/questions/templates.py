"""Question templates: YAML files with the texts of questions about a kind of fact, and tested examples.

The code of a fact computes the slots, and the template's texts use them. Jinja is sandboxed, and an
undefined slot is an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from paqa_builder.config.environment import expanded
from paqa_builder.errors import ConfigError
from paqa_builder.files import digest
from paqa_builder.questions.facts.base import AnswerType, Fact, kind
from paqa_builder.questions.rendering import TemplateError, compiled, render, undeclared
from paqa_builder.untrusted import load_yaml

Level = Literal["speech_environment", "speaker_speaker", "both"]
_PHRASINGS = 6
LEVELS: tuple[Level, ...] = ("speech_environment", "speaker_speaker", "both")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MiniLayers(_Strict):
    """Short form of records. A missing layer is unknown; an empty list is a known, empty layer."""

    turns: list[tuple[float, float, str]] | None = Field(default=None, description="[start, end, speaker]")
    tags: list[tuple[float, float, str, float]] | list[str] | None = Field(
        default=None, description="[start, end, label, score], or labels for the whole clip"
    )
    utterances: list[tuple[float, float, str, str]] | None = Field(
        default=None, description="[start, end, speaker, text]; words of equal length"
    )
    language: str | None = Field(default="en", description="Language of all utterances")
    translations: list[str] = Field(
        default=[], description="English translations of the utterances, in order"
    )


class MiniVoice(_Strict):
    """Short form of :class:`~paqa_builder.records.VoiceMeasure`."""

    seconds: float = 5.0
    pitch: float | None = None
    spread: float | None = None
    rate: float | None = None
    pauses: list[float] = []
    level: float = -25.0


class MiniMeasures(_Strict):
    """Short form of :class:`~paqa_builder.records.Measures`."""

    snr: float | None = None
    loudness: float | None = None
    quality: float | None = None
    overlap: float | None = None
    voices: dict[str, MiniVoice] = Field(default={}, description="Speaker, as in the turns -> measures")
    events: list[tuple[float, float, str, float, float | None]] = Field(
        default=[], description="[start, end, label, level, over speech]"
    )


class MiniScene(MiniLayers):
    """Short form of a scene, for examples."""

    duration: float = 10.0
    measures: MiniMeasures | None = None
    truth: MiniLayers | None = None
    tags_complete: bool = False
    questions: list[tuple[str, list[str], int]] = Field(
        default=[], description="Questions of the corpus: [text, choices, index of the right one]"
    )


class Example(_Strict):
    """A scene with the expected question. Without a question, the template must abstain."""

    scene: MiniScene
    question: str | None = Field(default=None, description="Question in the first phrasing")
    answer: str | None = Field(
        default=None, description="Right choice; null if the answer is drawn from the corpus"
    )
    wrong: list[str] = Field(default=[], description="Choices that must be judged false")
    unsure: list[str] = Field(default=[], description="Choices that can be proved neither true nor false")


class Template(_Strict):
    """Texts of questions about one kind of fact, with the condition under which they are asked."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    level: Level
    skill: str = Field(min_length=3)
    fact: str
    when: str = Field(
        default="", description="Jinja expression over the slots; facts for which it is false are not asked"
    )
    phrasings: list[str] = Field(
        min_length=1, description="Texts of the question, at least six unless the corpus asks it"
    )
    planning: list[str] = Field(min_length=2, description="Texts of PLANNING: what to listen for")
    statement: list[str] = Field(
        min_length=3, description="The answer as a sentence; the slot `answer` is its form within a sentence"
    )
    examples: list[Example] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Template:
        try:
            slots = set(kind(self.fact).slots)
        except ConfigError as error:
            raise ValueError(str(error)) from error
        for text in (*self.phrasings, *self.planning, *self.statement, f"{{{{ {self.when or 1} }}}}"):
            allowed = slots | {"answer"} if text in self.statement else slots
            try:
                unknown = undeclared(text) - allowed
            except TemplateError as error:
                raise ValueError(f"{text!r}: {error}") from error
            if unknown:
                raise ValueError(f"{text!r}: unknown {', '.join(sorted(unknown))}; slots: {sorted(allowed)}")
        if len(self.phrasings) < _PHRASINGS and kind(self.fact).form is not AnswerType.GIVEN:
            raise ValueError(f"phrasings: {len(self.phrasings)}, at least {_PHRASINGS} are needed")
        if len(set(self.phrasings)) < len(self.phrasings):
            raise ValueError("two phrasings are equal")
        return self

    def asks(self, fact: Fact) -> bool:
        """True if a fact of the template's kind satisfies ``when``."""
        return not self.when or _holds(self.when, tuple(fact.slots[name] for name in _names_in(self.when)))

    def questions(self, fact: Fact) -> list[str]:
        """The question in every phrasing."""
        return [render(text, fact.slots) for text in self.phrasings]

    def fits(self, fact: Fact, text: str) -> bool:
        """Whether a text is the question in one of the phrasings."""
        return any(compiled(phrasing).gives(text, fact.slots) for phrasing in self.phrasings)


@cache
def _names_in(when: str) -> tuple[str, ...]:
    return tuple(sorted(undeclared(f"{{{{ {when} }}}}")))


@lru_cache(maxsize=1 << 12)
def _holds(when: str, values: tuple[Any, ...]) -> bool:
    slots = dict(zip(_names_in(when), values, strict=True))
    return render(f"{{{{ 1 if ({when}) else '' }}}}", slots) != ""


def load_templates(paths: Iterable[str | Path] = ()) -> list[Template]:
    """Reads the built-in templates and those of further folders or files, sorted by name.

    Raises:
        ConfigError: A file is missing, is not YAML or is invalid; or two templates share a name.
    """
    templates: dict[str, Template] = {}
    for name, text in [*_builtin(), *_extra(paths)]:
        template = _read(name, text)
        if template.name in templates:
            raise ConfigError(f"{name}: there is already a template {template.name!r}")
        templates[template.name] = template
    return [templates[name] for name in sorted(templates)]


def _builtin() -> list[tuple[str, str]]:
    """File name and text of each built-in template."""
    folder = files("paqa_builder.questions").joinpath("templates")
    items = (item for level in folder.iterdir() if level.is_dir() for item in level.iterdir())
    yamls = (item for item in items if item.name.endswith(".yaml"))
    return sorted((item.name, item.read_text(encoding="utf-8")) for item in yamls)


def _extra(paths: Iterable[str | Path]) -> list[tuple[str, str]]:
    """Path and text of each template in further folders or files."""
    texts: list[tuple[str, str]] = []
    for path in map(expanded, paths):
        if not path.exists():
            raise ConfigError(f"templates {path}: no such file or folder")
        yamls = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        if not yamls:
            raise ConfigError(f"templates {path}: no .yaml file in this folder")
        texts += [(str(file), file.read_text(encoding="utf-8")) for file in yamls]
    return texts


@cache  # a build reads all templates several times, and most of the time goes into their examples
def _read(name: str, text: str) -> Template:
    try:
        data = load_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"template {name}: not YAML ({error})") from error
    try:
        return Template.model_validate(data)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}" if item["loc"] else item["msg"]
            for item in error.errors()
        )
        raise ConfigError(f"template {name}: {problems}") from error


def template_hash(template: Template) -> str:
    """Hash of a template's content, as recorded in a lock."""
    return digest(template.model_dump(mode="json"))
