"""What a build made, in numbers: collected row by row, shown by the card and the command line."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from paqa_builder.gate.report import GateReport
from paqa_builder.labels.audioset import is_event
from paqa_builder.questions.options import Thresholds
from paqa_builder.records import Origin, Scene

CLEAR = Thresholds().event
"""From this score on a tag counts: the same from which questions are asked about it."""


@dataclass
class Summary:
    """Counts over a data set; none grows with its size.

    Attributes:
        clips: Clips by split, those that failed included.
        failed: Clips with at least one failure.
        failures: Failures by stage.
        seconds: Seconds of audio by split.
        questions: Questions by split.
        asked_about: Clips that have a question.
        skills, levels, templates: Questions by each.
        licenses: Clips by licence.
        languages: Utterances by language.
        speakers: Clips by number of speakers heard.
        events: Clearly heard sound events by label.
        sources: Clips by source.
        origins: Who made the records: models, and the corpus itself.
        example: The first question's row.
        refused: Refused questions by who refused them.
        reasons: Why, without the particulars of a single question.
        contributions: Questions by what the audio contributes, where that was judged.
        gate: What the blind gate found; None where there was no gate.
    """

    clips: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    questions: Counter[str] = field(default_factory=Counter)
    asked_about: int = 0
    skills: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    templates: Counter[str] = field(default_factory=Counter)
    licenses: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    speakers: Counter[int] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    origins: set[Origin] = field(default_factory=set)
    example: dict[str, Any] | None = None
    refused: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    contributions: Counter[str] = field(default_factory=Counter)
    gate: GateReport | None = None

    def add(self, scene: Scene, rows: Sequence[dict[str, Any]]) -> None:
        """Counts one clip and its questions' rows (:func:`paqa_builder.dataset.schema.question_row`)."""
        clip = scene.clip
        self.clips[clip.split] += 1
        self.seconds[clip.split] += scene.duration  # type: ignore[assignment]
        self.licenses[clip.license] += 1
        self.sources[clip.source] += 1
        self.failed += bool(scene.failures)
        self.failures.update(failure.stage for failure in scene.failures)
        if scene.turns is not None:
            self.speakers[len({turn.speaker for turn in scene.turns})] += 1
        self.events.update(
            tag.label for tag in scene.tags or () if tag.score >= CLEAR and is_event(tag.label)
        )
        self.languages.update(u.language for u in scene.utterances or () if u.language)
        truth = clip.truth
        for layer in (
            scene.stems, scene.turns, scene.tags, scene.utterances, truth.turns, truth.tags, truth.utterances,
        ):  # fmt: skip
            self.origins.update(record.origin for record in layer or ())
        if scene.measures is not None:
            self.origins.add(scene.measures.origin)
        if rows:
            self.asked_about += 1
            self.questions[clip.split] += len(rows)
            self.skills.update(row["skill"] for row in rows)
            self.levels.update(row["level"] for row in rows)
            self.templates.update(row["template"] for row in rows)
            known = (row["audio_contribution"] for row in rows)
            self.contributions.update(value for value in known if value)
            self.example = self.example or rows[0]

    @property
    def entropy(self) -> float:
        """Of the templates, in bits; ``2 ** entropy`` templates asked equally often are as varied."""
        total = self.templates.total()
        return sum(-n / total * math.log2(n / total) for n in self.templates.values() if n)

    def refuse(self, rows: Sequence[dict[str, Any]]) -> None:
        """Counts refused questions (:func:`paqa_builder.dataset.schema.quarantine_row`)."""
        self.refused.update(row["refused_by"] for row in rows)
        self.reasons.update(_kind(reason) for row in rows for reason in row["reasons"])


def _kind(reason: str) -> str:
    """A reason without what is quoted in it, so that equal ones add up."""
    return re.sub(r"“[^”]*”|'[^']*'|\"[^\"]*\"", "…", re.sub(r"\d+(?:\.\d+)?", "N", reason))
