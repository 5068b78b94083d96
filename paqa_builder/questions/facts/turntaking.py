"""Facts about how people take turns: who comes after whom, how often, and who cuts in."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from paqa_builder.questions import wording
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, Verdict, register
from paqa_builder.questions.facts.bases import NumberKind, SpeakerKind, Subject, numbered
from paqa_builder.questions.facts.speakers import speaks
from paqa_builder.questions.question import Evidence
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.reading.voices import Speaker
from paqa_builder.seeded import shuffled

Run = tuple[int, float, float]
# Listeners do not keep longer conversations in mind; of shorter ones there are too few to choose from.
_SHORTEST, _LONGEST = 4, 6
# So many wrong orders are enough to draw from.
_ORDERS = 24


def clear_runs(reading: Interpretation) -> tuple[Run, ...]:
    """Whose turn it is, in order; empty where listeners would not agree on that.

    A short answer, or one within another's turn, is a turn to some and none to others.
    """
    runs, margin = reading.voices.runs, reading.thresholds.order
    if not numbered(reading) or any(end - start < 1.0 for _, start, end in runs):
        return ()
    steps = itertools.pairwise(runs)
    clear = all(b[1] - a[1] >= margin and b[2] - a[2] >= margin for a, b in steps)
    return runs if clear else ()


def of_runs(reading: Interpretation, runs: Iterable[Run]) -> tuple[Evidence, ...]:
    """The turns that make up some runs."""
    speakers = reading.voices.speakers
    return tuple(e for who, start, end in runs for e in speakers[who - 1].evidence_in(start, end))


def passing(runs: tuple[Run, ...]) -> str:
    """``"The order of the turns is: the first speaker at 0.5 s, ..."``"""
    turns = [f"{wording.speaker(who)} at {wording.at(start)}" for who, start, _ in runs]
    return f"The order of the turns is: {', '.join(turns)}."


@register
class SpeakerBeside(SpeakerKind):
    """Who speaks right after somebody's last turn, or right before somebody's first one.

    After somebody's *first* turn it would often be the next number, by the way speakers are counted.
    """

    name = "speaker_beside"
    needs = ("turns",)
    slots = ("which", "speaker")
    at_least = 3

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        runs = clear_runs(reading)
        # With one turn each, the way speakers are counted is the answer.
        if len(runs) <= len(reading.voices.speakers):
            return
        for which, ordered in (("after", runs[::-1]), ("before", runs)):
            seen: set[int] = set()
            for n, run in enumerate(ordered):
                who = run[0]
                # The first one's first turn has nobody before it, the last one's last nobody after it.
                if who not in seen and n and not (which == "before" and who <= 2):
                    slots = {"which": which, "speaker": wording.speaker(who)}
                    yield Subject(
                        f"{which} {who}", slots, (which, who, ordered[n - 1]), (self._step(which, run),),
                        of_runs(reading, (run,)), group=f"{which} {who}", out=(who,),
                    )  # fmt: skip
                seen.add(who)

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        which, _, run = about
        if run[0] == speaker.number:
            name = wording.choice_of_speaker(speaker.number)
            because = f"{name} is the next one to talk, {wording.from_to(*run[1:])}."
            if which == "before":
                because = f"{name} is the one who talks before that, {wording.from_to(*run[1:])}."
            return Verdict(True, because, of_runs(reading, (run,)))
        return Verdict(False, speaks(speaker), speaker.evidence)

    @staticmethod
    def _step(which: str, run: Run) -> str:
        name = wording.capital(wording.speaker(run[0]))
        if which == "after":
            return f"{name} talks for the last time {wording.from_to(*run[1:])}."
        return f"{name} first talks at {wording.at(run[1])}."


@register
class TurnOrder(FactKind):
    """In which order the speakers take their turns: the answer is the whole sequence."""

    name = "turn_order"
    form = AnswerType.LISTED
    needs = ("turns",)

    def find(self, reading: Interpretation) -> Iterator[Fact]:
        runs = clear_runs(reading)
        numbers = [who for who, *_ in runs]
        # Of two people, each follows the other.
        if not (_SHORTEST <= len(runs) <= _LONGEST and len(set(numbers)) >= 3):
            return
        answer, size = _order(numbers), len(set(numbers))
        others = (order for order in map(_order, _orders(size, len(numbers))) if order != answer)
        own = tuple(shuffled(others, "orders", answer)[:_ORDERS])
        group = f"{size} of {len(numbers)}"
        yield Fact("", {}, answer, own, evidence=of_runs(reading, runs), group=group)

    def judge(self, reading: Interpretation, about: Any, choice: str) -> Verdict:
        runs = clear_runs(reading)
        numbers = [_ORDINALS.get(word.lower()) for word in choice.split(", ")]
        if not runs or None in numbers:
            return Verdict(None)
        if numbers == [who for who, *_ in runs]:
            return Verdict(True, passing(runs), of_runs(reading, runs))
        return Verdict(False)


_ORDINALS = {wording.ordinal(n): n for n in range(1, 11)}


def _order(numbers: Iterable[int]) -> str:
    return wording.capital(", ".join(map(wording.ordinal, numbers)))


def _orders(size: int, length: int, begun: tuple[int, ...] = (1,)) -> Iterator[tuple[int, ...]]:
    """All orders of turns that there can be: no speaker follows themself, a new one has the next number."""
    if len(begun) == length:
        if len(set(begun)) == size:
            yield begun
        return
    for who in range(1, min(size, max(begun) + 1) + 1):
        if who != begun[-1]:
            yield from _orders(size, length, (*begun, who))


@register
class FloorCount(NumberKind):
    """How many turns somebody takes."""

    name = "floor_count"
    needs = ("turns",)
    slots = ("speaker",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for number in sorted({who for who, *_ in clear_runs(reading)}):
            group = f"{number} of {len(reading.voices.speakers)}"
            yield Subject(str(number), {"speaker": wording.speaker(number)}, number, group=group)

    def number(self, reading: Interpretation, about: Any) -> tuple[int | None, Verdict]:
        runs = clear_runs(reading)
        mine = [run for run in runs if run[0] == about]
        spans = wording.listed([wording.from_to(start, end) for _, start, end in mine])
        because = f"{wording.choice_of_speaker(about)} has the floor {wording.times(len(mine))}: {spans}."
        return len(mine), Verdict(True, because, (*of_runs(reading, runs), *reading.layer("turns")))


@register
class MostTurns(SpeakerKind):
    """Who takes the most turns. Of two people it is always the first, if anybody."""

    name = "most_turns"
    needs = ("turns",)
    at_least = 3

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()] if clear_runs(reading) else []

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        turns = Counter(who for who, *_ in clear_runs(reading))
        mine = turns.pop(speaker.number)
        because = f"{wording.choice_of_speaker(speaker.number)} takes {wording.count(mine, 'turn')}"
        if all(mine > other for other in turns.values()):
            return Verdict(True, f"{because}, more than anybody else.", speaker.evidence)
        more = any(other > mine for other in turns.values())
        return Verdict(False if more else None, f"{because}.", speaker.evidence)


def cuts_in(reading: Interpretation, one: Speaker, other: Speaker) -> tuple[bool | None, float]:
    """Whether ``one`` ever starts to talk while ``other`` is in the middle of talking, and when."""
    limits = reading.thresholds
    near = 0.1 if reading.voices.truth else limits.min_gap
    unsure = False
    for start, end in one.spans:
        for began, stopped in other.spans:
            late = start - began >= limits.order
            if late and stopped - start >= limits.overlap and end - start >= limits.overlap:
                return True, start
            unsure = unsure or began - near <= start <= stopped + near
    return (None if unsure else False), 0.0


@register
class Interrupter(SpeakerKind):
    """Who starts to talk while somebody else is still talking."""

    name = "interrupter"
    needs = ("turns",)

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        return [Subject()]

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        name = wording.choice_of_speaker(speaker.number)
        found = [(cuts_in(reading, speaker, s), s) for s in reading.voices.speakers if s != speaker]
        for (does, start), other in found:
            if does:
                because = (
                    f"{name} starts at {wording.at(start)}, when {wording.speaker(other.number)} "
                    "is still talking."
                )
                evidence = (
                    *speaker.evidence_in(start, start + 0.1), *other.evidence_in(start, start + 0.1)
                )  # fmt: skip
                return Verdict(True, because, evidence)
        if any(does is None for (does, _), _ in found):
            return Verdict(None)
        return Verdict(False, f"{name} never starts before the others have finished.", speaker.evidence)


@register
class Interrupted(SpeakerKind):
    """Into whose speech somebody cuts."""

    name = "interrupted"
    needs = ("turns",)
    slots = ("speaker",)
    at_least = 3

    def subjects(self, reading: Interpretation) -> Iterable[Subject]:
        for speaker in reading.voices.speakers:
            number = speaker.number
            yield Subject(
                str(number), {"speaker": wording.speaker(number)}, number, (speaks(speaker),),
                speaker.evidence, group=f"by {number}", out=(number,),
            )  # fmt: skip

    def holds(self, reading: Interpretation, about: Any, speaker: Speaker) -> Verdict:
        if about == speaker.number:
            return Verdict(None)
        (one,) = (s for s in reading.voices.speakers if s.number == about)
        does, start = cuts_in(reading, one, speaker)
        name = wording.choice_of_speaker(speaker.number)
        if does:
            because = f"{name} is still talking at {wording.at(start)}, when {wording.speaker(about)} starts."
            return Verdict(True, because, speaker.evidence_in(start, start + 0.1))
        because = f"{wording.capital(wording.speaker(about))} never starts while {name.lower()} is talking."
        return Verdict(does, because, speaker.evidence)
