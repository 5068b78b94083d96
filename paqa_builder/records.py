"""What is known of a clip, as typed records.

Times are seconds from the clip's start, as floats; intervals are half open, ``start < end``.
Confidences and scores are in [0, 1]. A record never changes once made; whoever knows better makes
a new one. ``None`` for a whole layer (``scene.turns is None``) means *nobody looked, or the stage
failed*; an empty tuple means *looked, and there is nothing*. The two are never mixed up.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

StageName = Literal["separate", "diarize", "tag", "transcribe"]
STAGES: tuple[StageName, ...] = ("separate", "diarize", "tag", "transcribe")
TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who says so.

    Attributes:
        stage: A stage's name, or ``"truth"`` for a corpus's own annotation.
        backend: The backend's (or the source's) name in the registry.
        revision: The revision of the model's weights, or of the corpus.
    """

    stage: str
    backend: str
    revision: str

    def __str__(self) -> str:
        return f"{self.stage}:{self.backend}@{self.revision}"

    @property
    def is_truth(self) -> bool:
        return self.stage == TRUTH


@dataclass(frozen=True, slots=True)
class Turn:
    """Who speaks when. Turns of different speakers may overlap.

    ``speaker`` is local to the clip: ``"S1"`` is whoever speaks first, ``"S2"`` the next new voice.
    """

    start: float
    end: float
    speaker: str
    confidence: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Tag:
    """Which sound event, when, how sure.

    Attributes:
        label: AudioSet display name (``"Dog"``), or the source's own name where AudioSet has none.
        stem: Where it was heard: ``"background"``, ``"mix"`` or, for ground truth, ``"clip"``.
        localized: False where only presence somewhere in the clip is known (clip-level labels);
            ``start`` and ``end`` then span the clip.
    """

    start: float
    end: float
    label: str
    score: float
    stem: str
    localized: bool
    origin: Origin


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its times. ``text`` carries no surrounding white space."""

    start: float
    end: float
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What is said, by whom. ``speaker`` is None where no turn covers the words.

    ``language`` is an ISO 639-1 code (``"en"``), or None where nobody determined it.
    """

    start: float
    end: float
    speaker: str | None
    text: str
    words: tuple[Word, ...]
    language: str | None
    confidence: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Stem:
    """A separated part of the mixture, stored as a FLAC file.

    ``path`` is relative to the work folder; ``rms`` is the root mean square of the samples.
    """

    name: str
    path: str
    rate: int
    rms: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Failure:
    """A stage that failed on a clip: a row, not a gap. ``stage`` may also be ``"read"``."""

    stage: str
    error: str
    message: str


@dataclass(frozen=True, slots=True)
class Truth:
    """A corpus's own annotation of one clip; None for a layer that it does not annotate.

    ``tags_complete`` says that a label absent from ``tags`` is absent from the clip, so that it may
    serve as a wrong choice. It holds for the labels that the annotators could give; others were
    never looked for.
    """

    turns: tuple[Turn, ...] | None = None
    tags: tuple[Tag, ...] | None = None
    utterances: tuple[Utterance, ...] | None = None
    tags_complete: bool = False


@dataclass(frozen=True, slots=True)
class Clip:
    """One audio file of a corpus.

    Attributes:
        id: Unique within the source, stable across machines.
        path: Where the audio is on this machine; never published.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        license: SPDX identifier or licence URL; ``"unknown"`` where the corpus does not say.
    """

    id: str
    source: str
    split: str
    path: str
    license: str = "unknown"
    attribution: str = ""
    source_url: str = ""
    truth: Truth = field(default_factory=Truth)


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What the decoder found in a clip's file."""

    duration: float
    rate: int
    channels: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Scene:
    """All that is known of one clip: every stage's records, the ground truth, the failures."""

    clip: Clip
    audio: AudioInfo | None
    stems: tuple[Stem, ...] | None = None
    turns: tuple[Turn, ...] | None = None
    tags: tuple[Tag, ...] | None = None
    utterances: tuple[Utterance, ...] | None = None
    failures: tuple[Failure, ...] = ()

    @property
    def duration(self) -> float:
        return self.audio.duration if self.audio else 0.0


def to_json(record: Any) -> Any:
    """Turns a record (or a tuple of them) into plain dicts and lists, in field order."""
    if is_dataclass(record) and not isinstance(record, type):
        return {f.name: to_json(getattr(record, f.name)) for f in fields(record)}
    if isinstance(record, (tuple, list)):
        return [to_json(item) for item in record]
    if isinstance(record, float):
        # Six decimals are a microsecond: below any model's resolution, above float noise.
        return round(record, 6)
    return record


_NESTED: dict[str, type] = {"origin": Origin, "truth": Truth, "audio": AudioInfo, "clip": Clip}
_LISTS: dict[str, type] = {
    "turns": Turn, "tags": Tag, "utterances": Utterance, "words": Word, "stems": Stem,
    "failures": Failure,
}  # fmt: skip


def from_json(cls: type, data: dict[str, Any]) -> Any:
    """Rebuilds a record of type ``cls`` from :func:`to_json`'s output.

    Raises:
        TypeError: A field is missing or unknown.
    """
    values: dict[str, Any] = {}
    for key, value in data.items():
        if value is not None and key in _NESTED:
            value = from_json(_NESTED[key], value)
        elif value is not None and key in _LISTS:
            value = tuple(from_json(_LISTS[key], item) for item in value)
        values[key] = value
    return cls(**values)
