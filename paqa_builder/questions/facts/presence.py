"""Facts about the sounds of a clip: presence, absence and number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from paqa_builder.labels import audioset
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SoundKind, absent
from paqa_builder.questions.facts.subjects import heard
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound


@register
class SoundPresent(SoundKind):
    """A sound occurs in the clip."""

    open = True

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        return Verdict(True, heard(sound), sound.presence_evidence)


@register
class SoundAbsent(FactKind):
    """A sound does not occur in the clip; all wrong choices do."""

    form = AnswerType.SOUND
    needs = ("tags",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        # A sound that can never be ruled out is never the answer, so it may not be a wrong choice either.
        present = [sound for sound in reading.sounds.heard if reading.sounds.deniable(sound.label)]
        if len(present) >= 2 and reading.sounds.looked:
            yield Fact(
                key="absent",
                slots={},
                answer=None,
                own=tuple(wording.choice_of_label(sound.label) for sound in present),
                evidence=tuple(e for sound in present for e in sound.presence_evidence),
            )

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        label = wording.label_of_choice(choice)
        sound = reading.sounds.find(label)
        if sound is not None:
            return Verdict(False, heard(sound), sound.presence_evidence)
        if absent(reading, label).true is None:
            return Verdict(None)
        because = f"Nothing in the clip sounds like {wording.bare_sound(label)}."
        return Verdict(True, because, reading.layer("tags"))


@register
class SoundCount(NumberKind):
    """The number of different sounds; only if the annotation is complete."""

    needs = ("tags",)

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        sounds = reading.sounds
        # A tagger misses quiet sounds, and two labels of the same source count as one sound or as two.
        ambiguous = any(
            audioset.same_source(one.label, other.label)
            for one, other in itertools.combinations(sounds.heard, 2)
        )
        if not (sounds.complete and sounds.heard) or ambiguous:
            return None, Verdict(None)
        names = wording.listed([wording.sound_of(sound.label) for sound in sounds.heard])
        kinds = wording.count(len(sounds.heard), "kind")
        because = f"There {'is' if len(sounds.heard) == 1 else 'are'} {kinds} of sound: {names}."
        evidence = tuple(e for sound in sounds.heard for e in sound.presence_evidence)
        return len(sounds.heard), Verdict(True, because, (*evidence, *reading.layer("tags")))
