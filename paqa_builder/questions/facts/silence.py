"""Facts about silence and about the share of speech in a clip."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import both, longest, outside, total, union
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import Subject, YesNoKind
from paqa_builder.questions.facts.listed import ListedKind
from paqa_builder.questions.facts.subjects import timing_of
from paqa_builder.questions.reading.interpretation import Interpretation

# A silent stretch lasts at least the first number of seconds; a gap up to the second is certainly none.
_STRETCH, _TOO_SHORT = 1.0, 0.5
# Answers with the shares of the clip that they allow; other shares have no answer.
SHARES = {
    "Less than a quarter of it": (0.0, 0.2),
    "About half of it": (0.4, 0.6),
    "Nearly the whole of it": (0.85, 1.0),
}


@register
class QuietStretch(YesNoKind):
    """Whether there is a second or more with neither speech nor any other sound."""

    needs = ("tags", "turns")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.voices.speech or reading.sounds.timed else []

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        sounds, voices = reading.sounds, reading.voices
        sure = union([*voices.speech, *(span for sound in sounds.timed for span in sound.spans)])
        evidence = (*reading.layer("turns"), *reading.layer("tags"))
        gaps = outside(sure, 0.0, reading.duration)
        if all(b - a <= _TOO_SHORT for a, b in gaps):
            cited = (*voices.evidence, *timing_of(sounds.timed), *evidence)
            return Verdict(False, self._filled(reading), cited)
        # A tagger may miss quiet sounds, so only a complete annotation proves silence.
        known = sounds.complete and voices.truth and not sounds.suspects
        start, end = longest(gaps)
        if not known or len(sounds.timed) < len(sounds.heard) or end - start < _STRETCH:
            return Verdict(None)
        return Verdict(True, f"Nothing at all happens {wording.from_to(start, end)}.", evidence)

    @staticmethod
    def _filled(reading: Interpretation) -> str:
        gaps = outside(reading.voices.speech, 0.0, reading.duration)
        pauses = tuple((start, end) for start, end in gaps if end - start > _TOO_SHORT)
        if not pauses:
            return "Somebody speaks nearly all the time."
        sounds = [sound for sound in reading.sounds.timed if both(sound.spans, pauses)]
        names = wording.listed([wording.sound_of(sound.label) for sound in sounds])
        return f"Nobody speaks {wording.stretches(pauses)}, but there one hears {names}."


@register
class SpeechShare(ListedKind):
    """Share of the clip that is speech."""

    needs = ("turns",)

    def answers(self) -> tuple[str, ...]:
        return tuple(SHARES)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.voices.speech and reading.duration >= 2 * _STRETCH else []

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        voices = reading.voices
        least = total(voices.speech) / reading.duration
        most = min(1.0, total(reading.maybe_spoken) / reading.duration)
        low, high = SHARES[answer]
        if not (voices.truth or voices.sure):
            return Verdict(None)
        spoken = f"{wording.long(total(voices.speech))} of {wording.long(reading.duration)}"
        if low <= least and most <= high:
            return Verdict(True, f"Somebody speaks for {spoken}.", voices.evidence)
        known = any(a <= least and most <= b for a, b in SHARES.values())
        return Verdict(False, "", voices.evidence) if known else Verdict(None)
