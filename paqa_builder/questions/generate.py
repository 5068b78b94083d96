"""Generation of questions from a scene: drafts (:mod:`paqa_builder.questions.drafting`) with their traces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from paqa_builder import seeded
from paqa_builder.questions.choices.choices import Choices
from paqa_builder.questions.corpus.corpus import Corpus
from paqa_builder.questions.difficulty import difficulty_of
from paqa_builder.questions.drafting import Draft, Drafter
from paqa_builder.questions.facts.base import Fact, kind
from paqa_builder.questions.options import QaOptions
from paqa_builder.questions.question import Evidence, Question
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import Template
from paqa_builder.questions.traces import grammar, reflect
from paqa_builder.questions.traces.trace import trace_of
from paqa_builder.records import Scene


class Generator:
    """Generates the questions about clips of one corpus, within the options' limits.

    Deterministic, and independent of the order of ``templates`` and of the clips.

    Raises:
        ConfigError: The options name an unknown template or fact.
    """

    def __init__(
        self,
        corpus: Corpus,
        templates: Sequence[Template],
        options: QaOptions | None = None,
        seed: int = 0,
    ) -> None:
        self._options, self._seed = options or QaOptions(), seed
        self._drafter = Drafter(corpus, templates, self._options, seed)

    def questions(self, scene: Scene) -> list[Question]:
        """Questions by template, then id; none if nothing is known with enough confidence."""
        return self.about(Interpretation(scene, self._options.thresholds))

    def about(self, reading: Interpretation) -> list[Question]:
        """The same for a scene that is interpreted under the options' thresholds."""
        if reading.scene.audio is None:
            return []
        drafts = self._drafter.drafts(reading)
        questions = [_question(reading, draft, self._options, self._seed) for draft in drafts]
        return sorted(questions, key=lambda q: (q.template, q.id))


def generate(
    scene: Scene,
    corpus: Corpus,
    templates: Sequence[Template],
    options: QaOptions | None = None,
    seed: int = 0,
) -> list[Question]:
    """Questions about one clip; :class:`Generator` is faster for many clips.

    Raises:
        ConfigError: The options name an unknown template or fact.
    """
    return Generator(corpus, templates, options, seed).questions(scene)


def evidence_of(fact: Fact, choices: Choices) -> tuple[Evidence, ...]:
    """Records that prove the answer right and the other choices wrong, each once, by time."""
    items = {*fact.evidence, *(e for verdict in choices.verdicts for e in verdict.evidence)}
    return tuple(
        sorted(items, key=lambda e: (e.record == "layer", e.start, e.end, e.record, e.value, e.origin))
    )


def provenance_of(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """Origins of the records, sorted."""
    return tuple(sorted({item.origin for item in evidence}))


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
