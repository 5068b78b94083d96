"""Typed records of a clip: turns, tags, utterances, measures, ground truth and the scene that holds them.

Times are seconds from the clip's start, as floats; intervals are half open, ``start < end``.
Confidences and scores are in [0, 1]. Records are immutable; a correction is a new record. ``None`` for a
whole layer (``scene.turns is None``) means that it is unknown: the stage did not run, or failed. An empty
tuple means that the stage ran and there is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

StageName = Literal["separate", "diarize", "tag", "transcribe", "measure"]
STAGES: tuple[StageName, ...] = ("separate", "diarize", "tag", "transcribe", "measure")
TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Origin:
    """Provenance of a record: the stage, model and revision that produced it.

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
    """One stretch of speech by one speaker. Turns of different speakers may overlap.

    ``speaker`` is local to the clip: ``"S1"`` is the first person to speak, ``"S2"`` the next new voice.
    """

    start: float
    end: float
    speaker: str
    confidence: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Tag:
    """One sound event: its label, its times and its score.

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

    ``language`` is an ISO 639-1 code (``"en"``), or None where it is unknown; ``translation``
    is the corpus's own, with its language in ``translation_language``.
    """

    start: float
    end: float
    speaker: str | None
    text: str
    words: tuple[Word, ...]
    language: str | None
    confidence: float
    origin: Origin
    translation: str | None = None
    translation_language: str | None = None


@dataclass(frozen=True, slots=True)
class Abstention:
    """Something a model said that was not believed, and why: kept, so that nothing vanishes unseen.

    Attributes:
        stage: The stage that dropped it.
        reason: One of a few fixed words, such as ``"no_speech"``, ``"repetition"``, ``"compression"``
            or ``"outside_turns"``; ``docs/records.md`` lists them.
        text: What was dropped, as the model said it.
    """

    stage: str
    start: float
    end: float
    reason: str
    text: str
    confidence: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class VoiceMeasure:
    """Acoustic measures of one speaker, taken where no other person speaks.

    Attributes:
        speaker: As in the turns that were measured.
        seconds: How much speech of this speaker alone there was to measure.
        pitch: Median fundamental frequency of the voiced frames, in Hz; None with too few of them, or
            where they disagree.
        spread: Interquartile range of the fundamental frequency, in semitones.
        rate: Words per second of speech, pauses left out; None without words.
        pauses: Silences of 0.3 s and more within the speaker's speech alone, in seconds each; noise
            hides some, where there is no stem.
        level: Loudness of the voice (RMS), in dBFS.
    """

    speaker: str
    seconds: float
    pitch: float | None
    spread: float | None
    rate: float | None
    pauses: tuple[float, ...]
    level: float


@dataclass(frozen=True, slots=True)
class EventMeasure:
    """How loud one sound event is: RMS in dBFS, and in dB over the speech beneath it (None: none)."""

    start: float
    end: float
    label: str
    level: float
    over_speech: float | None


@dataclass(frozen=True, slots=True)
class Measures:
    """What can be measured rather than recognised.

    Voices and events are those of the best-known layer: the corpus's own turns and tags where it
    has them, else the models'.

    Attributes:
        snr: Ratio of speech to everything else while a person speaks, in dB; None without speech.
        loudness: Integrated loudness in LUFS (ITU-R BS.1770-4); None for silence.
        quality: DNSMOS P.835 overall score, 1 to 5; None where its optional model is not used.
        overlap: Share of the speech during which two or more speak.
    """

    snr: float | None
    loudness: float | None
    quality: float | None
    overlap: float | None
    voices: tuple[VoiceMeasure, ...]
    events: tuple[EventMeasure, ...]
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
    measures: Measures | None = None
    abstentions: tuple[Abstention, ...] = ()
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


_NESTED: dict[str, type] = {
    "origin": Origin,
    "truth": Truth,
    "audio": AudioInfo,
    "clip": Clip,
    "measures": Measures,
}
_LISTS: dict[str, type] = {
    "turns": Turn, "tags": Tag, "utterances": Utterance, "words": Word, "stems": Stem,
    "failures": Failure, "abstentions": Abstention, "voices": VoiceMeasure, "events": EventMeasure,
    "pauses": float,
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
            of = _LISTS[key]
            value = tuple(of(item) if of is float else from_json(of, item) for item in value)
        values[key] = value
    return cls(**values)
