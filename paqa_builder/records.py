"""Typed records of a clip: turns, tags, utterances, measures, ground truth and the scene that holds them.

Times are seconds from the clip's start, as floats; intervals are half-open, ``start < end``.
Confidences and scores are in [0, 1]. Records are immutable. A layer of ``None`` (``scene.turns is None``) is
unknown: the stage did not run, or failed. An empty layer means that the stage ran and found nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal

from paqa_builder.text.privacy import portable, redact

StageName = Literal["separate", "diarize", "tag", "transcribe", "measure"]
STAGES: tuple[StageName, ...] = ("separate", "diarize", "tag", "transcribe", "measure")
TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Origin:
    """Provenance of a record: the stage, model and revision that produced it.

    Attributes:
        stage: Name of the stage, or ``"truth"`` for a corpus's own annotation.
        backend: Name of the backend (or the source) in the registry.
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
    """A speech segment of one speaker. Segments of different speakers may overlap.

    ``speaker`` is local to the clip: ``"S1"`` is the first person to speak, ``"S2"`` the second.
    """

    start: float
    end: float
    speaker: str
    confidence: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Tag:
    """A sound event: its label, its times and its score.

    Attributes:
        label: AudioSet display name (``"Dog"``), or the source's own name where AudioSet has none.
        stem: The audio that was tagged: ``"background"``, ``"mix"`` or, for ground truth, ``"clip"``.
        localized: False for a clip-level label, which is present somewhere in the clip; ``start`` and
            ``end`` then span the clip.
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
    """A word with its times. ``text`` has no surrounding white space."""

    start: float
    end: float
    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """Transcribed speech of one speaker.

    Attributes:
        speaker: As in the turns; None if no turn covers the words.
        language: ISO 639-1 code (``"en"``); None if unknown.
        translation: Translation from the corpus, in ``translation_language``.
        emotion: Emotion that the corpus's annotators assigned, in lower case (``"joy"``); None if unknown.
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
    emotion: str | None = None


@dataclass(frozen=True, slots=True)
class Abstention:
    """A model output that a stage rejected, with the reason.

    Attributes:
        stage: The stage that rejected it.
        reason: ``"no_speech"``, ``"repetition"``, ``"compression"``, ``"outside_turns"``, …;
            ``docs/records.md`` lists all.
        text: The model's output.
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
    """Acoustic measures of one speaker, from speech without overlap.

    Attributes:
        speaker: As in the turns.
        seconds: Duration of the measured speech.
        pitch: Median fundamental frequency of the voiced frames, in Hz; None if these are too few or
            inconsistent.
        spread: Interquartile range of the fundamental frequency, in semitones.
        rate: Words per second of speech without pauses; None without words.
        pauses: Durations of silences of 0.3 s or more within the measured speech, in seconds. Without a
            speech stem, noise hides some.
        level: RMS level of the voice, in dBFS.
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
    """Level of a sound event: RMS in dBFS, and in dB relative to simultaneous speech (None without)."""

    start: float
    end: float
    label: str
    level: float
    over_speech: float | None


