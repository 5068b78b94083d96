"""Facts about voices: pitch, speaking rate, level and pauses.

They use the measures of each speaker (:class:`~paqa_builder.records.VoiceMeasure`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SpeakerKind, Subject, YesNoKind, decided, extreme, numbered
from paqa_builder.questions.facts.subjects import speaker_pair, speaker_subject
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation, per_scene
from paqa_builder.questions.reading.measured import VoiceProperty
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.records import VoiceMeasure

# Only the first speakers are compared with one another.
_COMPARED = 5


@dataclass(frozen=True)
class Scale:
    """One direction in which voices are compared.

    Attributes:
        what: The measure.
        sign: 1 for the largest value, -1 for the smallest.
        most: Name of the extreme: ``"the highest voice"``.
        claim: The comparison of two voices: ``"has a higher voice than"``.
    """

    what: VoiceProperty
    sign: int
    most: str
    claim: str

    def beyond(self, one: VoiceMeasure, other: VoiceMeasure, limits: Thresholds) -> float:
        """Signed distance of two voices in units of the audible margin; from 1 on it is clear."""
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


@per_scene
def measured(reading: Interpretation, what: VoiceProperty) -> Mapping[int, VoiceMeasure] | None:
    """Measures of all speakers by number; None if a measure of one of them is missing or unreliable."""
    voices = {}
    for speaker in reading.voices.speakers:
        voice = reading.measures.voice(speaker.name)
        if voice is None or voice.seconds < reading.thresholds.voice_seconds:
            return None
        value = getattr(voice, what)
        if value is None or (what in ("pitch", "rate") and value <= 0):
            return None
        voices[speaker.number] = voice
    return voices


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
    """The speaker with the highest, lowest, fastest, slowest, loudest or softest voice."""

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
        mine = voices[speaker.number]
        others = [voice for number, voice in voices.items() if number != speaker.number]
        evidence = _of(reading, speaker.number, scale.what)
        because = f"{_says(mine, scale.what, speaker.number)}."
        right = extreme(mine, others, lambda a, b: scale.beyond(a, b, limits) >= 1)
        return Verdict(right, because, evidence)


@register
class VoiceCompared(YesNoKind):
    """Whether the voice of a speaker is higher, faster or louder than that of another.

    Both orders of a pair occur, so that "yes" and "no" balance.
    """

    needs = ("turns", "measures")
    slots = ("which", "one", "other", "claim")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if not numbered(reading):
            return
        for which in ("highest", "fastest", "loudest"):
            if measured(reading, SCALES[which].what) is None:
                continue
            for one, other in itertools.permutations(reading.voices.speakers[:_COMPARED], 2):
                about = (which, one.number, other.number)
                key = f"{which} {one.number} {other.number}"
                slots = {
                    "which": which,
                    **speaker_pair(one.number, other.number),
                    "claim": SCALES[which].claim,
                }
                yield Subject(key, slots, about, group=key)

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        which, one, other = about
        scale = SCALES[which]
        voices = measured(reading, scale.what)
        if voices is None:
            return Verdict(None)
        beyond = scale.beyond(voices[one], voices[other], reading.thresholds)
        because = f"{_says(voices[one], scale.what, one)}. {_says(voices[other], scale.what, other)}."
        evidence = (*_of(reading, one, scale.what), *_of(reading, other, scale.what))
        return Verdict(decided(beyond >= 1, beyond <= -1), because, evidence)


@register
class LongestPause(SpeakerKind):
    """The speaker with the longest pause in their own speech."""

    needs = ("turns", "measures")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if measured(reading, "pauses") is not None else []

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        voices = measured(reading, "pauses")
        if voices is None:
            return Verdict(None)
        longest = {number: max(voice.pauses, default=0.0) for number, voice in voices.items()}
        mine, least = longest.pop(speaker.number), reading.thresholds.pause
        name = wording.choice_of_speaker(speaker.number)
        because = f"{name} pauses for up to {wording.long(mine)}." if mine else f"{name} does not pause."
        right = extreme(mine, longest.values(), lambda a, b: a >= least and a - b >= least / 2)
        return Verdict(right, because, _of(reading, speaker.number, "pauses"))


@register
class SpeakerPauses(YesNoKind):
    """Whether a given speaker pauses in their own speech."""

    needs = ("turns", "measures")
    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading) and measured(reading, "pauses") is not None:
            for speaker in reading.voices.speakers:
                yield speaker_subject(speaker.number, group=str(speaker.number))

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
