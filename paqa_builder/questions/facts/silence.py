"""Facts about how much of a clip is speech, and whether there is nothing at all in some of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from paqa_builder.intervals import both, outside, total, union
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import Subject, YesNoKind
from paqa_builder.questions.facts.listed import ListedKind
from paqa_builder.questions.reading.interpretation import Interpretation

# Seconds that a stretch without anything lasts at least, and those that are too short for one.
_STRETCH, _TOO_SHORT = 1.0, 0.5
# Bounds of the share of the clip; between them it is anybody's guess.
SHARES = {
    "Less than a quarter of it": (0.0, 0.2),
    "About half of it": (0.4, 0.6),
    "Nearly the whole of it": (0.85, 1.0),
}


@register
class QuietStretch(YesNoKind):
    """Whether there is a stretch of a second or more with neither speech nor any other sound."""

    name = "quiet_stretch"
    needs = ("tags", "turns")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.voices.speech or reading.sounds.timed else []

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        sounds, voices = reading.sounds, reading.voices
        sure = union([*voices.speech, *(span for sound in sounds.timed for span in sound.spans)])
        evidence = (*reading.layer("turns"), *reading.layer("tags"))
        gaps = outside(sure, 0.0, reading.duration)
        if all(b - a <= _TOO_SHORT for a, b in gaps):
            cited = (*voices.evidence, *(e for sound in sounds.timed for e in sound.timing_evidence))
            return Verdict(False, self._filled(reading), (*cited, *evidence))
        # A tagger may miss what is quiet, so only whoever wrote down every sound can say that there is none.
        known = sounds.complete and voices.truth and not sounds.suspects
        if not known or len(sounds.timed) < len(sounds.heard):
            return Verdict(None)
        longest = max(gaps, key=lambda span: span[1] - span[0])
        if longest[1] - longest[0] < _STRETCH:
            return Verdict(None)
        return Verdict(True, f"Nothing at all happens {wording.from_to(*longest)}.", evidence)

    @staticmethod
    def _filled(reading: Interpretation) -> str:
        pauses = outside(reading.voices.speech, 0.0, reading.duration)
        pauses = tuple(span for span in pauses if span[1] - span[0] > _TOO_SHORT)
        sounds = [s for s in reading.sounds.timed if both(s.spans, pauses)]
        if not pauses:
            return "Somebody speaks nearly all the time."
        names = wording.listed([wording.sound_of(sound.label) for sound in sounds])
        return f"Nobody speaks {wording.stretches(pauses)}, but there one hears {names}."


@register
class SpeechShare(ListedKind):
    """How much of the clip is filled with speech."""

    name = "speech_share"
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
