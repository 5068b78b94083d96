"""The item of the data set, and the evidence that proves it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from paqa_builder.records import Origin, Tag, Turn, Utterance


@dataclass(frozen=True, slots=True)
class Evidence:
    """One record, or a whole layer, that a question's answer rests on.

    Attributes:
        stage: The stage that made the record, or ``"truth"`` for a corpus's own annotation.
        backend: The model (or the source) that made it; empty for an empty layer.
        revision: Revision of the model's weights, or of the corpus.
        record: ``"turn"``, ``"tag"``, ``"utterance"``, ``"words"`` (consecutive words of one
            utterance), ``"measure"`` (something measured, such as ``"S1 pitch 120 Hz"``), or
            ``"layer"``: the claim rests on all that a stage found, as "nobody speaks" does.
        start: Seconds from the clip's start.
        end: Likewise, exclusive.
        confidence: The record's own score, in [0, 1]; 1 for ground truth and for a layer.
        value: The speaker, the label, the text, or the layer's name.
        stem: Where a tag was heard; empty for other records.
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
        return str(Origin(self.stage, self.backend, self.revision)) if self.backend else self.stage


def confidence_of(record: Turn | Tag | Utterance) -> float:
    """A record's score; 1 where the corpus itself says so."""
    if record.origin.is_truth:
        return 1.0
    return record.score if isinstance(record, Tag) else record.confidence


def cite(record: Turn | Tag | Utterance) -> Evidence:
    """Names a record as evidence."""
    if isinstance(record, Turn):
        kind, value, stem = "turn", record.speaker, ""
    elif isinstance(record, Tag):
        kind, value, stem = "tag", record.label, record.stem
    else:
        kind, value, stem = "utterance", record.text, ""
    made = record.origin
    return Evidence(
        made.stage, made.backend, made.revision, kind, record.start, record.end,
        confidence_of(record), value, stem,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difficulty:
    """What makes a question hard, part by part, and the sum of it.

    Attributes:
        level: ``"easy"``, ``"medium"`` or ``"hard"``.
        score: Mean of the parts that are known, each brought to [0, 1].
        snr: Speech over everything else, in dB; None where it was not measured.
        overlap: Share of the speech during which two or more speak; None without speech.
        speakers: How many people speak; None where unknown.
        hops: Layers that must be put together, and one more where a first finding leads to the answer.
        closeness: How near the wrong choices are, from 0 (nothing like it in the clip) to 1 (all of
            them happen in the clip, elsewhere or by another speaker).
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
    """One percept gone wrong.

    Attributes:
        kind: ``"missed_sound"``, ``"misheard_sound"``, ``"missed_speaker"`` or ``"wrong_speaker"``.
        start: Of the record (of the first, where all of a sound or a speaker is meant), in seconds.
        end: Of the record, or of the last one.
        value: The record's label or speaker.
        heard_as: What it was taken for; empty where it was missed.
    """

    kind: str
    start: float
    end: float
    value: str
    heard_as: str = ""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A question's own texts, where a language model's wording was published in their place.

    Attributes:
        model: The language model that reworded it.
        question: The template's text; None where the question was kept as it was. So the next three.
        planning: Of the trace.
        reasoning: Likewise.
        summary: Likewise.
    """

    model: str
    question: str | None = None
    planning: str | None = None
    reasoning: str | None = None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One multiple-choice question about one clip.

    Attributes:
        id: ``"q-"`` and 16 hexadecimal digits: a hash of source, clip, template and ``n``.
        answer: The text of the right choice; ``choices[answer_index]``.
        level: ``"speech_environment"``, ``"speaker_speaker"`` or ``"both"``.
        trace: Perception and reasoning in the grammar of :mod:`paqa_builder.questions.traces.grammar`.
        provenance: Who made the facts beneath, sorted: ``"truth:…"`` or ``"stage:backend@revision"``.
        difficulty: How hard it is, part by part.
        reflection: The percept that its trace gets wrong at first, on purpose; None for most.
        rewritten: What a language model reworded; None where none did.
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
        """Rebuilds a question from :func:`paqa_builder.records.to_json`'s output.

        Raises:
            TypeError: A field is missing or unknown.
        """
        values = dict(data)
        for field in fields(cls):
            if isinstance(values.get(field.name), list):
                values[field.name] = tuple(values[field.name])
        if "evidence" in values:
            values["evidence"] = tuple(Evidence(**item) for item in values["evidence"])
        for name, of in (("difficulty", Difficulty), ("reflection", PlantedError), ("rewritten", Rewritten)):
            if values.get(name) is not None:
                values[name] = of(**values[name])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refused question with the reasons.

    Attributes:
        by: ``"verifier"`` or ``"gate"``.
    """

    question: Question
    problems: tuple[str, ...]
    by: str = "verifier"
