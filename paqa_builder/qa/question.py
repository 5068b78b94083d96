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
            utterance), or ``"layer"``: the claim rests on all that a stage found, as "nobody
            speaks" does.
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
class Question:
    """One multiple-choice question about one clip.

    Attributes:
        id: ``"q-"`` and 16 hexadecimal digits: a hash of source, clip, template and ``n``.
        answer: The text of the right choice; ``choices[answer_index]``.
        level: ``"speech_environment"``, ``"speaker_speaker"`` or ``"both"``.
        trace: Perception and reasoning in the grammar of :mod:`paqa_builder.qa.grammar`.
        provenance: Who made the facts beneath, sorted: ``"truth:…"`` or ``"stage:backend@revision"``.
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
        return cls(**values)
