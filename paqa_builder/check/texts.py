"""Checks of single questions and of the distribution of answers: form, position, length, trace."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

from paqa_builder.check.findings import Finding, Grade, Tally
from paqa_builder.formats.item import Broken, Item
from paqa_builder.questions.traces.grammar import TAGS, validate
from paqa_builder.questions.wording import tokens, without_quotes

# Words that occur in questions for other reasons ("the one who speaks").
_SMALL = ("", "a", "an", "one", "no", "none", "the")
OPTIONAL = ("REFLECT", "FINAL_ANSWER")
# A choice's letter: "(b)", "option B", "answer is B".
_LABEL = re.compile(r"\([a-hA-H]\)|\b(?:option|choice|answer)s?(?: is)?:?\s+\(?[A-H]\b")
_SURE, _VERY_SURE = 0.01, 0.001
_LARGE = 0.05  # points above chance that make an imbalance an error


class Form:
    """Rows without a question, answers outside the choices, too few or equal choices, repeated ids."""

    def __init__(self) -> None:
        self.broken, self.answerless, self.few, self.twice = Tally(), Tally(), Tally(), Tally()
        self.ids: Counter[str] = Counter()

    def see(self, row: Item | Broken) -> None:
        """Adds one row."""
        if isinstance(row, Broken):
            self.broken.add(f"{row.where}: {row.why}")
            return
        self.ids[row.id] += 1
        if row.answer is None:
            self.answerless.add(row.id)
        if len(row.choices) < 2:
            self.few.add(row.id)
        if len({plain(choice) for choice in row.choices}) < len(row.choices):
            self.twice.add(row.id)

    def findings(self) -> Iterator[Finding]:
        """The findings on all questions."""
        repeated = Tally()
        for name, n in self.ids.items():
            if n > 1:
                repeated.add(name)
        yield self.broken.finding("rows", "error", f"{self.broken.count} rows are not questions")
        yield repeated.finding("ids", "error", f"{repeated.count} ids are used more than once")
        yield self.answerless.finding(
            "answers", "error", f"{self.answerless.count} questions whose answer is not among the choices"
        )
        yield self.few.finding("choices", "error", f"{self.few.count} questions with fewer than two choices")
        yield self.twice.finding(
            "duplicate choices", "error", f"{self.twice.count} questions with two equal choices"
        )


class Spread:
    """Position of the answers, their length, and answers that the question contains."""

    def __init__(self) -> None:
        self.places: dict[int, Counter[int]] = {}
        self.long, self.short = [0, 0, 0.0, 0.0], [0, 0, 0.0, 0.0]
        self.said = Tally()

    def see(self, item: Item) -> None:
        """Adds one question."""
        if item.answer is None or len(item.choices) < 2:
            return
        n = len(item.choices)
        self.places.setdefault(n, Counter())[item.answer] += 1
        lengths = [len(choice) for choice in item.choices]
        for tally, extreme in ((self.long, max(lengths)), (self.short, min(lengths))):
            if lengths.count(extreme) == 1:
                tally[0] += 1
                tally[1] += lengths[item.answer] == extreme
                tally[2] += 1 / n
                tally[3] += (1 - 1 / n) / n
        asked = f" {' '.join(tokens(item.question))} "
        inside = [f" {' '.join(tokens(choice))} " in asked for choice in item.choices]
        if inside[item.answer] and sum(inside) == 1 and plain(item.choices[item.answer]) not in _SMALL:
            self.said.add(item.id)

    def findings(self) -> Iterator[Finding]:
        """The findings on all questions."""
        yield self._position()
        yield _extreme("longest is right", "longest", self.long)
        yield _extreme("shortest is right", "shortest", self.short)
        yield self.said.finding(
            "answer in question",
            "warning",
            f"{self.said.count} questions contain their answer and no other choice",
        )

    def _position(self) -> Finding:
        from scipy.stats import chisquare

        if not self.places:
            return Finding("position", "skipped", "the data has no answers")
        n, counts = max(self.places.items(), key=lambda pair: pair[1].total())
        total = counts.total()
        shares = {chr(ord("A") + place): round(counts[place] / total, 4) for place in range(n)}
        p = float(chisquare([counts[place] for place in range(n)]).pvalue)
        most = max(shares.values())
        grade: Grade = "ok"
        if p < _SURE:
            grade = "error" if p < _VERY_SURE and most - 1 / n > _LARGE else "warning"
        spread = " ".join(f"{place} {share:.1%}" for place, share in shares.items())
        message = f"{spread} of {total} with {n} choices (p = {p:.2g})"
        return Finding("position", grade, message, figures={"shares": shares, "p": p, "choices": n})


def _extreme(check: str, which: str, tally: list[float]) -> Finding:
    """Grades how often the only longest (or shortest) choice is the answer.

    Args:
        tally: Number of questions, of right ones, its expectation and its variance by chance.
    """
    total, right, fair, variance = tally
    if not total:
        return Finding(check, "skipped", f"no question has one {which} choice")
    z = (right - fair) / math.sqrt(variance)
    over = (right - fair) / total
    grade: Grade = "ok" if z < 2.58 else "error" if z > 3.29 and over > _LARGE else "warning"
    message = f"{right / total:.1%} of {total:.0f}, chance {fair / total:.1%} (z = {z:.1f})"
    figures = {"share": round(right / total, 4), "chance": round(fair / total, 4), "z": round(z, 2)}
    return Finding(check, grade, message, figures=figures)


class Traces:
    """Tags of traces against the grammar, and choice letters before the answer."""

    def __init__(self) -> None:
        self.seen = 0
        self.broken, self.label = Tally(), Tally()
        self.missing: Counter[str] = Counter()

    def see(self, item: Item) -> None:
        """Adds one question."""
        if item.trace is None:
            return
        self.seen += 1
        if validate(item.trace):
            self.broken.add(item.id)
        self.missing.update(
            tag for tag in TAGS if f"<{tag}>" not in item.trace or f"</{tag}>" not in item.trace
        )
        before = without_quotes(item.trace.partition("<RESPONSE>")[0])
        if _LABEL.search(before):
            self.label.add(item.id)

    def findings(self) -> Iterator[Finding]:
        """The findings on all questions."""
        if not self.seen:
            yield Finding("trace tags", "skipped", "the data has no traces")
            yield Finding("label before answer", "skipped", "the data has no traces")
            return
        names = [f"{tag} {self.missing[tag]}" for tag in TAGS if self.missing[tag] and tag not in OPTIONAL]
        message = f"{self.broken.count} of {self.seen} traces break the grammar"
        message += f"; missing: {', '.join(names)}" if names else ""
        yield self.broken.finding("trace tags", "error", message, missing=dict(self.missing))
        yield self.label.finding(
            "label before answer",
            "warning",
            f"{self.label.count} of {self.seen} traces name a choice's letter before RESPONSE",
        )


def plain(text: str) -> str:
    """A text for comparison, without case, punctuation and spacing; unchanged if nothing else remains."""
    return " ".join(tokens(text)) or text.strip()
