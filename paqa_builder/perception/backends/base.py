"""Backends: one model each, behind one small interface.

A backend turns what a stage lets it hear into records; it knows nothing of files, resume or where
its results go. To add a model, subclass the base of its stage, and point ``--plugin`` at the file::

    from paqa_builder.backends import Options, Tagger

    class Loudness(Tagger):
        sample_rate = 16_000
        revision = "1"

        def tag(self, heard): ...

:mod:`tests.contracts` holds the test that every backend must pass.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from paqa_builder.config import DEVICE_PATTERN
from paqa_builder.records import StageName, Word

if TYPE_CHECKING:
    from paqa_builder.audio import Audio


class Options(BaseModel):
    """A backend's settings. Unknown names are refused; values are part of a part's identity."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DeviceOptions(Options):
    """Settings of every backend that can run on a GPU."""

    device: str = Field(
        "auto", pattern=DEVICE_PATTERN, description="Where it runs: auto, cpu, cuda or cuda:N."
    )


@dataclass(frozen=True, slots=True)
class AudioInput:
    """One clip as a stage lets a backend hear it, all at the backend's ``sample_rate``.

    Attributes:
        main: Where the stage decided to listen. A simple backend needs nothing else.
        mix: The undivided clip.
        speech: The speech stem, or None before (or without) separation.
        background: The background stem, likewise.
    """

    main: Audio
    mix: Audio
    speech: Audio | None = None
    background: Audio | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """What a diarizer or a tagger reports: ``name`` is a voice or a label. Seconds, [0, 1]."""

    start: float
    end: float
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class RejectedWords:
    """Words that a transcriber made up, by its own figures; see
    :class:`~paqa_builder.records.Abstention` for ``reason``."""

    start: float
    end: float
    reason: str
    text: str
    confidence: float


def dropped_words(words: Sequence[Word], reason: str) -> RejectedWords:
    """Words in time order as one thing that is not believed; its confidence is their mean."""
    sure = sum(word.confidence for word in words) / len(words)
    end = max(word.end for word in words)
    return RejectedWords(words[0].start, end, reason, " ".join(word.text for word in words), sure)


@dataclass(frozen=True, slots=True)
class Speech:
    """What a transcriber reports: words in time order, one language code (ISO 639-1) or None."""

    words: tuple[Word, ...]
    language: str | None
    language_confidence: float = 1.0
    dropped: tuple[RejectedWords, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What a measurer reports of a whole clip; the stage relates it to voices and events.

    Attributes:
        loudness: Integrated loudness of the mixture in LUFS; None for silence.
        quality: Speech quality of the mixture, 1 to 5; None where it was not asked for.
        pitch: Fundamental frequency of ``AudioInput.main`` in Hz by frame; 0 where nothing is voiced.
        step: Seconds from frame to frame; frame n covers [n * step, (n + 1) * step).
    """

    loudness: float | None
    quality: float | None
    pitch: tuple[float, ...]
    step: float


class Backend(ABC):
    """Base of all backends. Subclass the base of a stage instead.

    Class attributes:
        stage: Which stage it serves.
        sample_rate: The rate in Hz at which it wants to hear.
        revision: What identifies code and weights. A change redoes the stage.
        needs: Distributions to import, shown by ``paqa doctor``, with the extra that brings them.
        Options: The pydantic model of its settings.
    """

    plugin_kind: ClassVar[str] = "backend"
    stage: ClassVar[StageName]
    sample_rate: ClassVar[int] = 16_000
    revision: str = "0"
    needs: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""
    Options: ClassVar[type[Options]] = Options

    def __init__(self, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()

    def load(self) -> None:  # noqa: B027 - optional: a backend without weights has nothing to load
        """Loads the weights. Called once per process; all heavy imports happen here.

        Raises:
            NotReadyError: A package or a model is missing; says which command brings it.
        """

    @abstractmethod
    def run(self, heard: Sequence[AudioInput]) -> list[Any]:
        """Hears a batch; one result per item, and the same as if each came alone."""


class Separator(Backend):
    """Splits a mixture in two. Implement :meth:`separate`.

    Class attributes:
        enhances: True of a speech enhancer, which takes some speech away with the noise: the stage then puts
            some of it back (:mod:`paqa_builder.perception._put_back`).
    """

    stage = "separate"
    sample_rate = 48_000
    enhances: ClassVar[bool] = False

    def run(self, heard: Sequence[AudioInput]) -> list[tuple[Audio, Audio]]:
        return [self.separate(item) for item in heard]

    @abstractmethod
    def separate(self, heard: AudioInput) -> tuple[Audio, Audio]:
        """Returns (speech, background), each as long as ``heard.main`` and aligned to it."""


class Diarizer(Backend):
    """Says who speaks when, with overlaps. Implement :meth:`diarize`."""

    stage = "diarize"

    def run(self, heard: Sequence[AudioInput]) -> list[list[Span]]:
        return [self.diarize(item) for item in heard]

    @abstractmethod
    def diarize(self, heard: AudioInput) -> list[Span]:
        """Returns spans named by voice, any names; the stage renames them S1, S2, … in order."""


class Tagger(Backend):
    """Says which sound events happen when. Implement :meth:`tag`."""

    stage = "tag"

    def run(self, heard: Sequence[AudioInput]) -> list[list[Span]]:
        return [self.tag(item) for item in heard]

    @abstractmethod
    def tag(self, heard: AudioInput) -> list[Span]:
        """Returns spans named by AudioSet display name, sorted, those of one label disjoint."""


class Transcriber(Backend):
    """Says which words are spoken when. Implement :meth:`transcribe`."""

    stage = "transcribe"

    def run(self, heard: Sequence[AudioInput]) -> list[Speech]:
        return [self.transcribe(item) for item in heard]

    @abstractmethod
    def transcribe(self, heard: AudioInput) -> Speech:
        """Returns the words in time order; none where nobody speaks."""


class Measurer(Backend):
    """Says how loud a clip is, how good, and how high its voices are. Implement :meth:`measure`."""

    stage = "measure"

    def run(self, heard: Sequence[AudioInput]) -> list[Measured]:
        return [self.measure(item) for item in heard]

    @abstractmethod
    def measure(self, heard: AudioInput) -> Measured:
        """Hears pitch in ``heard.main``, loudness and quality in ``heard.mix``; knows no speakers."""
