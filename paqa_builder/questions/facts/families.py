"""Facts about the family of a sound source: an animal, a vehicle, a tool."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any

from paqa_builder.labels import audioset
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import Subject, numbered
from paqa_builder.questions.facts.listed import ListedKind
from paqa_builder.questions.facts.order import SoundOrder
from paqa_builder.questions.facts.subjects import heard, speaker_subject, speaks, timing_of, within
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import FAINT, Sound


@dataclass(frozen=True)
class Family:
    """A family of sound sources. ``members`` are the labels that certainly belong to it."""

    choice: str
    members: frozenset[str]


@cache
def families() -> dict[str, Family]:
    """All families by choice, from ``data/families.yaml``."""
    import yaml

    text = files("paqa_builder").joinpath("data/families.yaml").read_text(encoding="utf-8")
    return {
        choice: Family(choice, _under(rows["classes"]) - _under(rows.get("except", [])))
        for choice, rows in yaml.safe_load(text).items()
    }


def _under(classes: Iterable[str]) -> frozenset[str]:
    roots = set(classes)
    unknown = roots - set(audioset.labels())
    assert not unknown, unknown
    return frozenset(
        label for label in audioset.labels() if label in roots or audioset.ancestors(label) & roots
    )


@cache
def family_of(label: str) -> str | None:
    """The family of a label; None if there is none or more than one."""
    choices = [choice for choice, family in families().items() if label in family.members]
    return choices[0] if len(choices) == 1 else None


@cache
def touched(label: str, strictly: bool) -> frozenset[str]:
    """The families to which the source of a label may belong.

    Args:
        strictly: True for an annotator's label. The label of a model also stands for all sounds that the
            model confuses with it.
    """
    choices = set(_overlapping(label))
    groups = audioset.look_alikes()
    if strictly:
        for group in groups["same source"]:
            mine = [a for a in group if a == label or a in audioset.ancestors(label)]
            choices.update(choice for a in mine for b in group - {a} for choice in _overlapping(b))
        return frozenset(choices)
    for group in chain.from_iterable(groups.values()):
        if group & {label, *audioset.ancestors(label)}:
            choices.update(choice for other in group for choice in _overlapping(other))
    alike = (other for other in audioset.siblings(label) if audioset.confusable(label, other))
    return frozenset(choices.union(*map(_overlapping, alike)))


@cache
def _overlapping(label: str) -> frozenset[str]:
    """Families with a member that is an ancestor or a descendant of ``label`` in the ontology."""
    return frozenset(
        choice
        for choice, family in families().items()
        if any(audioset.related(label, member) for member in family.members)
    )


def any_of_family(reading: Interpretation, choice: str, sounds: Iterable[Sound]) -> Verdict:
    """True if one of the sounds certainly belongs to a family, else undecidable."""
    for sound in sounds:
        known = family_of(sound.label) == choice and not _disputed(reading, sound, choice)
        if known and not _person_beside_speech(reading, choice):
            because = f"{heard(sound)} Its source is {in_sentence(choice)}."
            return Verdict(True, because, sound.timing_evidence)
    return Verdict(None)


def _disputed(reading: Interpretation, sound: Sound, choice: str) -> bool:
    """Whether the tagger also gave a confusable label of another family."""
    labels = {tag.label for tag in reading.scene.tags or () if tag.score >= FAINT}
    return not reading.sounds.truth and any(
        audioset.confusable(label, sound.label) and family_of(label) not in (choice, None) for label in labels
    )


def ruled_out(reading: Interpretation, choice: str) -> Verdict:
    """False if no possible sound of the clip can belong to the family, else undecidable."""
    sounds = reading.sounds
    possible = (
        not sounds.looked
        or _person_beside_speech(reading, choice)
        or any(choice in touched(label, sounds.complete) for label in sounds.possible)
        or any(choice in touched(label, False) for label in sounds.suspects)
    )
    if possible:
        return Verdict(None)
    return Verdict(False, evidence=reading.layer("tags"), missing=in_sentence(choice))


def in_sentence(choice: str) -> str:
    """``"an animal"``."""
    return choice[0].lower() + choice[1:]


def _person_beside_speech(reading: Interpretation, choice: str) -> bool:
    # Speakers also move and breathe, which annotations omit.
    return reading.sounds.speech and any(map(audioset.is_voice, families()[choice].members))


class FamilyKind(ListedKind):
    """The answer is a family of sound sources."""

    def answers(self) -> tuple[str, ...]:
        return tuple(families())


@register
class SourceFamily(FamilyKind):
    """The family of a sound source in the clip."""

    needs = ("tags",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.sounds.heard else []

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        verdict = any_of_family(reading, answer, reading.sounds.heard)
        return verdict if verdict.true else ruled_out(reading, answer)


@register
class FirstSourceFamily(FamilyKind):
    """The family of the source of the first sound, or of the last to start."""

    needs = ("tags",)
    slots = ("which",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for which in ("first", "last"):
            sound = self._sound(reading, which)
            if sound is not None and reading.sounds.all_timed:
                yield Subject(which, {"which": which}, which, (), sound.timing_evidence)

    def _sound(self, reading: Interpretation, which: str) -> Sound | None:
        order = SoundOrder()
        return next((s for s in reading.sounds.timed if order.holds(reading, which, s).true), None)

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        sound = self._sound(reading, about)
        assert sound is not None
        verdict = any_of_family(reading, answer, [sound])
        if verdict.true:
            return Verdict(True, f"The {about} sound to start is this: {verdict.because}", verdict.evidence)
        mine = touched(sound.label, reading.sounds.complete)
        for other in reading.sounds.timed:
            if other != sound and family_of(other.label) == answer and answer not in mine:
                because = f"{heard(other)} It is not the {about} to start."
                return Verdict(False, because, other.timing_evidence)
        return ruled_out(reading, answer)


@register
class FamilyDuringSpeaker(FamilyKind):
    """The family of a sound source that is heard while a given speaker talks."""

    needs = ("tags", "turns")
    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading):
            for s in reading.voices.speakers:
                yield speaker_subject(s.number, speaks(s), evidence=s.evidence)

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        spans = next(s.spans for s in reading.voices.speakers if s.number == about)
        during = {sound: within(reading, sound, spans) for sound in reading.sounds.heard}
        verdict = any_of_family(reading, answer, [sound for sound, inside in during.items() if inside])
        if verdict.true:
            return verdict
        # Every sound that may belong to this family must certainly occur at another time.
        strictly = reading.sounds.complete
        kin = [s for s in during if answer in touched(s.label, strictly)]
        if any(during[s] is not False for s in kin):
            return Verdict(None)
        rest = reading.sounds.possible - {s.label for s in kin}
        if not kin or any(answer in touched(label, strictly) for label in rest):
            return ruled_out(reading, answer)
        return Verdict(False, " ".join(map(heard, kin)), timing_of(kin))
