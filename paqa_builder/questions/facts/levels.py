"""Facts about loudness: sounds against each other and against speech, from what was measured."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from paqa_builder.intervals import both, grow, total, union
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, Subject, YesNoKind, extreme
from paqa_builder.questions.facts.lasting import each, sound_called
from paqa_builder.questions.facts.listed import ListedKind
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.records import EventMeasure

# Speech this many dB over the rest is clear, this near to it is on a par, this far below is drowned.
# In between, people do not agree.
_CLEAR, _EVEN, _DROWNED = 15.0, 3.0, -6.0
# Seconds that an event may share with another sound and still be heard by itself.
_SHARED = 0.2
CLARITY = (
    "The speech is much louder",
    "Both are about equally loud",
    "Everything else is louder",
)


class Levels(NamedTuple):
    """The events of one sound as far as they were measured.

    Attributes:
        most: The loudest; what is heard at the same time is in its level, too, so that the sound itself
            is at most as loud.
        sure: The loudest of those that are heard by themselves; None where there are none.
    """

    most: EventMeasure
    sure: EventMeasure | None


def levels_of(reading: Interpretation, sound: Sound, by: str) -> Levels | None:
    """The levels of a sound (``by`` is ``"level"`` or ``"over_speech"``).

    Returns:
        None where any stretch of it was not measured, or another sound may be heard at any time.
    """
    sounds = reading.sounds
    if not sound.spans or len(sounds.timed) < len(sounds.heard):
        return None
    labels = dict.fromkeys(tag.label for tag in sound.timing)
    found = [e for label in labels for e in reading.measures.events(label) if getattr(e, by) is not None]
    if not all(any(e.start < b and a < e.end for e in found) for a, b in sound.spans):
        return None
    rest = union(span for other in sounds.timed if other != sound for span in other.spans)
    alone = [e for e in found if total(both(((e.start, e.end),), rest)) <= _SHARED]

    def loudness(event: EventMeasure) -> float:
        return float(getattr(event, by))

    return Levels(max(found, key=loudness), max(alone, key=loudness, default=None))


@register
class SoundLevel(SoundKind):
    """Which of several sounds is the loudest, and which the softest."""

    name = "sound_level"
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
        verdict = extreme(mine, known, louder if loudest else lambda a, b: louder(b, a))
        if verdict is None:
            return Verdict(None)
        event = (mine.sure or mine.most) if verdict == loudest else mine.most
        because = f"{wording.capital(wording.sound_of(sound.label))} reaches {event.level:.0f} dBFS"
        because += f", {'more' if about == 'loudest' else 'less'} than any other." if verdict else "."
        return Verdict(
            verdict, because, (*sound.timing_evidence, reading.measures.cite_event(event, "level"))
        )


def over_speech(reading: Interpretation, sound: Sound) -> tuple[bool | None, EventMeasure | None]:
    """Whether a sound is at some time louder than the speech beneath it, and the event that says most."""
    found, margin = levels_of(reading, sound, "over_speech"), reading.thresholds.louder
    if found is None or not both(sound.spans, reading.voices.speech):
        return None, None
    if found.sure is not None and (found.sure.over_speech or 0.0) >= margin:
        return True, found.sure
    return (False if (found.most.over_speech or 0.0) <= -margin else None), found.most


def _compared(reading: Interpretation, sound: Sound, event: EventMeasure) -> tuple[str, tuple[Evidence, ...]]:
    by = event.over_speech or 0.0
    name = wording.capital(wording.sound_of(sound.label))
    relation = f"{abs(by):.0f} dB {'above' if by > 0 else 'below'} the speech"
    because = f"{name} is {relation} {wording.from_to(event.start, event.end)}."
    return because, (*sound.timing_evidence, reading.measures.cite_event(event, "over_speech"))


@register
class SoundOverSpeech(YesNoKind):
    """Whether a sound is louder than the speech that it is heard with."""

    name = "sound_over_speech"
    needs = ("tags", "turns", "measures")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return each(reading) if reading.voices.speech else ()

    def decide(self, reading: Interpretation, about: Any) -> Verdict:
        sound = sound_called(reading, about)
        louder, event = over_speech(reading, sound)
        if louder is None or event is None:
            return Verdict(None)
        return Verdict(louder, *_compared(reading, sound, event))


@register
class SoundMasksSpeech(SoundKind):
    """A sound is louder than the speech beneath it; the wrong ones are softer, elsewhere, or not there."""

    name = "sound_masks_speech"
    needs = ("tags", "turns", "measures")
    open = True

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.voices.speech else []

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        if not sound.spans:
            return Verdict(None)
        if not both(grow(sound.maybe, reading.thresholds.min_gap), reading.maybe_spoken):
            because = f"Nobody speaks while {wording.sound_of(sound.label)} is heard."
            return Verdict(False, because, (*sound.timing_evidence, *reading.layer("turns")))
        louder, event = over_speech(reading, sound)
        if louder is None or event is None:
            return Verdict(None)
        return Verdict(louder, *_compared(reading, sound, event))


@register
class SpeechClarity(ListedKind):
    """How loud the speech is against everything else."""

    name = "speech_clarity"
    needs = ("turns", "measures")

    def answers(self) -> tuple[str, ...]:
        return CLARITY

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if reading.voices.speech and reading.measures.measures.snr is not None else []

    def holds(self, reading: Interpretation, about: Any, answer: str) -> Verdict:
        snr = reading.measures.measures.snr
        clear = (None if snr is None else snr >= _CLEAR, snr is not None and abs(snr) <= _EVEN, False)
        right = (*clear[:2], snr is not None and snr <= _DROWNED)
        if snr is None or True not in right:
            return Verdict(None)
        evidence = (reading.measures.cite_clip("snr"),)
        if right[CLARITY.index(answer)]:
            side = "above" if snr >= 0 else "below"
            return Verdict(True, f"The speech is {abs(snr):.0f} dB {side} everything else.", evidence)
        return Verdict(False, "", evidence)
