"""Facts about turn-taking: order and number of turns, and interruptions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import ExtremeSpeakerKind, NumberKind, SpeakerKind, Subject, numbered
from paqa_builder.questions.facts.subjects import Run, evidence_of_runs, speaker_subject, speaks
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation, per_scene
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.seeded import shuffled

# Fewest and most turns of a conversation whose order is asked for: short ones have too few possible orders,
# long ones are hard to remember.
_SHORTEST, _LONGEST = 4, 6
# Number of wrong orders that a fact offers.
_ORDERS = 24


@per_scene
def clear_runs(reading: Interpretation) -> tuple[Run, ...]:
    """The turns of a clip in order; empty if they are ambiguous.

    Listeners disagree whether a short utterance, or one within another turn, is a turn.
    """
    runs, margin = reading.voices.runs, reading.thresholds.order
    if not numbered(reading) or any(end - start < 1.0 for _, start, end in runs):
        return ()
    steps = itertools.pairwise(runs)
    clear = all(b[1] - a[1] >= margin and b[2] - a[2] >= margin for a, b in steps)
    return runs if clear else ()


@register
class SpeakerBeside(SpeakerKind):
    """The speaker right after the last turn of another speaker, or right before the first turn.

    After the *first* turn it would often be the speaker with the next number.
    """

    slots = ("which", "speaker")
    at_least = 3

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        runs = clear_runs(reading)
        # With one turn each, the numbers of the speakers reveal the answer.
        if len(runs) <= len(reading.voices.speakers):
            return
        for which, ordered in (("after", runs[::-1]), ("before", runs)):
            seen: set[int] = set()
            for n, run in enumerate(ordered):
                who = run[0]
                # At n = 0 there is no neighbour.
                if who not in seen and n and not (which == "before" and who <= 2):
                    key = f"{which} {who}"
                    slots = {"which": which, "speaker": wording.speaker(who)}
                    about, steps = (which, who, ordered[n - 1]), (self._step(which, run),)
                    evidence = evidence_of_runs(reading, (run,))
                    yield Subject(key, slots, about, steps, evidence, group=key, out=(who,))
                seen.add(who)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        which, _, run = about
        if run[0] == speaker.number:
            role = "the next one to talk" if which == "after" else "the one who talks before that"
            because = f"{wording.choice_of_speaker(run[0])} is {role}, {wording.from_to(*run[1:])}."
            return Verdict(True, because, evidence_of_runs(reading, (run,)))
        return Verdict(False, speaks(speaker), speaker.evidence)

    @staticmethod
    def _step(which: str, run: Run) -> str:
        name = wording.choice_of_speaker(run[0])
        if which == "after":
            return f"{name} talks for the last time {wording.from_to(*run[1:])}."
        return f"{name} first talks at {wording.at(run[1])}."


@register
class TurnOrder(FactKind):
    """The order of all turns."""

    form = AnswerType.LISTED
    needs = ("turns",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        runs = clear_runs(reading)
        numbers = [who for who, *_ in runs]
        # With two speakers the order is known.
        if not (_SHORTEST <= len(runs) <= _LONGEST and len(set(numbers)) >= 3):
            return
        answer, size = _order(numbers), len(set(numbers))
        others = (order for order in map(_order, _orders(size, len(numbers))) if order != answer)
        own = tuple(shuffled(others, "orders", answer)[:_ORDERS])
        group = f"{size} of {len(numbers)}"
        yield Fact("", {}, answer, own, evidence=evidence_of_runs(reading, runs), group=group)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        runs = clear_runs(reading)
        numbers = [_ORDINALS.get(word.lower()) for word in choice.split(", ")]
        if not runs or None in numbers:
            return Verdict(None)
        if numbers != [who for who, *_ in runs]:
            return Verdict(False)
        turns = ", ".join(f"{wording.speaker(who)} at {wording.at(start)}" for who, start, _ in runs)
        return Verdict(True, f"The order of the turns is: {turns}.", evidence_of_runs(reading, runs))


_ORDINALS = {wording.ordinal(n): n for n in range(1, 11)}


def _order(numbers: Iterable[int]) -> str:
    return wording.capital(", ".join(map(wording.ordinal, numbers)))


def _orders(size: int, length: int, begun: tuple[int, ...] = (1,)) -> Iterator[tuple[int, ...]]:
    """All possible orders of turns: no speaker takes two in a row, a new speaker gets the next number."""
    if len(begun) == length:
        if len(set(begun)) == size:
            yield begun
        return
    for who in range(1, min(size, max(begun) + 1) + 1):
        if who != begun[-1]:
            yield from _orders(size, length, (*begun, who))


@register
class FloorCount(NumberKind):
    """The number of turns of a given speaker."""

    needs = ("turns",)
    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for number in sorted({who for who, *_ in clear_runs(reading)}):
            yield speaker_subject(number, group=f"{number} of {len(reading.voices.speakers)}")

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        runs = clear_runs(reading)
        mine = [run for run in runs if run[0] == about]
        spans = wording.listed([wording.from_to(start, end) for _, start, end in mine])
        because = f"{wording.choice_of_speaker(about)} has the floor {wording.times(len(mine))}: {spans}."
        evidence = (*evidence_of_runs(reading, runs), *reading.layer("turns"))
        return len(mine), Verdict(True, because, evidence)


@register
class MostTurns(ExtremeSpeakerKind):
    """The speaker with the most turns, of three or more speakers."""

    at_least = 3  # of two speakers it can only be the first
    claim = ", more than anybody else"

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if clear_runs(reading) else []

    def beyond(self, reading: Interpretation, speaker: Speaker, other: Speaker) -> bool:
        return _turns_of(reading, speaker) > _turns_of(reading, other)

    def describe(self, reading: Interpretation, speaker: Speaker) -> tuple[str, tuple[Evidence, ...]]:
        turns = wording.count(_turns_of(reading, speaker), "turn")
        return f"{wording.choice_of_speaker(speaker.number)} takes {turns}", speaker.evidence


def _turns_of(reading: Interpretation, speaker: Speaker) -> int:
    return sum(who == speaker.number for who, *_ in clear_runs(reading))


def interrupts(reading: Interpretation, one: Speaker, other: Speaker) -> tuple[bool | None, float]:
    """Whether ``one`` ever starts to talk in the middle of a turn of ``other``, and the time in seconds."""
    limits = reading.thresholds
    tolerance = 0.1 if reading.voices.truth else limits.min_gap
    unsure = False
    for start, end in one.spans:
        for other_start, other_end in other.spans:
            late = start - other_start >= limits.order
            if late and other_end - start >= limits.overlap and end - start >= limits.overlap:
                return True, start
            unsure = unsure or other_start - tolerance <= start <= other_end + tolerance
    return (None if unsure else False), 0.0


@register
class Interrupter(SpeakerKind):
    """The speaker who starts to talk while another is still talking."""

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        name = wording.choice_of_speaker(speaker.number)
        results = [(interrupts(reading, speaker, s), s) for s in reading.voices.speakers if s != speaker]
        for (interrupting, start), other in results:
            if interrupting:
                other_name = wording.speaker(other.number)
                because = f"{name} starts at {wording.at(start)}, when {other_name} is still talking."
                evidence = tuple(e for s in (speaker, other) for e in s.evidence_in(start, start + 0.1))
                return Verdict(True, because, evidence)
        if any(interrupting is None for (interrupting, _), _ in results):
            return Verdict(None)
        return Verdict(False, f"{name} never starts before the others have finished.", speaker.evidence)


@register
class Interrupted(SpeakerKind):
    """The speaker whom a given speaker interrupts."""

    slots = ("speaker",)
    at_least = 3

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for speaker in reading.voices.speakers:
            number, evidence, group = speaker.number, speaker.evidence, f"by {speaker.number}"
            yield speaker_subject(number, speaks(speaker), evidence=evidence, group=group, out=(number,))

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        if about == speaker.number:
            return Verdict(None)
        interrupting, start = interrupts(reading, reading.voices.speakers[about - 1], speaker)
        name = wording.choice_of_speaker(speaker.number)
        if interrupting:
            because = f"{name} is still talking at {wording.at(start)}, when {wording.speaker(about)} starts."
            return Verdict(True, because, speaker.evidence_in(start, start + 0.1))
        because = f"{wording.choice_of_speaker(about)} never starts while {name.lower()} is talking."
        return Verdict(interrupting, because, speaker.evidence)
