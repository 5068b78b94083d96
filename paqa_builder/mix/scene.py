"""Records of a scene's design, and their JSON.

:mod:`~paqa_builder.mix.design` creates them; :mod:`~paqa_builder.mix.render` and
:mod:`~paqa_builder.mix.truth_files` read them. The JSON is written beside the audio; ``paqa mix render
scene.json`` renders the same bytes from it. Times are seconds from the scene's start.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from paqa_builder.errors import ConfigError
from paqa_builder.intervals import Spans
from paqa_builder.mix.material import Take
from paqa_builder.untrusted import read_json

VERSION = 1
"""Version of designs and of their rendering; other versions give other bytes."""


@dataclass(frozen=True, slots=True)
class Room:
    """A room: ``size`` and position of the ``microphone`` in metres, ``rt60`` in seconds."""

    engine: Literal["noise", "pyroomacoustics"]
    rt60: float
    size: tuple[float, float, float]
    microphone: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Place:
    """Position of a speaker or sound in metres. ``drr`` (dB) and ``seed`` are for engine *noise*."""

    position: tuple[float, float, float]
    drr: float
    seed: int


@dataclass(frozen=True, slots=True)
class Speaker:
    """A speaker: ``id`` is ``"S1"`` for the first to speak; ``name`` is the pool's."""

    id: str
    name: str
    sex: str | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of speech. ``level`` in dBFS over its activity; ``activity`` in seconds of the scene."""

    speaker: str
    start: float
    level: float
    take: Take
    activity: Spans
    text: str | None
    language: str | None
    words: tuple[tuple[float, float, str], ...] | None


@dataclass(frozen=True, slots=True)
class Sound:
    """An event (``"E1"`` starts first), an ambience, or a blank: noise with a sound's envelope.

    Attributes:
        snr: The scene's active speech over this sound's activity, in dB.
        activity: Active intervals in seconds of the scene.
        loop: Whether the take is repeated with cross-fades from ``start`` to ``end``.
    """

    id: str
    kind: Literal["event", "ambience", "blank"]
    label: str
    corpus_label: str
    start: float
    end: float
    snr: float
    take: Take
    activity: Spans
    loop: bool
    place: Place | None


@dataclass(frozen=True, slots=True)
class Design:
    """The design of a scene. ``level`` and ``floor`` are dBFS of active speech and of the room tone."""

    version: int
    id: str
    split: str
    seed: int
    index: int
    spec: str
    rate: int
    duration: float
    level: float
    floor: float
    noise: int
    overlapping: bool
    room: Room | None
    speakers: tuple[Speaker, ...]
    segments: tuple[Segment, ...]
    sounds: tuple[Sound, ...]

    @property
    def events(self) -> tuple[Sound, ...]:
        """The sounds without blanks."""
        return tuple(sound for sound in self.sounds if sound.kind != "blank")


def design_json(design: Design) -> str:
    """The design as JSON text."""
    return json.dumps(asdict(design), indent=1, ensure_ascii=False) + "\n"


def read_design(path: Path) -> Design:
    """Reads a design written by :func:`design_json`.

    Raises:
        ConfigError: The file is no design, or a design of another version.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        data: Any = read_json(path)
        if isinstance(data, dict) and data.get("version") != VERSION:
            raise ConfigError(
                f"{path}: a design of version {data.get('version')}; this release renders version {VERSION}"
            )
        design = TypeAdapter(Design).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: not a design of a scene ({where}: {first['msg']})") from error
    except (OSError, ValueError) as error:  # a ValidationError is a ValueError, too
        raise ConfigError(f"{path}: cannot be read as JSON ({error})") from error
    if not math.isfinite(design.duration) or design.duration <= 0:
        raise ConfigError(f"{path}: duration {design.duration} is not a positive number")
    return design
