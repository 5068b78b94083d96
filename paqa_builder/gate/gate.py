"""The blind gate: decides which questions are published from how well they are answered without audio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from paqa_builder.gate.balance import surplus
from paqa_builder.gate.item import BlindItem, batched
from paqa_builder.gate.options import GateOptions
from paqa_builder.gate.report import GateReport, Verdicts
from paqa_builder.gate.score import NO_SCORE, BlindScore, score
from paqa_builder.gate.solver import Answers, Items, held_out

Reader = Callable[[Sequence[BlindItem]], Sequence[float | None]]
"""A second blind solver, such as a language model. Gives for each question the probability of the right
choice, or None where it has none."""

_ROUNDS = 3
_BATCH = 256


@dataclass
class _State:
    """All questions in order, with their templates and whether they are still kept."""

    ids: list[str]
    templates: np.ndarray  # indices into names
    names: list[str]
    kept: np.ndarray  # bool
    refused: dict[str, str] = field(default_factory=dict)

    def remaining(self, items: Items) -> Items:
        """The items that are still kept."""
        kept = self.kept.copy()
        return lambda: (item for item, keep in zip(items(), kept, strict=True) if keep)

    def drop(self, name: str, why: str) -> None:
        """Drops all questions of a template."""
        self.refused |= dict.fromkeys(
            (self.ids[n] for n in np.flatnonzero(self.of(name) & self.kept)), f"gate: template {name} {why}"
        )
        self.kept &= ~self.of(name)

    def of(self, name: str) -> np.ndarray:
        """Mask of the questions of a template."""
        return self.templates == self.names.index(name)


def judge(items: Items, options: GateOptions | None = None, reader: Reader | None = None) -> Verdicts:
    """Judges a build's questions.

    Deterministic. The items are read again in every pass and never held in memory.

    Args:
        items: All questions that were proved, with unique ids.
        reader: A stronger blind solver. It helps to decide which questions are weak.
    """
    options = options or GateOptions()
    state, clips = _state(items())
    total = len(state.ids)
    # A clip with most of the questions leaves too few to train on when it is held out.
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
    weak = _weak(state.remaining(items), answers, options, reader)
    dropped = ~state.kept & ~balanced
    report = GateReport(
        judged=True,
        passed=passed,
        before=before,
        after=after,
        templates={
            name: (scored, left.get(name, NO_SCORE))
            for name, scored in by_template.items()
            if scored.questions >= options.min_template
        },
        balanced=_counted(state, balanced),
        refused=_counted(state, dropped),
        weak=len(weak),
    )
    return Verdicts(report, state.refused, weak)


def _state(items: Iterable[BlindItem]) -> tuple[_State, Counter[str]]:
    ids, numbers, known, clips = [], [], dict[str, int](), Counter[str]()
    for item in items:
        ids.append(item.id)
        numbers.append(known.setdefault(item.template, len(known)))
        clips[item.clip] += 1
    return _State(ids, np.array(numbers, np.int32), list(known), np.ones(len(ids), bool)), clips


def _by_template(answers: Answers, state: _State) -> dict[str, BlindScore]:
    templates = state.templates[state.kept]
    names = {state.names[n]: n for n in set(templates)}
    return {name: score(answers.take(templates == names[name])) for name in sorted(names)}


def _beating(scores: dict[str, BlindScore], options: GateOptions) -> list[str]:
    return [
        name
        for name, scored in scores.items()
        if scored.questions >= options.min_template and scored.beats(options.template_margin)
    ]


def _rebalance(
    items: Items, state: _State, answers: Answers, options: GateOptions
) -> tuple[Answers, np.ndarray]:
    """Subsamples templates that beat chance, and those that lift the whole set above it."""
    scores = _by_template(answers, state)
    beating = _beating(scores, options)
    guilty = {*beating, *_lifting(answers, state, scores, beating, options)}
    if not guilty:
        return answers, np.zeros(len(state.ids), bool)
    reasons = surplus(items(), guilty)
    dropped = np.array([name in reasons for name in state.ids])
    state.refused |= {name: f"gate: thinned out: {why}" for name, why in reasons.items()}
    state.kept &= ~dropped
    for name in sorted(guilty):
        left = int((state.of(name) & state.kept).sum())
        if left < options.min_template <= scores[name].questions:
            # Too few questions are left to judge the template again.
            state.drop(name, f"is answered without the audio; evened out, {left} questions are left")
    return _answer_again(items, state, options), dropped


def _refuse(items: Items, state: _State, answers: Answers, options: GateOptions) -> Answers:
    """Refuses templates that beat chance, then those that lift the whole set above it, worst first."""
    for _ in range(_ROUNDS):
        scores = _by_template(answers, state)
        guilty = _beating(scores, options)
        guilty += _lifting(answers, state, scores, guilty, options)
        if not guilty:
            break
        for name in guilty:
            state.drop(name, f"is answered without the audio: {scores[name]}")
        answers = _answer_again(items, state, options)
        if not len(answers.hit):
            break
    return answers


def _lifting(
    answers: Answers,
    state: _State,
    scores: dict[str, BlindScore],
    refused: Sequence[str],
    options: GateOptions,
) -> list[str]:
    """Further templates to take out, besides ``refused``, so that the rest stays at chance."""
    templates = state.templates[state.kept]
    rest = ~np.isin(templates, [state.names.index(name) for name in refused])
    candidates = sorted(
        (name for name, own in scores.items() if name not in refused and own.accuracy > own.chance),
        key=lambda name: ((scores[name].chance - scores[name].accuracy) * scores[name].questions, name),
    )
    lifting: list[str] = []
    while candidates and score(answers.take(rest)).beats(options.margin):
        lifting.append(candidates.pop(0))
        rest &= templates != state.names.index(lifting[-1])
    return lifting


def _answer_again(items: Items, state: _State, options: GateOptions) -> Answers:
    """Answers the remaining questions with a solver trained on the remaining questions."""
    left = state.remaining(items)
    if len({item.clip for item in left()}) < 2:
        # Without training data the solver guesses.
        chance = np.array([item.chance for item in left()], float)
        return Answers(chance, chance, chance, np.zeros(len(chance), np.int64), 0)
    return held_out(left, cap=options.cap)


def _weak(items: Items, answers: Answers, options: GateOptions, reader: Reader | None) -> frozenset[str]:
    solved = answers.sure >= answers.chance + options.weak_margin
    weak = {item.id for item, answered in zip(items(), solved, strict=True) if answered}
    if reader is not None:
        for batch in batched(items(), _BATCH):
            for item, sure in zip(batch, reader(batch), strict=True):
                if sure is not None and sure >= item.chance + options.weak_margin:
                    weak.add(item.id)
    return frozenset(weak)


def _counted(state: _State, which: np.ndarray) -> dict[str, int]:
    """Number of questions by template."""
    counts = Counter(state.names[n] for n in state.templates[which])
    return {name: counts[name] for name in sorted(counts)}
