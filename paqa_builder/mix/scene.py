"""A scene decided in every detail, as records, and those records as JSON.

:mod:`~paqa_builder.mix.design` makes them, :mod:`~paqa_builder.mix.render` and
:mod:`~paqa_builder.mix.truth_files` need nothing else. The JSON is written beside the audio; ``paqa mix
render scene.json`` makes the same bytes from it again. Times are seconds from the scene's start.
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

VERSION = 1
"""Of designs and of how they are rendered; a change makes other bytes."""


@dataclass(frozen=True, slots=True)
class Room:
    """One room: ``size`` and the ``microphone`` in metres; ``rt60`` in seconds."""

    engine: Literal["noise", "pyroomacoustics"]
    rt60: float
    size: tuple[float, float, float]
    microphone: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the room something sounds. ``drr`` (dB) and ``seed`` are for engine *noise*."""

    position: tuple[float, float, float]
    drr: float
    seed: int


@dataclass(frozen=True, slots=True)
class Speaker:
    """``id`` is ``"S1"`` for whoever speaks first; ``name`` is the pool's."""

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
    """An event (``"E1"`` begins first), an ambience, or a blank: noise with a sound's envelope.

    Attributes:
        snr: dB, the scene's active speech over this sound's activity.
        activity: In seconds of the scene.
        loop: Whether the take is repeated, with cross-fades, to fill ``start`` to ``end``.
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
    """One scene. ``level`` and ``floor`` are dBFS of active speech and of the room tone."""

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
        """The sounds that are something: all but blanks."""
        return tuple(sound for sound in self.sounds if sound.kind != "blank")


def design_json(design: Design) -> str:
    """The design as JSON text, one line a field at the top."""
    return json.dumps(asdict(design), indent=1, ensure_ascii=False) + "\n"


def read_design(path: Path) -> Design:
    """Reads back what :func:`design_json` wrote.

    Raises:
        ConfigError: The file is no design, or one of another version.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(data, dict) and data.get("version") != VERSION:
            raise ConfigError(
                f"{path}: a design of version {data.get('version')}; this one renders version {VERSION}"
            )
        design = TypeAdapter(Design).validate_python(data)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON ({error})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{path}: not a design of a scene ({where}: {first['msg']})") from error
    if not math.isfinite(design.duration) or design.duration <= 0:
        raise ConfigError(f"{path}: duration {design.duration} is no length")
    return design
