"""Questions and their evidence."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from paqa_builder.records import Origin, Tag, Turn, Utterance


@dataclass(frozen=True, slots=True)
class Evidence:
    """A record, or a whole layer, that proves the answer of a question.

    Attributes:
        stage: Stage that produced the record; ``"truth"`` for the corpus's annotation.
        backend: Model or source that produced it; empty for an empty layer.
        revision: Revision of the model's weights or of the corpus.
        record: ``"turn"``, ``"tag"``, ``"utterance"``, ``"words"`` (consecutive words of one
            utterance), ``"measure"`` (such as ``"S1 pitch 120 Hz"``), or ``"layer"`` (all records of a
            layer, for claims of absence).
        start: Onset in seconds from the clip's start.
        end: Offset in seconds, exclusive.
        confidence: Score of the record in [0, 1]; 1 for ground truth, measures and layers.
        value: Speaker, label, text, measure, or name of the layer.
        stem: Stem that a tag was detected in; empty for other records.
    """

    stage: str
    backend: str
    revision: str
    record: str
    start: float
    end: float
    confidence: float
    value: str
    stem: str = ""

    @property
    def origin(self) -> str:
        """``stage:backend@revision``, as :class:`~paqa_builder.records.Origin` prints."""
        return _origin(self.stage, self.backend, self.revision) if self.backend else self.stage


@lru_cache(maxsize=1 << 10)
def _origin(stage: str, backend: str, revision: str) -> str:
    return str(Origin(stage, backend, revision))


def confidence_of(record: Turn | Tag | Utterance) -> float:
    """Score of a record; 1 for ground truth."""
    if record.origin.is_truth:
        return 1.0
    return record.score if isinstance(record, Tag) else record.confidence


def cite(record: Turn | Tag | Utterance) -> Evidence:
    """A record as evidence."""
    if isinstance(record, Turn):
        kind, value, stem = "turn", record.speaker, ""
    elif isinstance(record, Tag):
        kind, value, stem = "tag", record.label, record.stem
    else:
        kind, value, stem = "utterance", record.text, ""
    origin = record.origin
    return Evidence(
        origin.stage, origin.backend, origin.revision, kind, record.start, record.end,
        confidence_of(record), value, stem,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difficulty:
    """Estimated difficulty of a question, with its parts.

    Attributes:
        level: ``"easy"``, ``"medium"`` or ``"hard"``.
        score: Mean of the known parts, each scaled to [0, 1].
        snr: Level of speech over everything else in dB; None if not measured.
        overlap: Share of the speech with two or more speakers; None without speech.
        speakers: Number of speakers; None if unknown.
        hops: Number of layers to combine, plus 1 if the answer needs an intermediate step.
        closeness: Similarity of the wrong choices to the clip, from 0 (unrelated) to 1 (all of them occur
            in the clip, at another time or by another speaker).
    """

    level: str
    score: float
    snr: float | None
    overlap: float | None
    speakers: int | None
    hops: int
    closeness: float


@dataclass(frozen=True, slots=True)
class PlantedError:
    """A perception error that a trace starts from.

    Attributes:
        kind: ``"missed_sound"``, ``"misheard_sound"``, ``"missed_speaker"`` or ``"wrong_speaker"``.
        start: Onset in seconds of the record, or of the first one for a whole sound or speaker.
        end: Offset in seconds of the record, or of the last one.
        value: Label or speaker of the record.
        heard_as: Label or speaker that replaces it; empty if it is missed.
    """

    kind: str
    start: float
    end: float
    value: str
    heard_as: str = ""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Original texts of a question that a language model reworded.

    Attributes:
        model: Name of the language model.
        question: Original question; None if unchanged.
        planning: Original PLANNING of the trace; None if unchanged.
        reasoning: Original REASONING; None if unchanged.
        summary: Original SUMMARY; None if unchanged.
    """

    model: str
    question: str | None = None
    planning: str | None = None
    reasoning: str | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A multiple-choice question about one clip.

    Attributes:
        id: ``"q-"`` and 16 hexadecimal digits: a hash of source, clip, template and number.
        answer: Text of the right choice, ``choices[answer_index]``.
        level: ``"speech_environment"``, ``"speaker_speaker"`` or ``"both"``.
        trace: Perception and reasoning in the grammar of :mod:`paqa_builder.questions.traces.grammar`.
        provenance: Sorted origins of the evidence: ``"truth:…"`` or ``"stage:backend@revision"``.
        difficulty: Estimated difficulty.
        reflection: Error that is planted in its trace; None for most questions.
        rewritten: Original texts if a language model reworded it, else None.
    """

    id: str
    question: str
    choices: tuple[str, ...]
    answer: str
    answer_index: int
    skill: str
    level: str
    trace: str
    evidence: tuple[Evidence, ...]
    clip_id: str
    template: str
    provenance: tuple[str, ...]
    difficulty: Difficulty
    reflection: PlantedError | None = None
    rewritten: Rewritten | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Question:
        """Inverse of :func:`paqa_builder.records.to_json`.

        Raises:
            TypeError: A field is missing or unknown.
        """
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in data.items()
        }
        if "evidence" in values:
            values["evidence"] = tuple(Evidence(**item) for item in values["evidence"])
        parts: dict[str, Any] = {
            "difficulty": Difficulty, "reflection": PlantedError, "rewritten": Rewritten,
        }  # fmt: skip
        for name, part in parts.items():
            if values.get(name) is not None:
                values[name] = part(**values[name])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A rejected question with the reasons.

    Attributes:
        by: ``"verifier"`` or ``"gate"``.
    """

    question: Question
    problems: tuple[str, ...]
    by: str = "verifier"
