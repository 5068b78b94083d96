"""Selection of the questions about a clip, before their traces are written.

Each template asks about its facts in an order given by their hashes, independently of other templates.
Templates compete only for the places under the cap per clip, which are assigned in rounds of one question
per skill, ranked by hash. A new template can take the last of these places, but changes no question that
stays.

Most clips have room for a few of all possible questions. So a template is asked for its questions only when
its turn comes: finding facts and proving wrong choices is most of the work.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from operator import attrgetter, itemgetter

from paqa_builder import seeded
from paqa_builder.errors import ConfigError
from paqa_builder.questions.choices.choices import Choices, choose
from paqa_builder.questions.choices.none_of_these import drawn, without_answer
from paqa_builder.questions.corpus.corpus import Corpus
from paqa_builder.questions.facts.base import AnswerType, Fact, FactKind, kind
from paqa_builder.questions.options import QaOptions
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.rendering import render
from paqa_builder.questions.templates import Template

# Up to this number of questions a clip and template, ranks are known before the questions.
_FEW = 8


def select(templates: Iterable[Template], options: QaOptions) -> list[Template]:
    """The templates that the options select, sorted by name.

    Raises:
        ConfigError: The options name an unknown template or fact.
    """
    by_name = {template.name: template for template in templates}
    for name in (*options.include, *options.exclude, *options.share):
        if name not in by_name:
            raise ConfigError(f"unknown template {name!r}", fix="paqa ls templates")
    for name in options.min_confidence:
        kind(name)
    return [
        by_name[name]
        for name in sorted(by_name)
        if name not in options.exclude and (not options.include or name in options.include)
    ]


def asked(reading: Interpretation, template: Template, options: QaOptions) -> list[Fact]:
    """The facts of a scene that a template may ask about."""
    return _asked(reading, template, kind(template.fact), options.min_confidence.get(template.fact, 0.0))


def _asked(reading: Interpretation, template: Template, fact_kind: FactKind, least: float) -> list[Fact]:
    facts = fact_kind.facts(reading)
    if least > 0.0:
        facts = [fact for fact in facts if fact.confidence >= least]
    return [fact for fact in facts if template.asks(fact)] if template.when else facts


def question_id(reading: Interpretation, template: str, n: int) -> str:
    """Id of a question: a hash of clip, template and number."""
    return f"q-{seeded.digest(*reading.clip_key, template, n)}"


@dataclass(frozen=True)
class Draft:
    """A question without its trace."""

    id: str
    template: Template
    fact: Fact
    choices: Choices
    text: str


@dataclass
class _Offer:
    """The questions of one template about one clip, drafted when they are asked for."""

    skill: str
    _rest: Iterator[Draft]
    _drafted: list[Draft] = field(default_factory=list)

    def draft(self, n: int) -> Draft | None:
        """The ``n``-th question, counted from 0; None if there are fewer."""
        self._drafted += islice(self._rest, max(0, n + 1 - len(self._drafted)))
        return self._drafted[n] if n < len(self._drafted) else None

    def count(self) -> int:
        """The number of questions, all of which are drafted."""
        self._drafted += self._rest
        return len(self._drafted)


_Place = tuple[str, _Offer, int]
"""Rank of a question, its template's offer, and its number there."""


class Drafter:
    """Drafts the questions about clips of one corpus. Templates and shares are looked up once.

    Raises:
        ConfigError: The options name an unknown template or fact.
    """

    def __init__(self, corpus: Corpus, templates: Iterable[Template], options: QaOptions, seed: int) -> None:
        self._corpus, self._options, self._seed = corpus, options, seed
        self._asked = [
            (
                template,
                kind(template.fact),
                options.share.get(template.name, 1.0),
                options.min_confidence.get(template.fact, 0.0),
            )
            for template in select(templates, options)
        ]

    def drafts(self, reading: Interpretation) -> list[Draft]:
        """The questions to ask about a clip."""
        places: list[_Place] = []
        for template, fact_kind, share, least in self._asked:
            offer = _Offer(template.skill, self._drafts(reading, template, fact_kind, share, least))
            number = self._options.per_template
            if number > _FEW:  # hashes of many questions that do not exist cost more than drafting
                number = offer.count()
            for n in range(number):
                name = question_id(reading, template.name, n)
                places.append((seeded.digest("deal", self._seed, name), offer, n))
        places.sort(key=itemgetter(0))
        return _deal(places, self._options.per_clip)

    def _drafts(
        self, reading: Interpretation, template: Template, fact_kind: FactKind, share: float, least: float
    ) -> Iterator[Draft]:
        """All questions of a template, by number.

        Args:
            share: Share of the clips that the template asks about.
            least: Smallest confidence of a fact.
        """
        options, key = self._options, (self._seed, *reading.clip_key, template.name)
        if share < 1.0 and seeded.unit("share", *key) >= share:
            return
        facts = _asked(reading, template, fact_kind, least)
        if not facts:
            return
        corpus = self._corpus.on(template.name)
        number = 0
        seen: list[Fact] = []
        for fact in seeded.shuffled_by(facts, attrgetter("key"), "fact", *key):
            if options.balance and fact.answer is not None:
                closed = fact_kind.form.closed
                share = corpus.share_asked(fact_kind.name, fact.group, fact.answer, closed)
                if seeded.unit("balance", *key, fact.key) >= share:
                    continue
                # Rare answers are not offered as wrong choices, so they are not asked for either.
                rare = closed and fact_kind.form is not AnswerType.YES_NO
                if rare and not corpus.common_answers(fact_kind.name, fact.group, [fact.answer]):
                    continue
            text = render(seeded.pick(template.phrasings, "phrasing", *key, number), fact.slots)
            # Several facts may be asked about in the same words ("what does the second speaker say?").
            if any(template.fits(earlier, text) for earlier in seen):
                continue
            none_of_these = drawn(fact_kind, fact, options, *key, number)
            choices = choose(
                reading,
                fact_kind,
                fact,
                text,
                corpus,
                options.choices,
                *key,
                number,
                none_of_these=none_of_these,
            )
            if choices is None:
                continue
            if none_of_these:
                fact = without_answer(fact)
            yield Draft(question_id(reading, template.name, number), template, fact, choices, text)
            number += 1
            if number == options.per_template:
                return
            seen.append(fact)


def _deal(places: list[_Place], limit: int) -> list[Draft]:
    """Takes ``limit`` questions in rounds of one per skill, ranked by hash within a round."""
    taken: list[Draft] = []
    while places:
        later, skills = [], set[str]()
        for place in places:
            _, offer, n = place
            if offer.skill in skills:
                later.append(place)
            elif (draft := offer.draft(n)) is not None:
                taken.append(draft)
                skills.add(offer.skill)
                if len(taken) == limit:
                    return taken
        places = later
    return taken
