"""Interfaces of the backends.

A backend wraps one model and converts audio into the results of its stage. To add a model, subclass the base
class of its stage, and give the file to ``--plugin``::

    from paqa_builder.backends import Options, Tagger

    class Loudness(Tagger):
        sample_rate = 16_000
        revision = "1"

        def tag(self, clip): ...

Every backend must pass :func:`paqa_builder.testing.check_backend`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from paqa_builder.config import DEVICE_PATTERN
from paqa_builder.records import StageName, Word

if TYPE_CHECKING:
    import numpy as np

    from paqa_builder.audio import Audio, LongAudio


class Options(BaseModel):
    """Settings of a backend. Unknown names are errors. A changed value redoes the stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DeviceOptions(Options):
    """Settings of every backend that can run on a GPU."""

    device: str = Field("auto", pattern=DEVICE_PATTERN, description="auto, cpu, cuda or cuda:N.")


@dataclass(frozen=True, slots=True)
class AudioInput:
    """Audio of one clip at the backend's ``sample_rate``.

    Attributes:
        main: The signal that the stage selected. Most backends need no other.
        mix: The mixture.
        speech: The speech stem, or None without separation.
        background: The background stem, or None without separation.
    """

    main: Audio
    mix: Audio
    speech: Audio | None = None
    background: Audio | None = None


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Result of a diarizer or a tagger: times in seconds, a voice or label, a score in [0, 1]."""

    start: float
    end: float
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class RejectedWords:
    """Words that a transcriber rejects as hallucinated; :class:`~paqa_builder.records.Abstention` lists the
    values of ``reason``."""

    start: float
    end: float
    reason: str
    text: str
    confidence: float


def dropped_words(words: Sequence[Word], reason: str) -> RejectedWords:
    """Rejects words, given in time order; the confidence is their mean."""
    confidence = sum(word.confidence for word in words) / len(words)
    end = max(word.end for word in words)
    return RejectedWords(words[0].start, end, reason, " ".join(word.text for word in words), confidence)


@dataclass(frozen=True, slots=True)
class Speech:
    """Result of a transcriber: words in time order, and a language code (ISO 639-1) or None."""

    words: tuple[Word, ...]
    language: str | None
    language_confidence: float = 1.0
    dropped: tuple[RejectedWords, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of a measurer for a whole clip.

    Attributes:
        loudness: Integrated loudness of the mixture in LUFS; None for silence.
        quality: Speech quality of the mixture, 1 to 5; None if it is not estimated.
        pitch: Fundamental frequency of ``AudioInput.main`` in Hz per frame; 0 for unvoiced frames.
        step: Hop in seconds; frame n covers [n * step, (n + 1) * step).
    """

    loudness: float | None
    quality: float | None
    pitch: tuple[float, ...]
    step: float


class Backend(ABC):
    """Base class of all backends. Subclass the base class of a stage instead.

    Class attributes:
        stage: Name of its stage.
        sample_rate: Sample rate of its input in Hz.
        revision: Identifier of code and weights. A change redoes the stage.
        weightless: True if it has nothing to load, so that it may run in the tasks of another stage. Only
            what the class itself says counts, not its base classes.
        needs: Distributions that it imports.
        extra: The extra of paqa-builder that installs them.
        Options: The pydantic model of its settings.
    """

    plugin_kind: ClassVar[str] = "backend"
    stage: ClassVar[StageName]
    sample_rate: ClassVar[int] = 16_000
    revision: str = "0"
    weightless: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    Options: ClassVar[type[Options]] = Options

    _device: str = "cpu"

    def __init__(self, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    def load(self) -> None:  # noqa: B027 - optional: a backend without weights has nothing to load
        """Imports heavy packages and loads the weights. Called once per process.

        Raises:
            NotReadyError: A package or a model is missing; ``fix`` is the command that installs it.
        """

    @property
    def loaded_on(self) -> str:
        """Device of the model, ``"cpu"`` or ``"cuda:N"``; :meth:`load` sets ``_device``."""
        return self._device

    @abstractmethod
    def run(self, clips: Sequence[AudioInput]) -> list[Any]:
        """Processes a batch. Returns one result per clip, which must not depend on the other clips."""


class Separator(Backend):
    """Separates speech from background. Implement :meth:`separate`.

    Class attributes:
        enhances: True for a speech enhancer, which removes some speech with the noise. The stage then
            restores some of it (:mod:`paqa_builder.perception._put_back`).
    """

    stage = "separate"
    sample_rate = 48_000
    enhances: ClassVar[bool] = False

    def run(self, clips: Sequence[AudioInput]) -> list[tuple[Audio, Audio]]:
        return [self.separate(clip) for clip in clips]

    @abstractmethod
    def separate(self, clip: AudioInput) -> tuple[Audio, Audio]:
        """Returns (speech, background), both of the length of ``clip.main`` and aligned with it."""

    def speech_pieces(self, main: LongAudio) -> Iterator[np.ndarray] | None:
        """Yields the speech of a long clip in adjacent pieces; the background is the rest of the mixture.

        None, the default: the stage separates windows that fade into each other.
        """
        return None


class Diarizer(Backend):
    """Finds speaker turns, which may overlap. Implement :meth:`diarize`."""

    stage = "diarize"

    def run(self, clips: Sequence[AudioInput]) -> list[list[Span]]:
        return [self.diarize(clip) for clip in clips]

    @abstractmethod
    def diarize(self, clip: AudioInput) -> list[Span]:
        """Returns spans named by voice. The stage renames the voices to S1, S2, …."""


class Tagger(Backend):
    """Detects sound events. Implement :meth:`tag`."""

    stage = "tag"

    def run(self, clips: Sequence[AudioInput]) -> list[list[Span]]:
        return [self.tag(clip) for clip in clips]

    @abstractmethod
    def tag(self, clip: AudioInput) -> list[Span]:
        """Returns sorted spans named by AudioSet display name; spans of one label are disjoint."""


class Transcriber(Backend):
    """Transcribes speech, with word times. Implement :meth:`transcribe`."""

    stage = "transcribe"

    def run(self, clips: Sequence[AudioInput]) -> list[Speech]:
        return [self.transcribe(clip) for clip in clips]

    @abstractmethod
    def transcribe(self, clip: AudioInput) -> Speech:
        """Returns the words in time order; none for a clip without speech."""


class Measurer(Backend):
    """Measures loudness, speech quality and pitch. Implement :meth:`measure`."""

    stage = "measure"

    def run(self, clips: Sequence[AudioInput]) -> list[Measured]:
        return [self.measure(clip) for clip in clips]

    @abstractmethod
    def measure(self, clip: AudioInput) -> Measured:
        """Measures the pitch of ``clip.main``, and loudness and quality of ``clip.mix``."""
