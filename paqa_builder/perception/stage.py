"""Interface of the perception stages.

A stage selects the signal for its backend (the mixture, a stem, a blend) and converts the results into
records. It writes no files and does not resume; :mod:`paqa_builder.pipeline.build` does that for all stages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from paqa_builder import audio as audio_io
from paqa_builder.audio import Audio, read_stem, resample
from paqa_builder.audio.decode import MAX_SECONDS
from paqa_builder.errors import AudioError, ClipChangedError, ConfigError
from paqa_builder.files import file_sha256
from paqa_builder.perception.backends.base import AudioInput, Backend
from paqa_builder.perception.results import check_finite
from paqa_builder.perception.shared import SharedAudio, SharedClip, as_stored
from paqa_builder.records import Abstention, AudioInfo, Clip, Origin, Stem, Tag, Turn, Utterance
from paqa_builder.registry import load_attribute
from paqa_builder.text.privacy import published

BUILTIN = {
    "read": "paqa_builder.perception.read:Read",
    "fingerprint": "paqa_builder.perception.fingerprint:Fingerprints",
    "separate": "paqa_builder.perception.separate:Separate",
    "diarize": "paqa_builder.perception.diarize:Diarize",
    "tag": "paqa_builder.perception.tag:TagEvents",
    "transcribe": "paqa_builder.perception.transcribe:Transcribe",
    "measure": "paqa_builder.perception.measure:Measure",
}


class ListenOptions(BaseModel):
    """Settings of a stage. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass
class ClipContext:
    """Audio and upstream records of one clip. Audio is decoded on first use.

    Attributes:
        stems: Records of *separate*, or None if it failed or did not run.
        turns, tags, utterances: Records of *diarize*, *tag* and *transcribe*, likewise.
        work: Folder that ``Stem.path`` is relative to.
        save_stem: Encodes a stem's audio and returns the path of its record; only for *separate*.
        known_info: Record of *read*; without it, the file is decoded to know its duration.
        sha256: SHA-256 of the file when the build began; empty if it is not to be compared.
        max_seconds: Largest duration of a clip.
        load_stem: Reads a stem; by default the FLAC file at its path.
        stored: The FLAC files that ``save_stem`` encoded, by path.
        abstentions: Output list for model outputs that a stage rejects.
        shared: Audio that other stages of the same task have decoded.
    """

    clip: Clip
    work: Path
    stems: tuple[Stem, ...] | None = None
    turns: tuple[Turn, ...] | None = None
    tags: tuple[Tag, ...] | None = None
    utterances: tuple[Utterance, ...] | None = None
    save_stem: Callable[[str, Audio], str] | None = None
    known_info: AudioInfo | None = None
    sha256: str = ""
    max_seconds: float = MAX_SECONDS
    load_stem: Callable[[Stem], Audio] | None = None
    stored: dict[str, IO[bytes]] = field(default_factory=dict)
    abstentions: list[Abstention] = field(default_factory=list)
    shared: SharedAudio | None = None
    _at: dict[tuple[str, int], Audio] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        known = self.shared.clip(self._key) if self.shared else None
        if known is not None:
            self.__dict__["_decoded"], self._at = known.decoded, known.at

    @property
    def _key(self) -> tuple[str, str]:
        return self.clip.id, self.sha256

    @cached_property
    def _decoded(self) -> tuple[Audio, AudioInfo]:
        decoded = self._read()
        if self.shared is not None:
            self.shared.keep(self._key, SharedClip(decoded, self._at))
        return decoded

    def _read(self) -> tuple[Audio, AudioInfo]:
        try:
            decoded = audio_io.read(
                self.clip.path, self.work, max_seconds=self.max_seconds, known=self.known_info
            )
            found = decoded[1].sha256
        except AudioError:
            if not self.sha256 or _hash(self.clip.path) == self.sha256:
                raise
            decoded, found = None, ""
        if decoded is None or (self.sha256 and found != self.sha256):
            raise ClipChangedError(
                f"{Path(self.clip.path).name}: changed or deleted during the build",
                fix="run the same command again",
            )
        return decoded

    @property
    def mix(self) -> Audio:
        return self._decoded[0]

    def _stem(self, stem: Stem) -> Audio:
        if self.shared is not None and stem.path in self.shared.stems:
            return self.shared.stems[stem.path]
        return self.load_stem(stem) if self.load_stem else read_stem(self.work / stem.path, self.work)

    def share_stem(self, path: str, audio: Audio) -> bool:
        """Keeps a stem for the other stages of the task; returns whether they will find it."""
        if self.shared is None or self.shared.clip(self._key) is None:
            return False
        self.shared.stems[path] = as_stored(audio)
        return True

    @property
    def info(self) -> AudioInfo:
        return self.known_info or self._decoded[1]

    def release(self) -> None:
        """Removes the decoded audio from memory unless stages share it; what was found about it stays."""
        self.known_info = self.info
        if self.shared is None or self.shared.clip(self._key) is None:
            self.__dict__.pop("_decoded", None)
            self._at.clear()

    def at(self, name: str, rate: int) -> Audio | None:
        """The ``"mix"`` or a stem at ``rate`` Hz; None for an absent stem."""
        if (name, rate) in self._at:
            return self._at[name, rate]
        if name == "mix":
            audio = self.mix
        else:
            stem = next((s for s in self.stems or () if s.name == name), None)
            if stem is None:
                return None
            audio = self._stem(stem)
        self._at[name, rate] = resample(audio, rate)
        return self._at[name, rate]

    def mix_at(self, rate: int) -> Audio:
        """The mixture at ``rate`` Hz."""
        mix = self.at("mix", rate)
        assert mix is not None
        return mix


