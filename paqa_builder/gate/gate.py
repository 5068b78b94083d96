"""The blind gate: what may be published, judged by how well it is answered without audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from paqa_builder.gate.balance import surplus
from paqa_builder.gate.item import BlindItem
from paqa_builder.gate.options import GateOptions
from paqa_builder.gate.report import GateReport, Verdicts
from paqa_builder.gate.score import BlindScore, score
from paqa_builder.gate.solver import Answers, Items, held_out

Reader = Callable[[Sequence[BlindItem]], Sequence[float | None]]
"""Another blind reader, such as a language model: for each question, the probability that it gives to the
right choice, or None where it did not say."""

_ROUNDS = 3
_BATCH = 256


@dataclass
class _State:
    """The questions in order: which template each belongs to, and which are still in."""

    ids: list[str]
    templates: np.ndarray  # numbers
    names: list[str]
    kept: np.ndarray  # bool
    refused: dict[str, str] = field(default_factory=dict)

    def among(self, items: Items) -> Items:
        """The items that are still in."""
        kept = self.kept.copy()
        return lambda: (item for item, stays in zip(items(), kept, strict=True) if stays)

    def drop(self, which: np.ndarray, why: Callable[[int], str]) -> None:
        for n in np.flatnonzero(which & self.kept):
            self.refused[self.ids[n]] = why(int(n))
        self.kept = self.kept & ~which

    def of(self, name: str) -> np.ndarray:
        return self.templates == self.names.index(name)


def judge(items: Items, options: GateOptions | None = None, reader: Reader | None = None) -> Verdicts:
    """Judges a build's questions.

    A function of its arguments alone. The texts are read again in every pass and never kept.

    Args:
        items: All questions that were proved, with unique ids.
        reader: A stronger blind reader; it decides on the contribution of the audio, too.
    """
    options = options or GateOptions()
    state, clips = _state(items())
    total = len(state.ids)
    # One clip with most of the questions leaves nothing to learn from when it is held out.
    if options.policy == "off" or total < options.min_questions or max(clips.values()) > total / 2:
        return Verdicts(GateReport(), {}, frozenset())
    answers = held_out(items, cap=options.cap)
    before, by_template = score(answers), _by_template(answers, state)
    balanced = np.zeros(total, bool)
    if options.policy == "rebalance":
        answers, balanced = _rebalance(items, state, answers, options)
    if options.policy != "warn":
        answers = _refuse(items, state, answers, options)
    after = score(answers)
    left = _by_template(answers, state)
    passed = not after.beats(options.margin) and not _beating(left, options)
    weak = _weak(state.among(items), answers, options, reader)
    dropped = ~state.kept & ~balanced
    report = GateReport(
        judged=True,
        passed=passed,
        before=before,
        after=after,
        templates={
            name: (one, left.get(name, _NONE))
            for name, one in by_template.items()
            if one.questions >= options.min_template
        },
        balanced=_counted(state, balanced),
        refused=_counted(state, dropped),
        weak=len(weak),
    )
    return Verdicts(report, state.refused, weak)


_NONE = BlindScore(0, 0.0, 0.0, 0.0, 0.0)


def _state(items: Iterable[BlindItem]) -> tuple[_State, Counter[str]]:
    ids, numbers, known, clips = [], [], dict[str, int](), Counter[str]()
    for item in items:
        ids.append(item.id)
        numbers.append(known.setdefault(item.template, len(known)))
        clips[item.clip] += 1
    return _State(ids, np.array(numbers, np.int32), list(known), np.ones(len(ids), bool)), clips


def _by_template(answers: Answers, state: _State) -> dict[str, BlindScore]:
    of = state.templates[state.kept]
    return {
        state.names[n]: score(answers.take(of == n)) for n in sorted(set(of), key=lambda n: state.names[n])
    }


def _beating(scores: dict[str, BlindScore], options: GateOptions) -> list[str]:
    return [
        name
        for name, one in scores.items()
        if one.questions >= options.min_template and one.beats(options.template_margin)
    ]


def _rebalance(
    items: Items, state: _State, answers: Answers, options: GateOptions
) -> tuple[Answers, np.ndarray]:
    """Thins out templates that beat chance, and those that lift the whole above it."""
    scores = _by_template(answers, state)
    beating = _beating(scores, options)
    guilty = {*beating, *_too_much(answers, state, scores, beating, options)}
    if not guilty:
        return answers, np.zeros(len(state.ids), bool)
    reasons = surplus(items(), guilty)
    out = np.array([name in reasons for name in state.ids])
    state.drop(out, lambda n: f"gate: thinned out: {reasons[state.ids[n]]}")
    for name in sorted(guilty):
        left = int((state.of(name) & state.kept).sum())
        if left < options.min_template <= scores[name].questions:
            # Too few to be judged again: what beat the gate must not slip through beneath it.
            why = (
                f"gate: template {name} is answered without the audio; evened out, {left} questions are left"
            )
            state.drop(state.of(name), lambda _, why=why: why)  # type: ignore[misc]
    return _again(items, state, options), out


def _refuse(items: Items, state: _State, answers: Answers, options: GateOptions) -> Answers:
    """Refuses templates that beat chance, then those that lift the whole above it, worst first."""
    for _ in range(_ROUNDS):
        scores = _by_template(answers, state)
        guilty = _beating(scores, options)
        guilty += _too_much(answers, state, scores, guilty, options)
        if not guilty:
            break
        for name in guilty:
            why = f"gate: template {name} is answered without the audio: {scores[name]}"
            state.drop(state.of(name), lambda _, why=why: why)  # type: ignore[misc]
        answers = _again(items, state, options)
        if not len(answers.hit):
            break
    return answers


def _too_much(
    answers: Answers,
    state: _State,
    scores: dict[str, BlindScore],
    refused: Sequence[str],
    options: GateOptions,
) -> list[str]:
    """The templates without which the rest stays at chance, given that some go anyway."""
    of = state.templates[state.kept]
    rest = ~np.isin(of, [state.names.index(name) for name in refused])
    candidates = sorted(
        (name for name, one in scores.items() if name not in refused and one.accuracy > one.chance),
        key=lambda name: ((scores[name].chance - scores[name].accuracy) * scores[name].questions, name),
    )
    found: list[str] = []
    while candidates and score(answers.take(rest)).beats(options.margin):
        found.append(candidates.pop(0))
        rest &= of != state.names.index(found[-1])
    return found


def _again(items: Items, state: _State, options: GateOptions) -> Answers:
    """Answers what is left with models that learned from what is left."""
    left = state.among(items)
    if len({item.clip for item in left()}) < 2:
        # Nothing to learn from: every solver can only guess.
        chance = np.array([item.chance for item in left()], float)
        return Answers(chance, chance, chance, np.zeros(len(chance), np.int64), 0)
    return held_out(left, cap=options.cap)


def _weak(items: Items, answers: Answers, options: GateOptions, reader: Reader | None) -> frozenset[str]:
    known = answers.sure >= answers.chance + options.weak_margin
    found = [item.id for item, weak in zip(items(), known, strict=True) if weak]
    if reader is not None:
        for batch in _batched(items()):
            for item, sure in zip(batch, reader(batch), strict=True):
                if sure is not None and sure >= item.chance + options.weak_margin:
                    found.append(item.id)
    return frozenset(found)


def _batched(items: Iterable[BlindItem]) -> Iterator[list[BlindItem]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch


def _counted(state: _State, which: np.ndarray) -> dict[str, int]:
    counts = np.bincount(state.templates[which], minlength=len(state.names))
    return {
        name: int(counts[n]) for n, name in sorted(enumerate(state.names), key=lambda p: p[1]) if counts[n]
    }
