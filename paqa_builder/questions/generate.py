"""Generation of questions from a scene.

Each template asks about its facts in an order given by their hashes, independently of other templates.
Templates compete only for the places under the cap per clip, which are assigned in rounds of one question
per skill, ranked by hash. A new template can take the last of these places, but changes no question that
stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter

from paqa_builder import seeded
from paqa_builder.errors import ConfigError
from paqa_builder.questions.choices.choices import Choices, choose
from paqa_builder.questions.choices.none_of_these import drawn, without_answer
from paqa_builder.questions.corpus.corpus import Corpus
from paqa_builder.questions.difficulty import difficulty_of
from paqa_builder.questions.facts.base import AnswerType, Fact, kind
from paqa_builder.questions.options import QaOptions
from paqa_builder.questions.question import Evidence, Question
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.rendering import render
from paqa_builder.questions.templates import Template
from paqa_builder.questions.traces import grammar, reflect
from paqa_builder.questions.traces.trace import trace_of
from paqa_builder.records import Scene

# Up to this number of questions a clip and template, ranks are known before the questions.
_FEW = 8


def generate(
    scene: Scene,
    corpus: Corpus,
    templates: Sequence[Template],
    options: QaOptions | None = None,
    seed: int = 0,
) -> list[Question]:
    """Questions about one clip, within the options' limits.

    Deterministic, and independent of the order of ``templates``.

    Returns:
        Questions by template, then id; none if nothing is known with enough confidence.

    Raises:
        ConfigError: The options name an unknown template or fact.
    """
    options = options or QaOptions()
    if scene.audio is None:
        return []
    reading = Interpretation(scene, options.thresholds)
    chosen = drafts(reading, corpus, templates, options, seed)
    questions = [_question(reading, draft, options, seed) for draft in chosen]
    return sorted(questions, key=lambda q: (q.template, q.id))


def drafts(
    reading: Interpretation, corpus: Corpus, templates: Iterable[Template], options: QaOptions, seed: int
) -> list[Draft]:
    """The questions that :func:`generate` asks, without traces, evidence and difficulty."""
    places: list[tuple[str, _Offer, int]] = []
    for template in select(templates, options):
        offer = _Offer(reading, corpus, template, options, seed)
        places += [(rank, offer, n) for n, rank in enumerate(offer.ranks())]
    places.sort(key=itemgetter(0))
    return _deal(places, options.per_clip)


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
    least = options.min_confidence.get(template.fact, 0.0)
    return [
        fact
        for fact in kind(template.fact).facts(reading)
        if fact.confidence >= least and template.asks(fact)
    ]


def question_id(reading: Interpretation, template: Template, n: int) -> str:
    """Id of a question: a hash of clip, template and number."""
    return f"q-{seeded.digest(*reading.clip_key, template.name, n)}"


def evidence_of(fact: Fact, choices: Choices) -> tuple[Evidence, ...]:
    """Records that prove the answer right and the other choices wrong, each once, by time."""
    items = {*fact.evidence, *(e for verdict in choices.verdicts for e in verdict.evidence)}
    return tuple(
        sorted(items, key=lambda e: (e.record == "layer", e.start, e.end, e.record, e.value, e.origin))
    )


def provenance_of(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """Origins of the records, sorted."""
    return tuple(sorted({item.origin for item in evidence}))


@dataclass(frozen=True)
class Draft:
    """A question without its trace."""

    id: str
    template: Template
    fact: Fact
    choices: Choices
    text: str


class _Offer:
    """The questions of one template about one clip, drafted when they are asked for."""

    def __init__(
        self, reading: Interpretation, corpus: Corpus, template: Template, options: QaOptions, seed: int
    ) -> None:
        self.template = template
        self._reading, self._options, self._seed = reading, options, seed
        self._drafted: list[Draft] = []
        self._rest = _drafts(reading, corpus, template, options, seed)

    def ranks(self) -> Iterator[str]:
        """The rank of every question that the template may have, by hash."""
        number = self._options.per_template
        if number > _FEW:  # hashes of many questions that do not exist cost more than drafting
            self._drafted, self._rest = list(self._rest), iter(())
            number = len(self._drafted)
        for n in range(number):
            yield seeded.digest("deal", self._seed, question_id(self._reading, self.template, n))

    def draft(self, n: int) -> Draft | None:
        """The ``n``-th question, counted from 0; None if there are fewer."""
        self._drafted += islice(self._rest, max(0, n + 1 - len(self._drafted)))
        return self._drafted[n] if n < len(self._drafted) else None


def _drafts(
    reading: Interpretation, corpus: Corpus, template: Template, options: QaOptions, seed: int
) -> Iterator[Draft]:
    fact_kind = kind(template.fact)
    key = (seed, *reading.clip_key, template.name)
    share = options.share.get(template.name, 1.0)
    if share < 1.0 and seeded.unit("share", *key) >= share:
        return
    corpus = corpus.on(template.name)
    facts = asked(reading, template, options)
    number = 0
    seen: set[str] = set()
    for fact in sorted(facts, key=lambda fact: seeded.digest("fact", *key, fact.key)):
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
        if text in seen:
            continue
        none_of_these = drawn(fact_kind, fact, options, *key, number)
        choices = choose(
            reading, fact_kind, fact, text, corpus, options.choices, *key, number, none_of_these=none_of_these
        )
        if choices is None:
            continue
        if none_of_these:
            fact = without_answer(fact)
        yield Draft(question_id(reading, template, number), template, fact, choices, text)
        number += 1
        if number == options.per_template:
            return
        seen.update(template.questions(fact))


def _question(reading: Interpretation, draft: Draft, options: QaOptions, seed: int) -> Question:
    name, template, fact, choices = draft.id, draft.template, draft.fact, draft.choices
    evidence = evidence_of(fact, choices)
    reflection = None
    if seeded.unit("reflection", seed, name) < options.reflection:
        reflection = reflect.find(reading, template, fact, choices, draft.text, name)
    planted, trace = reflection or (None, trace_of(reading, template, fact, choices, name))
    return Question(
        id=name,
        question=draft.text,
        choices=choices.texts,
        answer=choices.texts[choices.index],
        answer_index=choices.index,
        skill=template.skill,
        level=template.level,
        trace=grammar.write(trace),
        evidence=evidence,
        clip_id=reading.scene.clip.id,
        template=template.name,
        provenance=provenance_of(evidence),
        difficulty=difficulty_of(reading, kind(template.fact), fact, choices),
        reflection=planted,
    )


def _deal(places: list[tuple[str, _Offer, int]], limit: int) -> list[Draft]:
    """Takes ``limit`` questions in rounds of one per skill, ranked by hash within a round.

    A template is asked for its questions only when its turn comes: most clips have room for a few of all
    questions, and drafting one is most of the work.

    Args:
        places: (rank, template, number of the question) by rank.
    """
    taken: list[Draft] = []
    while places:
        later, skills = [], set[str]()
        for place in places:
            _, offer, n = place
            if offer.template.skill in skills:
                later.append(place)
            elif (draft := offer.draft(n)) is not None:
                taken.append(draft)
                skills.add(offer.template.skill)
                if len(taken) == limit:
                    return taken
        places = later
    return taken
