"""Calibration of answer shares by trial generation of questions over a sample of clips.

Balanced facts do not give balanced questions: a clip has room for few questions, each template asks one of
them, and many wrong choices cannot be proved false. So questions are generated on trial, right and offered
answers are counted, and the shares to keep and the weights of wrong choices are adjusted, in a few rounds.
This is raking (Deming and Stephan 1940) applied to the generated questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from paqa_builder.questions.choices.none_of_these import NOTHING
from paqa_builder.questions.corpus.corpus import Corpus
from paqa_builder.questions.corpus.spread import ENOUGH, FEW, RARE, group_name, levels_of
from paqa_builder.questions.drafting import Draft, Drafter
from paqa_builder.questions.facts.base import AnswerType, kind
from paqa_builder.questions.options import QaOptions, Thresholds
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import Template
from paqa_builder.records import Scene
from paqa_builder.seeded import unit

CLIPS = 1_000
"""Largest number of clips of the sample."""
_ROUNDS = 3
# Records of the scenes whose facts are kept between rounds, in all and of one scene. A record with its facts
# takes about a kilobyte, and more in long scenes.
_KEPT, _SHORT = 60_000, 300
# Pseudo-count of right and of offered answers.
_PRIOR = 1.0
# Expected number of right answers by chance from which a choice that is hardly ever right is ruled out.
_OFFERED = 4.0
# Largest factor of a share or weight in one round, and of a weight in total.
_STEP, _MOST = 3.0, 20.0

# Answer types whose wrong choices are drawn by weight.
_DRAWN = (AnswerType.SOUND, AnswerType.LISTED)
# Answer types of which choices that are never right are left out.
_RULED_OUT = (AnswerType.NUMBER, AnswerType.SPEAKER, AnswerType.LISTED)
_BALANCED = (AnswerType.YES_NO, AnswerType.NUMBER, AnswerType.SPEAKER, *_DRAWN)

Place = tuple[str, str]
"""A template and a group or one of its parents."""


@dataclass
class Tally:
    """Counts of right answers, and of those expected by chance.

    Attributes:
        right: Choice -> how often it is right.
        fair: Choice -> how often it is right by chance, the sum of 1 / number of choices.
        absent: The questions ask for what is absent, so that the answer is drawn from the corpus.
    """

    right: Counter[str] = field(default_factory=Counter)
    fair: Counter[str] = field(default_factory=Counter)
    absent: bool = False

    def add(self, draft: Draft) -> None:
        """Adds one question."""
        texts = draft.choices.texts
        self.absent = draft.fact.answer is None
        self.right[texts[draft.choices.index]] += 1
        for text in texts:
            self.fair[text] += 1 / len(texts)  # type: ignore[assignment]

    def never(self) -> list[str]:
        """Choices that are offered often and hardly ever right."""
        return [
            text
            for text in sorted(self.fair)
            if self.fair[text] >= _OFFERED and self.right[text] < RARE * self.fair[text]
        ]

    def factors(self, power: float = 1.0) -> dict[str, float]:
        """Choice -> correction factor: above 1 if it is right too seldom, below 1 if too often."""
        return {
            text: min(_STEP, max(1 / _STEP, (self.fair[text] + _PRIOR) / (self.right[text] + _PRIOR)))
            ** power
            for text in sorted(self.fair)
            if text != NOTHING
        }


class _Readings:
    """Interpretations of scenes, whose facts are the same in every round; kept up to a number of records."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._kept: dict[tuple[str, str], Interpretation] = {}
        self._room = _KEPT

    def of(self, scene: Scene) -> Interpretation:
        """The interpretation of a scene."""
        reading = self._kept.get((scene.clip.source, scene.clip.id))
        if reading is None:
            reading, size = Interpretation(scene, self._thresholds), records_of(scene)
            if size <= min(_SHORT, self._room):
                self._kept[reading.clip_key] = reading
                self._room -= size
        return reading


def records_of(scene: Scene) -> int:
    """Number of turns, tags, utterances and words of a scene, as a measure of its memory."""
    truth = scene.clip.truth
    layers = (scene.turns, scene.tags, scene.utterances, truth.turns, truth.tags, truth.utterances)
    spoken = (*(scene.utterances or ()), *(truth.utterances or ()))
    return sum(len(layer or ()) for layer in layers) + sum(len(u.words) for u in spoken)


def in_sample(scene: Scene, clips: int) -> bool:
    """Whether a clip is rehearsed with, drawn by hash from a corpus of ``clips`` clips."""
    share = CLIPS / max(1, clips)
    return scene.audio is not None and (share >= 1 or unit("rehearsal", scene.clip.id) < share)


def rehearse(
    corpus: Corpus,
    scenes: Callable[[], Iterable[Scene]],
    templates: Sequence[Template],
    options: QaOptions | None = None,
    seed: int = 0,
) -> Corpus:
    """The corpus with learned ``kept`` and ``drawn``; unchanged without balancing or with few clips.

    Deterministic. The scenes are read once per round.

    Args:
        scenes: Gives the scenes that ``corpus`` was counted from, or those of the sample
            (:func:`in_sample`).
    """
    options = options or QaOptions()
    if not options.balance or corpus.clips < FEW:
        return corpus
    by_name = {template.name: template for template in templates}
    share, readings = CLIPS / max(1, corpus.clips), _Readings(options.thresholds)
    for _ in range(_ROUNDS):
        places: dict[Place, Tally] = {}
        whole: dict[str, Tally] = {}
        drafter = Drafter(corpus, templates, options, seed)
        for scene in scenes():
            if not in_sample(scene, corpus.clips):
                continue
            for draft in drafter.drafts(readings.of(scene)):
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
    """Adjusted shares to keep, by template and group."""
    kept = {}
    for (name, level), tally in sorted(places.items()):
        fact_kind, place = kind(templates[name].fact), group_name(name, level)
        form = fact_kind.form
        # A small group uses the shares of its parent, if it has one.
        enough = place in corpus.kept or ":" not in level or tally.right.total() >= least
        if not enough or form not in _BALANCED or tally.absent:
            continue
        old = corpus.kept.get(place, {})
        # Where wrong choices are drawn by weight, the weights correct the other half.
        new = {
            text: old.get(text, corpus.share_kept(fact_kind.name, level, text) if form.closed else 1.0)
            * factor
            for text, factor in tally.factors(0.5 if form in _DRAWN else 1.0).items()
        }
        most = max(new.values(), default=0.0)
        if not most:
            continue  # the counts of the whole group allow no question; its subgroups decide
        kept[place] = {text: round(max(1e-3, share / most), 4) for text, share in new.items()}
    return kept


def _drawn(
    corpus: Corpus, whole: Mapping[str, Tally], templates: Mapping[str, Template]
) -> dict[str, dict[str, float]]:
    """Adjusted weights of wrong choices, by template."""
    drawn = {}
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
        drawn[name] = new
    return drawn


def _merged(
    old: Mapping[str, Mapping[str, float]], new: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    """Updates the values of earlier rounds; those that a round does not give stay."""
    return {name: {**old.get(name, {}), **new.get(name, {})} for name in sorted({*old, *new})}
