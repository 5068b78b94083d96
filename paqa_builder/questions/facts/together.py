"""Facts that need both ears: a sound and a voice, a sound and words."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any, ClassVar

from paqa_builder.intervals import Spans, both, grow, total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import Verdict, register
from paqa_builder.questions.facts.bases import SoundKind, SpeakerKind, Subject, numbered
from paqa_builder.questions.facts.environment import heard, starts
from paqa_builder.questions.facts.speakers import speaks
from paqa_builder.questions.facts.words import Place, PlaceKind, spoken_between, when
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.questions.wording import quote


def within(reading: Interpretation, sound: Sound, spans: Spans, lasting: float | None = None) -> bool | None:
    """Whether a sound is heard during ``spans``: long enough, or surely not; None in between."""
    if not sound.spans:
        return None
    needed = reading.thresholds.min_overlap if lasting is None else lasting
    if total(both(sound.spans, spans)) >= needed:
        return True
    return None if both(grow(sound.maybe, reading.thresholds.min_gap), spans) else False


class SoundDuring(SoundKind):
    """A sound is heard during certain spans, which are what ``about`` holds."""

    needs: ClassVar[tuple[str, ...]] = ("tags", "turns")
    open = True

    def holds(self, reading: Interpretation, about: Any, sound: Sound) -> Verdict:
        inside = within(reading, sound, about)
        if inside is None:
            return Verdict(None)
        return Verdict(inside, heard(sound), sound.timing_evidence)


@register
class SoundDuringSpeaker(SoundDuring):
    """A sound is heard while a certain person speaks."""

    name = "sound_during_speaker"
    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if numbered(reading):
            for s in reading.voices.speakers:
                yield Subject(
                    str(s.number), {"speaker": wording.speaker(s.number)}, s.spans, (speaks(s),), s.evidence
                )  # fmt: skip


@register
class SoundBetweenSpeakers(SoundDuring):
    """A sound is heard in the pause between two people's turns."""

    name = "sound_between_speakers"
    slots = ("one", "other")

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        if not numbered(reading):
            return
        runs = reading.voices.runs
        for (a, a_start, end), (b, start, b_end) in itertools.pairwise(runs):
            pairs = [(x, y) for (x, *_), (y, *_) in itertools.pairwise(runs)]
            # If the word passes between these two more than once, "between" is not one place.
            if pairs.count((a, b)) + pairs.count((b, a)) > 1 or start - end < reading.thresholds.min_overlap:
                continue
            one, other = reading.voices.speakers[a - 1], reading.voices.speakers[b - 1]
            step = (
                f"{wording.choice_of_speaker(a)} stops at {wording.at(end)} and "
                f"{wording.speaker(b)} starts at {wording.at(start)}."
            )
            slots = {"one": wording.speaker(a), "other": wording.speaker(b)}
            yield Subject(
                f"{a}-{b}", slots, ((end, start),), (step,),
                (*one.evidence_in(a_start, end), *other.evidence_in(start, b_end)),
            )  # fmt: skip


@register
class SoundDuringQuote(SoundDuring):
    """A sound is heard while certain words are said."""

    name = "sound_during_quote"
    needs = ("tags", "turns", "utterances")
    slots = ("quote",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for phrase in reading.speech.phrases:
            whole = phrase.timed or (phrase.opens and phrase.closes)
            if whole and len(reading.speech.phrase(phrase.text)) == 1:
                said = quote(phrase.text)
                yield Subject(
                    phrase.text, {"quote": said}, ((phrase.start, phrase.end),),
                    (f"{said} is said {when(phrase)}.",), phrase.evidence,
                )  # fmt: skip


@register
class SpeakerAtSound(SpeakerKind):
    """Who is speaking when a sound starts."""

    name = "speaker_at_sound"
    needs = ("tags", "turns")
    slots = ("sound",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for sound in reading.sounds.timed:
            # At the very start of the clip no onset is audible.
            if sound.onset >= 0.5:
                slots, step = {"sound": wording.sound_of(sound.label)}, f"{starts(sound)}."
                yield Subject(sound.label, slots, sound.label, (step,), sound.timing_evidence)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        sound, margin = reading.sounds.find(about), reading.thresholds.order
        assert sound is not None
        # Whenever it may have started, the same one must be talking.
        moment = (max(0.0, sound.earliest - margin), sound.onset + margin)
        near = reading.voices.at(*moment)
        name = wording.choice_of_speaker(speaker.number)
        inside = any(a <= moment[0] and moment[1] <= b for a, b in speaker.spans)
        if inside and near == (speaker,):
            evidence = speaker.evidence_in(*moment)
            span = next((a, b) for a, b in speaker.spans if a <= sound.onset < b)
            return Verdict(True, f"{name} is talking then, {wording.from_to(*span)}.", evidence)
        if speaker in near:
            return Verdict(None)
        return Verdict(False, f"{name} talks {wording.stretches(speaker.spans)}.", speaker.evidence)


@register
class SaidAfterSound(PlaceKind):
    """The first words after a sound has ended."""

    name = "said_after_sound"
    needs = ("tags", "turns", "utterances")
    slots = ("sound",)

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        limits = reading.thresholds
        for sound in reading.sounds.timed:
            end = sound.latest
            later = [u for u in reading.speech.utterances if u.start >= end + 0.1]
            # A tag's edges are vague: around the end of the sound nobody may be speaking.
            if not later or spoken_between(reading, sound.offset - limits.min_gap, end + 0.1):
                continue
            if later[0].start - end > limits.soon or spoken_between(reading, end, later[0].start - 0.3):
                continue
            name = wording.sound_of(sound.label)
            step = f"{wording.capital(name)} ends at {wording.at(sound.offset)}."
            yield Subject(sound.label, {"sound": name}, None, (step,), sound.timing_evidence), Place(later[0])


@register
class SaidBeforeSound(PlaceKind):
    """The last words before a sound starts."""

    name = "said_before_sound"
    needs = ("tags", "turns", "utterances")
    slots = ("sound",)

    def places(self, reading: Interpretation) -> Iterable[tuple[Subject, Place]]:
        limits = reading.thresholds
        for sound in reading.sounds.timed:
            start = sound.earliest
            earlier = [u for u in reading.speech.utterances if u.end <= start - 0.1]
            if not earlier or spoken_between(reading, start - 0.1, sound.onset + limits.min_gap):
                continue
            last = max(earlier, key=lambda u: u.end)
            if start - last.end > limits.soon or spoken_between(reading, last.end + 0.3, start):
                continue
            slots, step = {"sound": wording.sound_of(sound.label)}, f"{starts(sound)}."
            subject = Subject(sound.label, slots, None, (step,), sound.timing_evidence)
            yield subject, Place(last, opening=False)