class Stage(ABC):
    """One step of perception.

    Class attributes:
        name: Name of the stage, and kind of its backends in the registry.
        version: Increased when results change for the same options; part of every part's key.
        upstream: Stages whose records it uses, besides *read*.
        layer: The field of :class:`~paqa_builder.records.Scene` that it fills.
        uses_truth: Whether it uses the corpus's annotation, so that a change of it redoes the clip.
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
        revision = published(backend.revision) if backend else ""
        self.origin = Origin(self.name, backend_name or type(backend).__name__, revision)

    @property
    def backend(self) -> Backend:
        """The model of this stage; *read* has none."""
        assert self._backend is not None, f"stage {self.name} has no backend"
        return self._backend

    @property
    def loaded_on(self) -> str:
        """Device of the model, ``"cpu"`` or ``"cuda:N"``."""
        return self._backend.loaded_on if self._backend else "cpu"

    def audio_input(self, context: ClipContext, main: Audio) -> AudioInput:
        """``main`` (at the backend's sample rate) with the mixture and the stems."""
        rate = self.backend.sample_rate
        speech, background = context.at("speech", rate), context.at("background", rate)
        return AudioInput(main, context.mix_at(rate), speech, background)

    def results(self, inputs: Sequence[AudioInput]) -> list[Any]:
        """Runs the backend on a batch and checks its results.

        Raises:
            ResultError: A result has a number that is not finite, or text that is not valid Unicode.
        """
        results = self.backend.run(inputs)
        for result in results:
            check_finite(result)
        return results

    @abstractmethod
    def run(self, contexts: Sequence[ClipContext]) -> list[tuple[Any, ...]]:
        """Returns one tuple of records per clip, in order.

        Raises:
            AudioError: One of the clips cannot be used. The caller then retries the clips one by one.
        """


def _hash(path: str) -> str:
    try:
        return file_sha256(path)
    except OSError:
        return ""


def stage_class(name: str) -> type[Stage]:
    """Returns the class of a stage.

    Raises:
        ConfigError: The name is unknown.
    """
    if name not in BUILTIN:
        raise ConfigError(f"unknown stage {name!r}; the stages are: {', '.join(BUILTIN)}")
    return load_attribute(BUILTIN[name])
