"""Templates: YAML files that say when and how to ask about a fact, each with examples that are tests.

Nothing in a template computes: a fact's code gives the slots, the template puts them into words.
Jinja is sandboxed and strict, so that a template can neither reach outside nor print a hole.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import yaml
from jinja2 import StrictUndefined, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from paqa_builder.errors import ConfigError
from paqa_builder.files import digest
from paqa_builder.questions.facts.base import Fact, kind

Level = Literal["speech_environment", "speaker_speaker", "both"]
LEVELS: tuple[Level, ...] = ("speech_environment", "speaker_speaker", "both")

_jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MiniLayers(_Strict):
    """Records in short. A layer left out is unknown; an empty list is known to be empty."""

    turns: list[tuple[float, float, str]] | None = Field(default=None, description="[start, end, speaker]")
    tags: list[tuple[float, float, str, float]] | list[str] | None = Field(
        default=None, description="[start, end, label, score], or labels of the whole clip"
    )
    utterances: list[tuple[float, float, str, str]] | None = Field(
        default=None, description="[start, end, speaker, text]; words share the time evenly"
    )
    language: str | None = Field(default="en", description="Of all utterances")
    translations: list[str] = Field(default=[], description="Of the utterances, into English, in order")


class MiniVoice(_Strict):
    """A :class:`~paqa_builder.records.VoiceMeasure` in short."""

    seconds: float = 5.0
    pitch: float | None = None
    spread: float | None = None
    rate: float | None = None
    pauses: list[float] = []
    level: float = -25.0


class MiniMeasures(_Strict):
    """:class:`~paqa_builder.records.Measures` in short."""

    snr: float | None = None
    loudness: float | None = None
    quality: float | None = None
    overlap: float | None = None
    voices: dict[str, MiniVoice] = Field(default={}, description="By speaker, as in the turns")
    events: list[tuple[float, float, str, float, float | None]] = Field(
        default=[], description="[start, end, label, level, over speech]"
    )


class MiniScene(MiniLayers):
    """A scene in short, for examples."""

    duration: float = 10.0
    measures: MiniMeasures | None = None
    truth: MiniLayers | None = None
    tags_complete: bool = False


class Example(_Strict):
    """A scene, and what the template makes of it. ``answer: null`` with no question: it abstains."""

    scene: MiniScene
    question: str | None = Field(default=None, description="As the first phrasing puts it")
    answer: str | None = Field(
        default=None, description="The right choice; any, where it comes from the corpus"
    )
    wrong: list[str] = Field(default=[], description="Choices that must be judged false")
    unsure: list[str] = Field(default=[], description="Choices that must be beyond proof")


class Template(_Strict):
    """One way to ask about one kind of fact."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    level: Level
    skill: str = Field(min_length=3)
    fact: str
    when: str = Field(
        default="", description="Jinja expression over the slots; facts that fail it are not asked"
    )
    phrasings: list[str] = Field(min_length=6)
    planning: list[str] = Field(min_length=2, description="What to listen for")
    statement: list[str] = Field(
        min_length=3, description="The answer as a sentence; `answer` is its form within a sentence"
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
                unknown = meta.find_undeclared_variables(_jinja.parse(text)) - allowed
            except TemplateError as error:
                raise ValueError(f"{text!r}: {error}") from error
            if unknown:
                raise ValueError(f"{text!r}: unknown {', '.join(sorted(unknown))}; slots: {sorted(allowed)}")
        if len(set(self.phrasings)) < len(self.phrasings):
            raise ValueError("two phrasings are the same")
        return self

    def asks(self, fact: Fact) -> bool:
        """True if the template asks about this fact of its kind."""
        return not self.when or _holds(self.when, tuple(fact.slots[name] for name in _names_in(self.when)))

    def questions(self, fact: Fact) -> list[str]:
        """The question in every phrasing."""
        return [render(text, fact.slots) for text in self.phrasings]


def render(text: str, slots: Any) -> str:
    """Fills a template's text in.

    Raises:
        ConfigError: The text does something that the sandbox or the slots do not allow.
    """
    if "{" not in text:
        return text
    try:
        return _compiled(text).render(**slots)
    except TemplateError as error:
        raise ConfigError(f"template text {text!r}: {error}") from error


@cache
def _names_in(when: str) -> tuple[str, ...]:
    return tuple(sorted(meta.find_undeclared_variables(_jinja.parse(f"{{{{ {when} }}}}"))))


@lru_cache(maxsize=1 << 12)
def _holds(when: str, values: tuple[Any, ...]) -> bool:
    # The same few conditions come back for every fact of every clip.
    slots = dict(zip(_names_in(when), values, strict=True))
    return render(f"{{{{ 1 if ({when}) else '' }}}}", slots) != ""


@cache
def _compiled(text: str) -> Any:
    return _jinja.from_string(text)


# libyaml's, where PyYAML was built with it, reads a hundred templates several times as fast.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_templates(paths: Iterable[str | Path] = ()) -> list[Template]:
    """Reads the built-in templates and those in further folders (or files), sorted by name.

    Raises:
        ConfigError: A file is missing, no YAML, or breaks a rule; or two templates share a name.
    """
    found: dict[str, Template] = {}
    for name, text in [*_builtin(), *_extra(paths)]:
        template = _read(name, text)
        if template.name in found:
            raise ConfigError(f"{name}: there is already a template called {template.name!r}")
        found[template.name] = template
    return [found[name] for name in sorted(found)]


def _builtin() -> list[tuple[str, str]]:
    folder = files("paqa_builder.questions").joinpath("templates")
    items = [
        item for level in folder.iterdir() if level.is_dir() for item in level.iterdir()
    ]  # fmt: skip
    yamls = (item for item in items if item.name.endswith(".yaml"))
    return sorted((item.name, item.read_text(encoding="utf-8")) for item in yamls)


def _extra(paths: Iterable[str | Path]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in map(Path, paths):
        if not path.exists():
            raise ConfigError(f"templates {path}: no such file or folder")
        files_ = sorted(path.rglob("*.yaml")) if path.is_dir() else [path]
        if not files_:
            raise ConfigError(f"templates {path}: no .yaml file in this folder")
        found += [(str(file), file.read_text(encoding="utf-8")) for file in files_]
    return found


def _read(name: str, text: str) -> Template:
    try:
        data = yaml.load(text, Loader=_Loader)
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
    """What a lock says of a template, so that a verifier knows whether it has the same one."""
    return digest(template.model_dump(mode="json"))
