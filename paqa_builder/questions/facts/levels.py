"""Facts about loudness: of sounds, of speech, and of one relative to the other."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from paqa_builder.intervals import both, grow, total, union
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, Subject, YesNoKind, decided, extreme
from paqa_builder.questions.facts.listed import ListedKind
from paqa_builder.questions.facts.subjects import each, noun, sound_called
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.records import EventMeasure

# Speech-to-background ratios in dB: from the first on speech is much louder, up to the second (either way)
# both are equal, down from the third on the background is louder. Listeners disagree about other values.
_CLEAR, _EVEN, _MASKED = 15.0, 3.0, -6.0
# Longest overlap, in seconds, of an event with other sounds at which its level counts as its own.
_SHARED = 0.2
CLARITY = (
    "The speech is much louder",
    "Both are about equally loud",
    "Everything else is louder",
)


class Levels(NamedTuple):
    """The loudest measured events of one sound.

    Attributes:
        most: The loudest event. Its level includes simultaneous sounds, so it is an upper bound.
        sure: The loudest event without simultaneous sounds; None if there is none.
    """

    most: EventMeasure
    sure: EventMeasure | None


def levels_of(reading: Interpretation, sound: Sound, by: str) -> Levels | None:
    """The loudest events of a sound by ``"level"`` or by ``"over_speech"``.

    Returns:
        None if part of the sound was not measured, or if the times of another sound are unknown.
    """
    sounds = reading.sounds
    if not sound.spans or len(sounds.timed) < len(sounds.heard):
        return None
    labels = dict.fromkeys(tag.label for tag in sound.timing)
    events = [e for label in labels for e in reading.measures.events(label) if getattr(e, by) is not None]
    if not all(any(e.start < b and a < e.end for e in events) for a, b in sound.spans):
        return None
    rest = union(span for other in sounds.timed if other != sound for span in other.spans)
    alone = [e for e in events if total(both(((e.start, e.end),), rest)) <= _SHARED]
    loudness = attrgetter(by)
    return Levels(max(events, key=loudness), max(alone, key=loudness, default=None))


@register
class SoundLevel(SoundKind):
    """The loudest or the softest of several sounds."""

    needs = ("tags", "measures")
    slots = ("which",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if len(reading.sounds.timed) >= 2:
            yield Subject("loudest", {"which": "loudest"}, "loudest")
            yield Subject("softest", {"which": "softest"}, "softest")

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        mine = levels_of(reading, sound, "level")
        others = [levels_of(reading, o, "level") for o in reading.sounds.timed if o != sound]
        known = [levels for levels in others if levels is not None]
        if mine is None or len(known) < len(others) or not known:
            return Verdict(None)
        margin = reading.thresholds.louder

        def louder(sound: Levels, other: Levels) -> bool:
            return sound.sure is not None and sound.sure.level - other.most.level >= margin

        loudest = about == "loudest"
        right = extreme(mine, known, louder if loudest else lambda a, b: louder(b, a))
        event = (mine.sure or mine.most) if right == loudest else mine.most
        claim = f", {'more' if loudest else 'less'} than any other" if right else ""
        because = f"{noun(sound)} reaches {event.level:.0f} dBFS{claim}."
        evidence = (*sound.timing_evidence, reading.measures.cite_event(event, "level"))
        return Verdict(right, because, evidence)


def over_speech(reading: Interpretation, sound: Sound) -> Verdict:
    """Whether a sound is ever louder than simultaneous speech, by a clear margin."""
    levels, margin = levels_of(reading, sound, "over_speech"), reading.thresholds.louder
    if levels is None or not both(sound.spans, reading.voices.speech):
        return Verdict(None)
    louder = levels.sure is not None and (levels.sure.over_speech or 0.0) >= margin
    right = decided(louder, (levels.most.over_speech or 0.0) <= -margin)
    event = levels.sure if right and levels.sure else levels.most
    level = event.over_speech or 0.0
    relation = f"{abs(level):.0f} dB {'above' if level > 0 else 'below'} the speech"
    because = f"{noun(sound)} is {relation} {wording.from_to(event.start, event.end)}."
    evidence = (*sound.timing_evidence, reading.measures.cite_event(event, "over_speech"))
    return Verdict(right, because, evidence)


@register
class SoundOverSpeech(YesNoKind):
    """Whether a sound is louder than simultaneous speech."""

    needs = ("tags", "turns", "measures")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading) if reading.voices.speech else ()

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        return over_speech(reading, sound_called(reading, about))


@register
class SoundMasksSpeech(SoundKind):
    """A sound is louder than simultaneous speech; the wrong ones are softer, at other times, or absent."""

    needs = ("tags", "turns", "measures")
    open = True
    timed = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.voices.speech else []

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        if not both(grow(sound.maybe, reading.thresholds.min_gap), reading.maybe_spoken):
            because = f"Nobody speaks while {wording.sound_of(sound.label)} is heard."
            return Verdict(False, because, (*sound.timing_evidence, *reading.layer("turns")))
        return over_speech(reading, sound)


@register
class SpeechClarity(ListedKind):
    """Loudness of the speech relative to all other sounds."""

    needs = ("turns", "measures")

    def answers(self) -> tuple[str, ...]:
        return CLARITY

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.voices.speech and reading.measures.measures.snr is not None else []

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        snr = reading.measures.measures.snr
        if snr is None:
            return Verdict(None)
        right = (snr >= _CLEAR, abs(snr) <= _EVEN, snr <= _MASKED)
        if True not in right:
            return Verdict(None)
        evidence = (reading.measures.cite_clip("snr"),)
        if right[CLARITY.index(answer)]:
            side = "above" if snr >= 0 else "below"
            return Verdict(True, f"The speech is {abs(snr):.0f} dB {side} everything else.", evidence)
        return Verdict(False, "", evidence)
