"""From a scene to its questions.

Each template asks about its facts in an order given by their hashes, so nothing that one template
does changes what another one does. Only the cap per clip makes templates compete. It is dealt out
in rounds, each skill giving one question a round, ranked by hash: a new template can take a place
from the last ones chosen, but never changes a question that stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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
from paqa_builder.questions.templates import Template, render
from paqa_builder.questions.traces import grammar, reflect
from paqa_builder.questions.traces.trace import trace_of
from paqa_builder.records import Scene


def generate(
    scene: Scene,
    corpus: Corpus,
    templates: Sequence[Template],
    options: QaOptions | None = None,
    seed: int = 0,
) -> list[Question]:
    """Asks what can be asked about one clip, within the options' limits.

    A function of its arguments alone. The order of ``templates`` does not matter.

    Returns:
        Questions by template, then number; none where nothing is known or sure enough.

    Raises:
        ConfigError: The options name a template or a fact that does not exist.
    """
    options = options or QaOptions()
    if scene.audio is None:
        return []
    reading = Interpretation(scene, options.thresholds)
    # Traces are long: only those that stay are written.
    chosen = [
        _question(reading, item, options, seed) for item in drafts(reading, corpus, templates, options, seed)
    ]
    return sorted(chosen, key=lambda q: (q.template, q.id))


def drafts(
    reading: Interpretation, corpus: Corpus, templates: Iterable[Template], options: QaOptions, seed: int
) -> list[Draft]:
    """The questions that :func:`generate` asks, before their traces are written."""
    found = [
        draft
        for template in select(templates, options)
        for draft in _drafts(reading, corpus.on(template.name), template, options, seed)
    ]
    return _deal(found, options.per_clip, seed)


def select(templates: Iterable[Template], options: QaOptions) -> list[Template]:
    """The templates that the options leave, by name.

    Raises:
        ConfigError: The options name a template or a fact that does not exist.
    """
    by_name = {template.name: template for template in templates}
    for name in (*options.include, *options.exclude, *options.share):
        if name not in by_name:
            raise ConfigError(f"no template is called {name!r}", fix="paqa ls templates")
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
    """A question's name: the same for the same clip, template and number, whatever the seed."""
    return f"q-{seeded.digest(*reading.clip_key, template.name, n)}"


def evidence_of(fact: Fact, choices: Choices) -> tuple[Evidence, ...]:
    """All records that prove the answer right and the others wrong, each once, in time order."""
    items = {*fact.evidence, *(e for verdict in choices.verdicts for e in verdict.evidence)}
    return tuple(
        sorted(items, key=lambda e: (e.record == "layer", e.start, e.end, e.record, e.value, e.origin))
    )


def provenance_of(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """Who made the records, sorted."""
    return tuple(sorted({item.origin for item in evidence}))


@dataclass(frozen=True)
class Draft:
    """A question before its trace is written."""

    id: str
    template: Template
    fact: Fact
    choices: Choices
    text: str


def _drafts(
    reading: Interpretation, corpus: Corpus, template: Template, options: QaOptions, seed: int
) -> Iterator[Draft]:
    of = kind(template.fact)
    key = (seed, *reading.clip_key, template.name)
    if seeded.unit("share", *key) >= options.share.get(template.name, 1.0):
        return
    facts = asked(reading, template, options)
    made = 0
    seen: set[str] = set()
    for fact in sorted(facts, key=lambda fact: seeded.digest("fact", *key, fact.key)):
        if options.balance and fact.answer is not None:
            closed = of.form.closed
            share = corpus.share_asked(of.name, fact.group, fact.answer, closed)
            if seeded.unit("balance", *key, fact.key) >= share:
                continue
            # Rare answers are never wrong choices, so they may not be right ones either.
            rare = closed and of.form is not AnswerType.YES_NO
            if rare and not corpus.common_answers(of.name, fact.group, [fact.answer]):
                continue
        text = render(seeded.pick(template.phrasings, "phrasing", *key, made), fact.slots)
        # The same words about another fact ("what does the second speaker say?") are no new question.
        if text in seen:
            continue
        none_of_these = drawn(of, fact, options, *key, made)
        choices = choose(
            reading, of, fact, text, corpus, options.choices, *key, made, none_of_these=none_of_these
        )
        if choices is None:
            continue
        if none_of_these:
            fact = without_answer(fact)
        yield Draft(question_id(reading, template, made), template, fact, choices, text)
        made += 1
        if made == options.per_template:
            return
        seen.update(template.questions(fact))


def _question(reading: Interpretation, draft: Draft, options: QaOptions, seed: int) -> Question:
    name, template, fact, choices = draft.id, draft.template, draft.fact, draft.choices
    evidence = evidence_of(fact, choices)
    trace, planted = trace_of(reading, template, fact, choices, name), None
    if seeded.unit("reflection", seed, name) < options.reflection:
        found = reflect.find(reading, template, fact, choices, draft.text, name)
        planted, trace = found or (planted, trace)
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


def _deal(drafts: list[Draft], limit: int, seed: int) -> list[Draft]:
    """Takes ``limit`` questions in rounds of one a skill, best rank (a hash) first."""
    ranked = sorted(drafts, key=lambda draft: seeded.digest("deal", seed, draft.id))
    by_skill: dict[str, int] = {}
    rounds = []
    for n, draft in enumerate(ranked):
        skill = draft.template.skill
        round_ = by_skill[skill] = by_skill.get(skill, -1) + 1
        rounds.append((round_, n, draft))
    return [draft for _, _, draft in sorted(rounds, key=lambda item: item[:2])[:limit]]
