"""The specification of scenes to mix, read from YAML.

Every property that varies between scenes is a range or a table of shares. Unknown keys are errors.
``docs/mix.md`` explains each key; ``paqa_builder/data/mix/`` has specifications to start from.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from paqa_builder.config import reason
from paqa_builder.config.environment import expanded
from paqa_builder.errors import ConfigError
from paqa_builder.licenses.allowed import checked

QUIETEST_FLOOR = -84.0
"""dBFS. A quieter room tone would round to digital silence in 16 bits, where 1 step is -90 dBFS."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Range(_Part):
    """A quantity drawn uniformly from ``[min, max]``."""

    min: float
    max: float

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}")
        return self


def _positive(value: Range) -> Range:
    if value.min <= 0:
        raise ValueError("min must be above 0")
    return value


def _shares(value: dict[Any, float]) -> dict[Any, float]:
    if any(share < 0 for share in value.values()) or sum(value.values()) <= 0:
        raise ValueError("shares must not be negative, and one must be above 0")
    return {key: share for key, share in value.items() if share > 0}


Length = Annotated[Range, AfterValidator(_positive)]
Counts = Annotated[dict[Annotated[int, Field(ge=0)], float], AfterValidator(_shares)]
SplitName = Literal["train", "validation", "test"]
Splits = Annotated[dict[SplitName, float], AfterValidator(_shares)]
Share = Annotated[float, Field(ge=0, le=1)]


class SpeechSpec(_Part):
    """Number of speakers, and length and level of their speech."""

    speakers: Counts = Field(
        default={1: 1, 2: 1, 3: 1}, description="Number of speakers: its share of scenes."
    )
    text: Literal["required", "any"] = Field(
        default="any", description="required: only speech with a transcript. any: a scene may lack its text."
    )
    piece: Length = Field(
        default=Range(min=0.8, max=8.0),
        description="Seconds of one piece of speech; longer speech without text is cut.",
    )
    fill: Length = Field(
        default=Range(min=0.5, max=0.9), description="Share of the scene that speech aims to fill."
    )
    tolerance: float = Field(
        default=0.2, gt=0, le=1, description="How far lengths of exchanged pieces may differ, relative."
    )
    level: Range = Field(
        default=Range(min=-32, max=-26), description="dBFS, RMS over active speech, of a scene."
    )
    jitter: float = Field(
        default=3.0, ge=0, le=12, description="dB by which a piece may differ from its scene's level."
    )
    per_speaker: int = Field(
        default=24, ge=1, description="Most recordings of a speaker to choose from for a scene."
    )


class TurnsSpec(_Part):
    """Turn-taking. :mod:`paqa_builder.mix.layout` has the sources of the default values."""

    centre: float = Field(default=0.09, description="Seconds; most common gap between two pieces.")
    scale: float = Field(
        default=0.42, gt=0, description="Seconds; spread of the gaps (of a Laplace distribution)."
    )
    longest_gap: float = Field(default=2.0, gt=0, description="Seconds.")
    longest_overlap: float = Field(default=1.0, ge=0, description="Seconds.")
    overlapping: Share = Field(
        default=0.5, description="Share of scenes with two or more speakers in which turns may overlap."
    )
    change: Share = Field(default=0.7, description="Probability that the speaker changes after a piece.")


class EventsSpec(_Part):
    """Number, length and level of sounds."""

    kinds: Counts = Field(
        default={1: 1, 2: 1}, description="Number of different sounds: its share of scenes."
    )
    occurrences: Counts = Field(
        default={2: 1, 3: 1}, description="How often something sounds: its share of scenes."
    )
    length: Length = Field(
        default=Range(min=0.5, max=3.0), description="Seconds of one occurrence, drawn log-uniformly."
    )
    snr: Range = Field(default=Range(min=-5, max=20), description="dB, active speech over active sound.")
    apart: float = Field(default=0.3, ge=0, description="Seconds at least between two occurrences.")
    labels: tuple[str, ...] | None = Field(
        default=None, description="Only these labels (AudioSet names); all by default."
    )
    blanks: bool = Field(
        default=False, description="Scenes with no kind get swells of noise in place of sounds."
    )

    @model_validator(mode="after")
    def _enough_occurrences(self) -> EventsSpec:
        if max(self.kinds) > min(self.occurrences):
            raise ValueError(
                f"occurrences may be {min(self.occurrences)}, kinds {max(self.kinds)}: every number of kinds "
                "must fit every number of occurrences, so that the two are independent"
            )
        return self


class AmbienceSpec(_Part):
    """A sound that lasts as long as the scene."""

    share: Share = Field(default=0.3, description="Share of scenes that have one.")
    labels: tuple[str, ...] = Field(
        default=(
            "Rain",
            "Waves, surf",
            "Wind",
            "Fire",
            "Cricket",
            "Engine",
            "Train",
            "Vacuum cleaner",
            "Washing machine",
        ),
        description="Which sounds may last (AudioSet names).",
    )
    snr: Range = Field(default=Range(min=5, max=25), description="dB, active speech over the ambience.")


