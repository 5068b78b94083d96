"""Statistics of a data set, collected row by row, for the card and the command line."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from paqa_builder.gate.report import GateReport
from paqa_builder.labels.audioset import is_event
from paqa_builder.licenses import is_restricted
from paqa_builder.questions.options import Thresholds
from paqa_builder.records import Origin, Scene

CLEAR = Thresholds().event
"""Lowest score of a tag that counts as an event; questions use the same threshold."""


@dataclass
class Summary:
    """Counts over a data set, in memory that does not grow with its size.

    Attributes:
        clips: Clips by split, including those that failed.
        failed: Number of clips with at least one failure.
        failures: Failures by stage.
        seconds: Seconds of audio by split.
        questions: Questions by split.
        asked_about: Number of clips that have a question.
        skills: Questions by skill.
        levels: Questions by level.
        templates: Questions by template.
        licenses: Clips by licence.
        languages: Utterances by language.
        speakers: Clips by number of speakers found.
        events: Sound events by label, from the score ``CLEAR`` on.
        sources: Clips by source.
        origins: Models and corpora that the records come from.
        example: The row of the first question.
        refused: Refused questions by ``"verifier"`` or ``"gate"``.
        reasons: Reasons of refusals, with numbers and quotations masked.
        contributions: Questions by ``audio_contribution``, where the gate judged it.
        gate: Report of the blind gate; None where the gate did not run.
        restricted: Number of questions in the configuration ``nc``.
        speech: Number of clips with speech.
        transcribed: Number of clips with words.
        stated: Clips by what the corpus states about speakers: ``"sex"``, ``"age"``, ``"accent"``,
            ``"emotion"``.
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
    restricted: int = 0
    speech: int = 0
    transcribed: int = 0
    stated: Counter[str] = field(default_factory=Counter)

    def add(self, scene: Scene, rows: Sequence[dict[str, Any]]) -> None:
        """Adds one clip and the rows of its questions (:func:`paqa_builder.dataset.schema.question_row`)."""
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
        utterances = (*(scene.utterances or ()), *(truth.utterances or ()))
        self.speech += bool(scene.turns or truth.turns or utterances)
        self.transcribed += bool(utterances)
        self.stated.update(
            name for name in ("sex", "age", "accent") if any(getattr(s, name) for s in truth.speakers or ())
        )
        self.stated.update({"emotion"} if any(u.emotion for u in utterances) else ())
        if rows:
            self.restricted += len(rows) * is_restricted(clip.license)
            self.asked_about += 1
            self.questions[clip.split] += len(rows)
            self.skills.update(row["skill"] for row in rows)
            self.levels.update(row["level"] for row in rows)
            self.templates.update(row["template"] for row in rows)
            self.contributions.update(filter(None, (row["audio_contribution"] for row in rows)))
            self.example = self.example or rows[0]

    def to_json(self) -> dict[str, Any]:
        """JSON-compatible dictionary."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return values | {
            "origins": sorted([o.stage, o.backend, o.revision] for o in self.origins),
            "gate": self.gate and self.gate.to_json(),
            "speakers": list(self.speakers.items()),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Summary:
        """Inverse of :meth:`to_json`."""
        values: dict[str, Any] = {name: Counter(v) if isinstance(v, dict) else v for name, v in data.items()}
        return cls(
            **values
            | {
                "origins": {Origin(*origin) for origin in data["origins"]},
                "gate": data["gate"] and GateReport.from_json(data["gate"]),
                "speakers": Counter(dict(data["speakers"])),
                "example": data["example"],
            }
        )

    @property
    def entropy(self) -> float:
        """Entropy of the distribution of templates, in bits: ``2 ** entropy`` is the effective number."""
        total = self.templates.total()
        return sum(-n / total * math.log2(n / total) for n in self.templates.values() if n)

    def refuse(self, rows: Sequence[dict[str, Any]]) -> None:
        """Adds the rows of refused questions (:func:`paqa_builder.dataset.schema.quarantine_row`)."""
        self.refused.update(row["refused_by"] for row in rows)
        self.reasons.update(_masked(reason) for row in rows for reason in row["reasons"])


def _masked(reason: str) -> str:
    """A reason with numbers and quotations masked, so that equal reasons are counted together."""
    return re.sub(r"“[^”]*”|'[^']*'|\"[^\"]*\"", "…", re.sub(r"\d+(?:\.\d+)?", "N", reason))
