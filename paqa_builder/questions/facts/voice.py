"""Facts about how voices sound: high or low, fast or slow, loud or soft, and with what pauses.

They rest on measures (:class:`~paqa_builder.records.VoiceMeasure`) of each speaker's own speech.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SpeakerKind, Subject, YesNoKind, extreme, numbered
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.measured import VoiceProperty
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.records import VoiceMeasure

# Listeners do not compare more voices than this.
_COMPARED = 5


@dataclass(frozen=True)
class Scale:
    """One way to compare voices.

    Attributes:
        what: The measure.
        sign: 1 where more of it is meant, -1 where less.
        most: Who is at the end of the scale: ``"the highest voice"``.
        claim: What one does beside another: ``"has a higher voice than"``.
    """

    what: VoiceProperty
    sign: int
    most: str
    claim: str

    def beyond(self, one: VoiceMeasure, other: VoiceMeasure, limits: Thresholds) -> float:
        """By how many margins ``one`` is further along the scale; 1 and more is clearly so."""
        a, b = getattr(one, self.what), getattr(other, self.what)
        if self.what == "pitch":
            return self.sign * 12 * math.log2(a / b) / limits.interval
        if self.what == "rate":
            return self.sign * (max(a, b) / min(a, b) - 1) / limits.tempo * (1 if a > b else -1)
        return self.sign * (a - b) / limits.level


SCALES = {
    "highest": Scale("pitch", 1, "the highest voice", "has a higher voice than"),
    "lowest": Scale("pitch", -1, "the lowest voice", "has a lower voice than"),
    "fastest": Scale("rate", 1, "the fastest way of talking", "talks faster than"),
    "slowest": Scale("rate", -1, "the slowest way of talking", "talks more slowly than"),
    "loudest": Scale("level", 1, "the loudest voice", "is louder than"),
    "softest": Scale("level", -1, "the softest voice", "is softer than"),
}


def measured(reading: Interpretation, what: VoiceProperty) -> dict[int, VoiceMeasure] | None:
    """Every speaker's measure by number; None where one of them could not be measured well."""
    found = {}
    for speaker in reading.voices.speakers:
        voice = reading.measures.voice(speaker.name)
        if voice is None or voice.seconds < reading.thresholds.voice_seconds:
            return None
        value = getattr(voice, what)
        if value is None or (what in ("pitch", "rate") and value <= 0):
            return None
        found[speaker.number] = voice
    return found


def _of(reading: Interpretation, number: int, what: VoiceProperty) -> tuple[Evidence, ...]:
    speaker = reading.voices.speakers[number - 1]
    voice = reading.measures.voice(speaker.name)
    assert voice is not None
    return (reading.measures.cite_voice(voice, what), *speaker.evidence)


def _says(voice: VoiceMeasure, what: VoiceProperty, number: int) -> str:
    name = wording.choice_of_speaker(number)
    if what == "pitch":
        return f"{name}'s voice lies at about {voice.pitch:.0f} Hz"
    if what == "rate":
        return f"{name} says about {voice.rate:.1f} words per second"
    return f"{name}'s voice has a level of {voice.level:.0f} dBFS"


@register
class VoiceExtreme(SpeakerKind):
    """Who has the highest, lowest, fastest, slowest, loudest or softest voice."""

    name = "voice_extreme"
    needs = ("turns", "measures")
    slots = ("which",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for which, scale in SCALES.items():
            if measured(reading, scale.what) is not None:
                yield Subject(which, {"which": which}, which, group=which)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        scale, limits = SCALES[about], reading.thresholds
        voices = measured(reading, scale.what)
        if voices is None:
            return Verdict(None)
        mine = voices.pop(speaker.number)
        evidence = _of(reading, speaker.number, scale.what)
        because = f"{_says(mine, scale.what, speaker.number)}."
        right = extreme(mine, voices.values(), lambda a, b: scale.beyond(a, b, limits) >= 1)
        return Verdict(None) if right is None else Verdict(right, because, evidence)


@register
class VoiceCompared(YesNoKind):
    """Whether one speaker's voice is higher, faster or louder than another's.

    Both orders of a pair are asked about, so that "yes" and "no" balance.
    """

    name = "voice_compared"
    needs = ("turns", "measures")
    slots = ("which", "one", "other", "claim")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if not numbered(reading):
            return
        for which in ("highest", "fastest", "loudest"):
            if measured(reading, SCALES[which].what) is None:
                continue
            for one, other in itertools.permutations(reading.voices.speakers[:_COMPARED], 2):
                slots = {
                    "which": which, "one": wording.speaker(one.number),
                    "other": wording.speaker(other.number), "claim": SCALES[which].claim,
                }  # fmt: skip
                about = (which, one.number, other.number)
                yield Subject("{} {} {}".format(*about), slots, about, group="{} {} {}".format(*about))

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        which, one, other = about
        scale = SCALES[which]
        voices = measured(reading, scale.what)
        if voices is None:
            return Verdict(None)
        beyond = scale.beyond(voices[one], voices[other], reading.thresholds)
        if abs(beyond) < 1:
            return Verdict(None)
        because = f"{_says(voices[one], scale.what, one)}. {_says(voices[other], scale.what, other)}."
        evidence = (*_of(reading, one, scale.what), *_of(reading, other, scale.what))
        return Verdict(beyond > 0, because, evidence)


@register
class LongestPause(SpeakerKind):
    """Who makes the longest pause within their own speech."""

    name = "longest_pause"
    needs = ("turns", "measures")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if measured(reading, "pauses") is not None else []

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        voices = measured(reading, "pauses")
        if voices is None:
            return Verdict(None)
        longest = {number: max(voice.pauses, default=0.0) for number, voice in voices.items()}
        mine = longest.pop(speaker.number)
        name, evidence = wording.choice_of_speaker(speaker.number), _of(reading, speaker.number, "pauses")
        pauses = f"{name} pauses for up to {wording.long(mine)}." if mine else f"{name} does not pause."
        least = reading.thresholds.pause
        right = extreme(mine, longest.values(), lambda a, b: a >= least and a - b >= least / 2)
        return Verdict(None) if right is None else Verdict(right, pauses, evidence)


@register
class SpeakerPauses(YesNoKind):
    """Whether somebody pauses within their own speech."""

    name = "speaker_pauses"
    needs = ("turns", "measures")
    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading) and measured(reading, "pauses") is not None:
            for speaker in reading.voices.speakers:
                number = speaker.number
                yield Subject(str(number), {"speaker": wording.speaker(number)}, number, group=str(number))

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        voices = measured(reading, "pauses")
        if voices is None:
            return Verdict(None)
        pauses, name = voices[about].pauses, wording.choice_of_speaker(about)
        evidence = _of(reading, about, "pauses")
        if not pauses:
            return Verdict(False, f"{name} talks without a pause that one would notice.", evidence)
        if max(pauses) >= reading.thresholds.pause:
            because = f"{name} falls silent for {wording.long(max(pauses))} before going on."
            return Verdict(True, because, evidence)
        return Verdict(None)
