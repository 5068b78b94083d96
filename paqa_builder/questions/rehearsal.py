"""A rehearsal: what would be asked of a sample of clips, and how to ask so that no answer is a good guess.

What is true of the clips is one thing, what is asked about another: a clip has room for a few questions,
one question a template is asked of it, and many a wrong choice cannot be proved false. So an answer that
is true as often as the others may yet be right more often than it is offered. Here the questions are
asked for trial, each answer's share is counted, and the shares to keep and the weights to draw wrong
choices by are mended, a few times over. Like raking (Deming and Stephan 1940), but of what comes out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from paqa_builder.questions.choices.none_of_these import NOTHING
from paqa_builder.questions.corpus.corpus import Corpus
from paqa_builder.questions.corpus.spread import ENOUGH, FEW, RARE, group_name, levels_of
from paqa_builder.questions.facts.base import AnswerType, kind
from paqa_builder.questions.generate import Draft, drafts
from paqa_builder.questions.options import QaOptions
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import Template
from paqa_builder.records import Scene
from paqa_builder.seeded import unit

CLIPS = 1_000
"""Clips to rehearse with, at most."""
_ROUNDS = 3
# Counts are compared as if so many more had been seen: a few more or less are no surplus.
_PRIOR = 1.0
# A choice that guessing would get right so often, and that hardly ever is, gives itself away.
_OFFERED = 4.0
# A share or weight changes at most by this factor in one round, and in all by this one.
_STEP, _MOST = 3.0, 20.0

# Wrong choices of these are drawn by weight; of the others there are as many as there are.
_DRAWN = (AnswerType.SOUND, AnswerType.LISTED)
# Of these, what is never right need not be offered; without yes or no, nothing is left to ask.
_RULED_OUT = (AnswerType.NUMBER, AnswerType.SPEAKER, AnswerType.LISTED)
_BALANCED = (AnswerType.YES_NO, AnswerType.NUMBER, AnswerType.SPEAKER, *_DRAWN)

Place = tuple[str, str]
"""A template and one level of a group."""


@dataclass
class Tally:
    """How often answers are right, and how often guessing would be, among the questions of one place.

    Attributes:
        right: By choice.
        fair: By choice: the sum of one over the number of choices, where it is offered.
        absent: What is *not* there is asked for: then it is the answer that is drawn.
    """

    right: Counter[str] = field(default_factory=Counter)
    fair: Counter[str] = field(default_factory=Counter)
    absent: bool = False

    def add(self, draft: Draft) -> None:
        """Counts one question."""
        texts = draft.choices.texts
        self.absent = draft.fact.answer is None
        self.right[texts[draft.choices.index]] += 1
        for text in texts:
            self.fair[text] += 1 / len(texts)  # type: ignore[assignment]

    def never(self) -> list[str]:
        """Choices that are hardly ever right, however often they are offered."""
        return [
            text
            for text in sorted(self.fair)
            if self.fair[text] >= _OFFERED and self.right[text] < RARE * self.fair[text]
        ]

    def factors(self, power: float = 1.0) -> dict[str, float]:
        """By choice: above 1 if it is right too seldom, below 1 if too often."""
        return {
            text: min(_STEP, max(1 / _STEP, (self.fair[text] + _PRIOR) / (self.right[text] + _PRIOR)))
            ** power
            for text in sorted(self.fair)
            if text != NOTHING
        }


def rehearse(
    corpus: Corpus,
    scenes: Callable[[], Iterable[Scene]],
    templates: Sequence[Template],
    options: QaOptions | None = None,
    seed: int = 0,
) -> Corpus:
    """The corpus, with ``kept`` and ``drawn`` learned.

    A function of its arguments alone; the scenes are read once a round and never kept.

    Args:
        scenes: Gives the scenes that ``corpus`` was summed up from.
    """
    options = options or QaOptions()
    if not options.balance or corpus.clips < FEW:
        return corpus  # over a handful of clips nothing can be even
    by_name = {template.name: template for template in templates}
    share = CLIPS / max(1, corpus.clips)
    for _ in range(_ROUNDS):
        places: dict[Place, Tally] = {}
        whole: dict[str, Tally] = {}
        for scene in scenes():
            if scene.audio is None or (share < 1 and unit("rehearsal", scene.clip.id) >= share):
                continue
            for draft in drafts(Interpretation(scene, options.thresholds), corpus, templates, options, seed):
                name = draft.template.name
                whole.setdefault(name, Tally()).add(draft)
                for level in levels_of(draft.fact.group):
                    places.setdefault((name, level), Tally()).add(draft)
        corpus = replace(
            corpus,
            kept=_merged(corpus.kept, _kept(corpus, places, by_name, ENOUGH * min(1.0, share))),
            drawn=_merged(corpus.drawn, _drawn(corpus, whole, by_name)),
        )
    return corpus


def _kept(
    corpus: Corpus, places: Mapping[Place, Tally], templates: Mapping[str, Template], least: float
) -> dict[str, dict[str, float]]:
    found = {}
    for (name, level), tally in sorted(places.items()):
        of, place = kind(templates[name].fact), group_name(name, level)
        # Where a group is small, its parent's shares will do; a group without a parent has to.
        enough = place in corpus.kept or ":" not in level or tally.right.total() >= least
        if not enough or of.form not in _BALANCED or tally.absent:
            continue
        old = corpus.kept.get(place, {})
        # What wrong choices can be drawn for is half mended by drawing more of them.
        new = {
            text: old.get(text, corpus.share_kept(of.name, level, text) if of.form.closed else 1.0) * factor
            for text, factor in tally.factors(0.5 if of.form in _DRAWN else 1.0).items()
        }
        most = max(new.values(), default=0.0)
        if not most:
            continue  # by the wider group's counts nothing is asked; narrower ones decide
        found[place] = {text: round(max(1e-3, share / most), 4) for text, share in new.items()}
    return found


def _drawn(
    corpus: Corpus, whole: Mapping[str, Tally], templates: Mapping[str, Template]
) -> dict[str, dict[str, float]]:
    found = {}
    for name, tally in sorted(whole.items()):
        form, old = kind(templates[name].fact).form, corpus.drawn.get(name, {})
        new = {}
        if form in _DRAWN:
            new = {
                text: round(min(_MOST, max(1 / _MOST, old.get(text, 1.0) * factor)), 4)
                for text, factor in tally.factors(1.0 if tally.absent else -0.5).items()
                if old.get(text) != 0
            }
        if form in _RULED_OUT:
            new |= dict.fromkeys(tally.never(), 0.0)
        found[name] = new
    return found


def _merged(
    old: Mapping[str, Mapping[str, float]], new: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """What a round did not see stays as it was: a choice once ruled out does not come back."""
    return {name: {**old.get(name, {}), **new.get(name, {})} for name in sorted({*old, *new})}
