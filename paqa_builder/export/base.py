"""Base classes of export formats. A format is one file; a plugin may add one.

Example::

    from paqa_builder.export import QuestionFormat

    class Pairs(QuestionFormat):
        \"\"\"Question and answer, one JSON object a line.\"\"\"

        def row(self, clip, question, out):
            return {"audio": out.relative(clip.audio.path), "q": question.question, "a": question.answer}
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from paqa_builder.export.layers import Layer, Layers
from paqa_builder.export.texts import AnswerForm
from paqa_builder.questions.question import Question
from paqa_builder.records import Scene

if TYPE_CHECKING:
    from paqa_builder.export.output import Output

AudioKind = Literal["none", "stored", "wav16k"]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What is exported.

    Attributes:
        splits: Names of splits; empty for all.
        answer: Form of the answer: ``"text"``, ``"letter"`` or ``"trace"``.
        layer: ``"truth"``, ``"model"`` or ``"best"`` (:mod:`paqa_builder.export.layers`).
        limit: Only the first clips; None for all.
    """

    splits: tuple[str, ...] = ()
    answer: AnswerForm = "text"
    layer: Layer = "best"
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class AudioFile:
    """An exported audio file; ``frames`` are samples of one channel."""

    path: Path
    rate: int
    channels: int
    frames: int

    @property
    def duration(self) -> float:
        return self.frames / self.rate


@dataclass(frozen=True, slots=True)
class ExportClip:
    """A clip as a format gets it.

    Attributes:
        name: Its file name without suffix (:mod:`paqa_builder.export.names`).
        layers: Its records, of the chosen layer.
        questions: Its questions; empty for many clips.
        contribution: Verdict of the blind gate by question id: ``"strong"``, ``"weak"`` or None.
        stored: Encoded bytes and file suffix of the audio in the shards; None where it is not in them.
        audio: The exported file; None where the format wants none.
    """

    name: str
    scene: Scene
    layers: Layers
    questions: tuple[Question, ...] = ()
    contribution: Mapping[str, str | None] = field(default_factory=dict)
    stored: tuple[bytes, str] | None = None
    audio: AudioFile | None = None

    @property
    def split(self) -> str:
        return self.scene.clip.split

    @property
    def terms(self) -> dict[str, str]:
        """Licence, attribution and address of the audio."""
        clip = self.scene.clip
        return {"license": clip.license, "attribution": clip.attribution, "source_url": clip.source_url}


class ExportFormat(ABC):
    """A format of another tool.

    Class attributes:
        name: Its name for ``--to``, and that of its folder.
        audio: The audio that it refers to: none, the file as it is in the shards, or WAV with 16 kHz, mono.
        embeds: Whether its own files hold the audio (:attr:`ExportClip.stored`).
        with_questions: Whether clips without questions are left out.
        splits: The splits that it exports by default; empty for all.
    """

    plugin_kind: ClassVar[str] = "export"
    name: ClassVar[str]
    audio: ClassVar[AudioKind] = "stored"
    embeds: ClassVar[bool] = False
    with_questions: ClassVar[bool] = False
    splits: ClassVar[tuple[str, ...]] = ()

    def __init__(self, options: ExportOptions) -> None:
        self.options = options

    @abstractmethod
    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        """Writes all clips. Memory must not grow with their number.

        Args: clips: In the order of the shards. With ``audio = "none"`` these include clips whose audio is
        not in the shards. out: Opens files, counts rows and what is left out.
        """


class QuestionFormat(ExportFormat):
    """A format with one row per question, in one file per split."""

    with_questions: ClassVar[bool] = True

    def file(self, split: str) -> str:
        """The name of a split's file; ``.json`` is a list, ``.jsonl`` has one object a line."""
        return f"{split}.jsonl"

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        for clip in clips:
            for question in clip.questions:
                out.row(self.file(clip.split), self.row(clip, question, out))

    @abstractmethod
    def row(self, clip: ExportClip, question: Question, out: Output) -> dict[str, Any]:
        """The row of a question."""


class ClipFileFormat(ExportFormat):
    """A format with files for each clip that name no audio."""

    audio: ClassVar[AudioKind] = "none"

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        for clip in clips:
            files = self.files(clip, out)
            if not files:
                out.leave_out("clips without a known layer of this format")
            for suffix, text in files.items():
                out.text(f"{clip.name}{suffix}", text)

    @abstractmethod
    def files(self, clip: ExportClip, out: Output) -> dict[str, str]:
        """Texts by suffix of the file; none where the layers that the format holds are unknown."""
