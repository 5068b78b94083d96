"""Stages: where to listen, and what to make of what a backend heard.

A stage takes one clip's audio and upstream records, decides which signal its backend hears (the
mixture, a stem, a blend), and turns the answer into records. It does no resume and writes no part
files; :mod:`paqa_builder.pipeline.build` does that, the same way for all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from paqa_builder import audio as audio_io
from paqa_builder.audio import Audio, read_stem, resample
from paqa_builder.errors import ConfigError
from paqa_builder.perception.backends.base import AudioInput, Backend
from paqa_builder.records import Abstention, AudioInfo, Clip, Origin, Stem, Tag, Turn, Utterance
from paqa_builder.registry import load_attribute

BUILTIN = {
    "read": "paqa_builder.perception.read:Read",
    "separate": "paqa_builder.perception.separate:Separate",
    "diarize": "paqa_builder.perception.diarize:Diarize",
    "tag": "paqa_builder.perception.tag:TagEvents",
    "transcribe": "paqa_builder.perception.transcribe:Transcribe",
    "measure": "paqa_builder.perception.measure:Measure",
}


class ListenOptions(BaseModel):
    """A stage's own settings (where to listen). Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class ClipContext:
    """One clip as a stage sees it; audio is decoded on first use and then kept.

    Attributes:
        stems: The *separate* stage's records, or None where it failed or did not run.
        turns, tags, utterances: The records of *diarize*, *tag* and *transcribe*, likewise.
        work: Folder that ``Stem.path`` is relative to.
        save_stem: Stores a stem's audio and returns its path relative to ``work``. Only given to
            the *separate* stage.
        known_info: What the *read* stage found, so that the file is not decoded for its duration alone.
        abstentions: Where a stage leaves what its model said and it did not believe.
    """

    clip: Clip
    work: Path
    stems: tuple[Stem, ...] | None = None
    turns: tuple[Turn, ...] | None = None
    tags: tuple[Tag, ...] | None = None
    utterances: tuple[Utterance, ...] | None = None
    save_stem: Callable[[str, Audio], str] | None = None
    known_info: AudioInfo | None = None
    abstentions: list[Abstention] = field(default_factory=list)
    _at: dict[tuple[str, int], Audio] = field(default_factory=dict, repr=False)

    @cached_property
    def _decoded(self) -> tuple[Audio, AudioInfo]:
        return audio_io.read(self.clip.path)

    @property
    def mix(self) -> Audio:
        return self._decoded[0]

    @property
    def info(self) -> AudioInfo:
        return self.known_info or self._decoded[1]

    def at(self, name: str, rate: int) -> Audio | None:
        """The ``"mix"`` or a stem at ``rate`` Hz; None for a stem that is not there."""
        if (name, rate) in self._at:
            return self._at[name, rate]
        if name == "mix":
            audio = self.mix
        else:
            stem = next((s for s in self.stems or () if s.name == name), None)
            if stem is None:
                return None
            audio = read_stem(self.work / stem.path)
        self._at[name, rate] = resample(audio, rate)
        return self._at[name, rate]


class Stage(ABC):
    """One step of perception.

    Class attributes:
        name: The stage's name, and its backend's kind in the registry.
        version: Raised whenever results change for the same options; part of every part's key.
        upstream: Stages whose records it uses, beside *read*, which all need.
        layer: The field of :class:`~paqa_builder.records.Scene` that it fills.
        uses_truth: Whether the corpus's own annotation is among what it uses; its rows are then
            remade when that changes.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    upstream: ClassVar[tuple[str, ...]] = ()
    layer: ClassVar[str]
    uses_truth: ClassVar[bool] = False
    Options: ClassVar[type[ListenOptions]] = ListenOptions

    def __init__(
        self, backend: Backend | None = None, options: Any = None, *, backend_name: str = ""
    ) -> None:
        self._backend = backend
        self.options: Any = options if options is not None else self.Options()
        revision = backend.revision if backend else ""
        self.origin = Origin(self.name, backend_name or type(backend).__name__, revision)

    @property
    def backend(self) -> Backend:
        """The model that this stage asks; *read* alone has none."""
        assert self._backend is not None, f"stage {self.name} has no backend"
        return self._backend

    def heard(self, view: ClipContext, main: Audio) -> AudioInput:
        """Bundles ``main`` (already at the backend's rate) with what else there is to hear."""
        rate = self.backend.sample_rate
        mix = view.at("mix", rate)
        assert mix is not None
        return AudioInput(main, mix, view.at("speech", rate), view.at("background", rate))

    @abstractmethod
    def run(self, views: Sequence[ClipContext]) -> list[tuple[Any, ...]]:
        """Returns one tuple of records per view, in order.

        Raises:
            AudioError: One of the clips cannot be used. The caller then retries one by one.
        """


def stage_class(name: str) -> type[Stage]:
    """Returns the class of the stage called ``name``.

    Raises:
        ConfigError: There is no such stage.
    """
    if name not in BUILTIN:
        raise ConfigError(f"no stage is called {name!r}; there are: {', '.join(BUILTIN)}")
    return load_attribute(BUILTIN[name])
