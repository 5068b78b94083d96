"""Subjects and sentences about sounds and speakers, which many fact kinds share."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from paqa_builder.intervals import Spans, both, grow, total
from paqa_builder.questions import wording
from paqa_builder.questions.facts.bases import Subject, decided, numbered
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.sounds import Sound
from paqa_builder.questions.reading.voices import Speaker

Run = tuple[int, float, float]
"""One turn in a conversation: number of the speaker, start and end in seconds."""
# Of a clip with more sounds than this, only the first ones are compared with one another.
COMPARED = 6


def noun(sound: Sound) -> str:
    """``"The sound of a dog"``, as the beginning of a sentence."""
    return wording.capital(wording.sound_of(sound.label))


def heard(sound: Sound) -> str:
    """``"The sound of a dog is heard from 1.0 s to 3.0 s."``"""
    when = f" {wording.stretches(sound.spans)}" if sound.spans else ""
    return f"{noun(sound)} is heard{when}."


def starts(sound: Sound) -> str:
    """``"The sound of a dog starts at 1.0 s"``, without a full stop."""
    return f"{noun(sound)} starts at {wording.at(sound.onset)}"


def ends(sound: Sound) -> str:
    """``"The sound of a dog ends at 3.0 s"``, without a full stop."""
    return f"{noun(sound)} ends at {wording.at(sound.offset)}"


def speaks(speaker: Speaker) -> str:
    """``"The first speaker talks from 0.5 s to 3.0 s."``"""
    return f"{wording.choice_of_speaker(speaker.number)} talks {wording.stretches(speaker.spans)}."


def timing_of(sounds: Iterable[Sound]) -> tuple[Evidence, ...]:
    """Evidence for the times of several sounds."""
    return tuple(item for sound in sounds for item in sound.timing_evidence)


def sound_subject(sound: Sound, *steps: str, group: str = "") -> Subject:
    """A sound with known times as a subject; ``about`` is its label."""
    slots = {"sound": wording.sound_of(sound.label)}
    return Subject(sound.label, slots, sound.label, steps, sound.timing_evidence, group)


def each(reading: Interpretation) -> Iterator[Subject]:
    """One subject for each sound with known times; ``about`` is its label."""
    for sound in reading.sounds.timed:
        # Duration and count depend on the type of sound, so answers balance for each sound.
        yield sound_subject(sound, group=f"sound:{sound.label}")


def sound_called(reading: Interpretation, label: str) -> Sound:
    """The sound that a subject of this scene is about."""
    sound = reading.sounds.find(label)
    assert sound is not None, label
    return sound


def pair_subject(one: Sound, other: Sound, evidence: tuple[Evidence, ...] = ()) -> Subject:
    """Two sounds as a subject; ``about`` is their labels."""
    slots = {"sound": wording.sound_of(one.label), "other": wording.sound_of(other.label)}
    return Subject(f"{one.label}|{other.label}", slots, (one.label, other.label), (), evidence)


def compared(reading: Interpretation) -> Iterator[Subject]:
    """One subject for each ordered pair of timed sounds; ``about`` is their labels.

    Both orders of a pair occur, so that "yes" and "no" balance for every pair.
    """
    for pair in itertools.permutations(reading.sounds.timed[:COMPARED], 2):
        yield pair_subject(*pair, timing_of(pair))


def speaker_subject(number: int, *steps: str, **more: Any) -> Subject:
    """A speaker as a subject; ``about`` is the number unless ``more`` names another value."""
    slots = {"speaker": wording.speaker(number)}
    more.setdefault("about", number)
    return Subject(str(number), slots, steps=steps, **more)


def speaker_pair(one: int, other: int) -> dict[str, str]:
    """Template slots for two speakers."""
    return {"one": wording.speaker(one), "other": wording.speaker(other)}


def within(reading: Interpretation, sound: Sound, spans: Spans) -> bool | None:
    """Whether a sound is heard during ``spans``: True if long enough, False if certainly never."""
    if not sound.spans:
        return None
    return decided(
        total(both(sound.spans, spans)) >= reading.thresholds.min_overlap,
        not both(grow(sound.maybe, reading.thresholds.min_gap), spans),
    )


def handovers(reading: Interpretation) -> Iterator[tuple[Run, Run]]:
    """Pairs of consecutive turns whose two speakers follow each other only once in the clip.

    Otherwise "between the first and the second speaker" is ambiguous. None if speakers are not numbered.
    """
    runs = reading.voices.runs if numbered(reading) else ()
    pairs = list(itertools.pairwise(runs))
    speakers = [{first[0], second[0]} for first, second in pairs]
    return (pair for n, pair in enumerate(pairs) if speakers.count(speakers[n]) == 1)


def handover(first: Run, second: Run) -> str:
    """``"The first speaker stops at 3.0 s and the second speaker starts at 4.0 s"``, without a full stop."""
    return (
        f"{wording.choice_of_speaker(first[0])} stops at {wording.at(first[2])} and "
        f"{wording.speaker(second[0])} starts at {wording.at(second[1])}"
    )


def evidence_of_runs(reading: Interpretation, runs: Sequence[Run]) -> tuple[Evidence, ...]:
    """The turns that make up some runs of a conversation."""
    speakers = reading.voices.speakers
    return tuple(e for who, start, end in runs for e in speakers[who - 1].evidence_in(start, end))