@dataclass(frozen=True, slots=True)
class Measures:
    """Acoustic measures of a clip, of its voices and of its events.

    Voices and events are those of the corpus's own turns and tags if it has them, else the models'.

    Attributes:
        snr: Level of speech relative to all other sound during speech, in dB; None without speech.
        loudness: Integrated loudness in LUFS (ITU-R BS.1770-4); None for silence.
        quality: DNSMOS P.835 overall score, 1 to 5; None without its optional model.
        overlap: Share of speech with two or more simultaneous speakers.
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
    """A separated part of the mixture, stored as a FLAC file in a pack of the work folder if it is kept.

    ``path`` is the folder of the packs and the name of the file; ``paqa.load_stem`` reads it.
    ``rms`` is the root mean square of the samples.
    """

    name: str
    path: str
    rate: int
    rms: float
    origin: Origin


@dataclass(frozen=True, slots=True)
class Failure:
    """A stage that failed on a clip; ``stage`` is ``"read"`` if the audio cannot be decoded.

    The message is published: it holds neither secrets nor folders of the machine.
    """

    stage: str
    error: str
    message: str

    def __post_init__(self) -> None:
        if isinstance(self.message, str):
            object.__setattr__(self, "message", portable(redact(self.message)))


@dataclass(frozen=True, slots=True)
class Speaker:
    """What a corpus states about a speaker of a clip; None for what it does not state.

    Attributes:
        name: As in the turns and utterances.
        sex: ``"female"``, ``"male"`` or the corpus's own word.
        age: Age or age group, in the corpus's own words (``"34"``, ``"twenties"``).
        accent: Accent, dialect or native language, in the corpus's own words.
    """

    name: str
    sex: str | None = None
    age: str | None = None
    accent: str | None = None


@dataclass(frozen=True, slots=True)
class CorpusQuestion:
    """A multiple-choice question of the corpus about a clip; a claim that the records have yet to prove.

    Attributes:
        id: Unique within the clip.
        answer: Index of the right choice, by the corpus.
        kind: Type of question, in the corpus's own words (``"Come From"``).
        about: What it is about, in the corpus's own words (``"Sound"``, ``"View"``, ``"Both"``).
    """

    id: str
    text: str
    choices: tuple[str, ...]
    answer: int
    kind: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Truth:
    """A corpus's own annotation of one clip; None for a layer that it does not annotate.

    Attributes:
        tags_complete: Whether a label that is absent from ``tags`` is absent from the clip, so that it can be
            a wrong choice. This holds only for labels of the corpus's vocabulary.
        captions: Descriptions of the clip as a whole, by people.
        speakers: What is stated about the speakers, each once.
    """

    turns: tuple[Turn, ...] | None = None
    tags: tuple[Tag, ...] | None = None
    utterances: tuple[Utterance, ...] | None = None
    tags_complete: bool = False
    captions: tuple[str, ...] | None = None
    speakers: tuple[Speaker, ...] | None = None


NO_TRUTH = Truth()
"""The annotation of a clip that has none."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One audio file of a corpus.

    Attributes:
        id: Unique within the source and stable across machines.
        path: Path of the audio on this machine; never published.
        split: ``"train"``, ``"validation"`` or ``"test"``.
        license: SPDX identifier or licence URL; ``"unknown"`` if the corpus names none.
        groups: What the clip has in common with others, as ``kind:name`` (``"recording:123"``,
            ``"dialogue:7"``, ``"speaker:anna"``, ``"uploader:bob"``). Names are unique within the source.
            Clips that share a group can leak between splits.
        questions: Questions of the corpus about the clip. They are no ground truth.
    """

    id: str
    source: str
    split: str
    path: str
    license: str = "unknown"
    attribution: str = ""
    source_url: str = ""
    truth: Truth = NO_TRUTH
    groups: tuple[str, ...] = ()
    questions: tuple[CorpusQuestion, ...] = ()


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """Properties of a clip's audio file; ``duration`` in seconds, ``rate`` in Hz."""

    duration: float
    rate: int
    channels: int
    sha256: str
    mixdown: str = "mean"


@dataclass(frozen=True, slots=True)
class Scene:
    """A clip with the records of all stages, the ground truth (``clip.truth``) and the failures."""

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
    """Converts a record, or a tuple of records, to plain dicts and lists, in field order."""
    kind = type(record)
    if kind is str or record is None:
        return record
    if kind is float or isinstance(record, float):
        # Six decimals are a microsecond: finer than any model, coarser than rounding errors.
        return round(record, 6)
    if isinstance(record, (tuple, list)):
        return [to_json(item) for item in record]
    names = _field_names(kind)  # type: ignore[arg-type]  # typeshed: a class is hashable
    return record if names is None else {name: to_json(getattr(record, name)) for name in names}


@cache
def _field_names(kind: type) -> tuple[str, ...] | None:
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None


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
    "pauses": float, "captions": str, "speakers": Speaker, "groups": str,
    "questions": CorpusQuestion, "choices": str,
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
            kind = _LISTS[key]
            value = tuple(kind(item) if kind in (float, str) else from_json(kind, item) for item in value)
        values[key] = value
    return cls(**values)