class RoomSpec(_Part):
    """Reverberation: one room for a scene, one position in it for each speaker and sound."""

    share: Share = Field(default=0.5, description="Share of scenes with reverberation.")
    engine: Literal["noise", "pyroomacoustics"] = Field(
        default="noise",
        description="noise: exponentially decaying noise. pyroomacoustics: image sources (pip install it).",
    )
    rt60: Length = Field(
        default=Range(min=0.15, max=0.6), description="Seconds until it has decayed by 60 dB."
    )
    drr: Range = Field(
        default=Range(min=2, max=15), description="dB, direct over reverberant energy (engine noise)."
    )


class Spec(_Part):
    """The specification of a set of scenes."""

    name: str = Field(
        default="mix", pattern=r"^[A-Za-z0-9_-]+$", description="First part of every scene's id."
    )
    scenes: int = Field(default=100, ge=1, description="How many scenes; --n overrides it.")
    seed: int = Field(default=0, description="Seed of every choice; --seed overrides it.")
    rate: int = Field(default=16_000, ge=8_000, le=48_000, description="Hz of the audio.")
    duration: Length = Field(default=Range(min=8, max=20), description="Seconds of a scene.")
    splits: Splits = Field(default={"train": 1.0}, description="Share of scenes per split.")
    folds: dict[str, SplitName] = Field(
        default={"1": "train", "2": "train", "3": "train", "4": "validation", "5": "test"},
        description="Which split a corpus's fold belongs to, where it names folds and no splits.",
    )
    speech: SpeechSpec = SpeechSpec()
    turns: TurnsSpec = TurnsSpec()
    events: EventsSpec | None = EventsSpec()
    ambience: AmbienceSpec | None = AmbienceSpec()
    room: RoomSpec | None = RoomSpec()
    floor: Range = Field(
        default=Range(min=35, max=50), description="dB by which the room tone is below the speech."
    )
    stems: bool = Field(
        default=False, description="Also write a stem for each speaker, each sound and the room tone."
    )
    jams: bool = Field(default=True, description="Write a JAMS file for each scene.")
    license_allow: tuple[str, ...] = Field(
        default=(),
        description="Licences of the recordings: names, families such as CC-BY, or open; empty for all.",
    )
    _licenses = field_validator("license_allow")(checked)
    license_conflicts: Literal["refuse", "keep"] = Field(
        default="refuse",
        description="What happens if licences do not permit a mixture: refuse, or keep for private use.",
    )

    @model_validator(mode="after")
    def _audible_floor(self) -> Spec:
        quietest = self.speech.level.min - self.floor.max
        if quietest < QUIETEST_FLOOR:
            raise ValueError(
                f"the room tone may be as low as {quietest:g} dBFS; below {QUIETEST_FLOOR:g} it would round "
                "to silence: raise speech.level.min or lower floor.max"
            )
        return self

    @property
    def used_splits(self) -> tuple[SplitName, ...]:
        """The splits of the scenes, in the order train, validation, test."""
        order: tuple[SplitName, ...] = ("train", "validation", "test")
        return tuple(split for split in order if split in self.splits)


def ready_made() -> dict[str, Path]:
    """Paths of the specifications that the package contains, by name."""
    folder = Path(str(files("paqa_builder").joinpath("data/mix")))
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def load_spec(where: str | Path, changes: Mapping[str, Any] | None = None) -> Spec:
    """Reads a specification from a YAML file or from the package.

    Args:
        where: Path of the file, or name of a specification of the package.
        changes: Top-level keys that override the file's; None values are ignored.

    Raises:
        ConfigError: The file or name does not exist, is not YAML, has an unknown key or a wrong value.
    """
    import yaml

    from paqa_builder.untrusted import load_yaml

    known = ready_made()
    path = expanded(where)
    if not path.is_file():
        if str(where) not in known:
            raise ConfigError(
                f"{where}: no such specification", fix=f"name a YAML file, or one of: {', '.join(known)}"
            )
        path = known[str(where)]
    try:
        data = load_yaml(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML ({error})") from error
    if data is not None and not isinstance(data, dict):
        raise ConfigError(f"{path}: must be a mapping of settings, not a {type(data).__name__}")
    return make_spec(
        {**(data or {}), **{k: v for k, v in (changes or {}).items() if v is not None}}, str(path)
    )


def make_spec(data: Mapping[str, Any], where: str = "specification") -> Spec:
    """Validates a specification given as a mapping.

    Raises:
        ConfigError: Keys are unknown or values wrong; the message has all of them.
    """
    try:
        return Spec.model_validate(dict(data))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])) or 'spec'}: {_explain(e)}" for e in error.errors()]
        raise ConfigError(
            f"{where}:\n  " + "\n  ".join(lines), fix="docs/mix.md explains every key"
        ) from error


def _explain(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    message = reason(error["msg"])
    return message if error["type"] == "value_error" else f"{message} (got {error['input']!r})"
