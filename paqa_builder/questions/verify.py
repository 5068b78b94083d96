"""The verifier: proves a question from its text and its scene.

It renders every fact of the scene in every phrasing of the template to find the facts that the question is
about, judges each choice again, looks up each piece of evidence among the records, and writes the trace
again.

The proof shares with the generator the scene and, in a build, its interpretation under the thresholds
(sounds, voices, speech, measures), which depends on no template and no fact. It shares no facts, no verdicts
and no trace: all of them follow again from the question's text. Between the questions about one scene it
shares its own facts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from paqa_builder.questions.choices.choices import Choices, in_question, too_close
from paqa_builder.questions.choices.none_of_these import NOTHING, judge_all, without_answer
from paqa_builder.questions.difficulty import difficulty_of
from paqa_builder.questions.drafting import asked
from paqa_builder.questions.facts.base import Fact, kind
from paqa_builder.questions.generate import evidence_of, provenance_of
from paqa_builder.questions.options import QaOptions
from paqa_builder.questions.question import Evidence, Question, cite
from paqa_builder.questions.reading.interpretation import Interpretation, per_scene
from paqa_builder.questions.templates import LEVELS, Template, load_templates
from paqa_builder.questions.traces import rewording
from paqa_builder.questions.traces.grammar import LEAVES, Trace, TraceError, complete, parse, validate, write
from paqa_builder.questions.traces.reflect import possible_errors, reflected
from paqa_builder.questions.traces.trace import trace_of
from paqa_builder.questions.wording import quotable, without_quotes
from paqa_builder.records import Scene, Utterance

# "(b)", "option B", "answer C": references to a choice's letter.
_LABEL = re.compile(r"\([a-hA-H]\)|\b(?:option|choice|answer)s?\s+\(?[A-H]\b")


def verify(
    question: Question,
    scene: Scene,
    options: QaOptions | None = None,
    templates: Sequence[Template] | None = None,
    reading: Interpretation | None = None,
) -> list[str]:
    """Problems that keep a question from being proved; empty if it is proved.

    Args:
        options: Options of the build; their thresholds decide.
        templates: Templates of the build; the built-in ones by default.
        reading: The scene under the options' thresholds, shared between its questions. Do not pass the one
            that the questions were generated from: it caches their facts. Its
            :meth:`~Interpretation.without_facts` is independent of them.
    """
    options = options or QaOptions()
    known = _builtin() if templates is None else templates
    template = next((t for t in known if t.name == question.template), None)
    if template is not None and question.rewritten is not None:
        # The template's wording is proved, and the model's wording is compared with it.
        return [
            *rewording.problems(question, template),
            *verify(rewording.restored(question), scene, options, [template], reading),
        ]
    problems = _form(question, scene)
    if template is None:
        return [*problems, f"no template is called {question.template!r}; name its folder with --templates"]
    for name, wanted in (("skill", template.skill), ("level", template.level)):
        if getattr(question, name) != wanted:
            problems.append(f"{name} is {getattr(question, name)!r}, that of the template is {wanted!r}")
    reading = reading or Interpretation(scene, options.thresholds)
    facts = [f for f in asked(reading, template, options) if template.fits(f, question.question)]
    cited = _evidence(question, reading if reading.scene is scene else Interpretation(scene))
    if not facts:
        return [*problems, "the scene has no fact that the question asks about", *cited]
    if question.answer == NOTHING and kind(template.fact).open:
        facts = [without_answer(fact) for fact in facts if fact.answer is not None]
    # Several facts may be asked about in the same words; the proof of one of them is enough.
    facts.sort(key=lambda fact: fact.answer != question.answer)
    best: list[str] | None = None
    for fact in facts:
        proof = _proof(question, reading, template, fact)
        if best is None or len(proof) < len(best):
            best = proof
        if not best:
            break
    return [*problems, *(best or ()), *cited]


@cache
def _builtin() -> tuple[Template, ...]:
    return tuple(load_templates())


def _form(question: Question, scene: Scene) -> list[str]:
    problems = []
    if question.clip_id != scene.clip.id:
        problems.append(f"the question is about clip {question.clip_id!r}, the scene is {scene.clip.id!r}")
    if not re.fullmatch(r"q-[0-9a-f]{16}", question.id):
        problems.append(f"invalid question id {question.id!r}")
    if question.level not in LEVELS:
        problems.append(f"unknown level {question.level!r}")
    if len(question.choices) < 2:
        problems.append("the question has fewer than two choices")
    if not 0 <= question.answer_index < len(question.choices):
        problems.append(f"answer_index {question.answer_index} is outside the choices")
    elif question.choices[question.answer_index] != question.answer:
        problems.append(
            f"choice {question.answer_index} is {question.choices[question.answer_index]!r}, "
            f"the answer {question.answer!r}"
        )
    return problems


def _proof(question: Question, reading: Interpretation, template: Template, fact: Fact) -> list[str]:
    fact_kind = kind(template.fact)
    form = fact_kind.form
    problems = []
    verdicts = judge_all(reading, fact_kind, fact, question.choices)
    for n, (choice, verdict) in enumerate(zip(question.choices, verdicts, strict=True)):
        right = choice == question.answer
        if verdict.true is None:
            problems.append(f"choice {choice!r} cannot be proved {'true' if right else 'false'}")
        elif verdict.true is not right:
            problems.append(f"choice {choice!r} is {'true' if verdict.true else 'false'} of the clip")
        if in_question(form, choice, question.question):
            problems.append(f"choice {choice!r} occurs in the question")
        if any(too_close(form, choice, other) for other in question.choices[:n]):
            problems.append(f"choice {choice!r} is too similar to another choice")
    if [verdict.true for verdict in verdicts].count(True) != 1:
        # Without exactly one right choice there is no trace to compare with.
        return problems + [f"trace: {problem}" for problem in validate(question.trace)]
    choices = Choices(question.choices, verdicts)
    evidence = evidence_of(fact, choices)
    if set(question.evidence) != set(evidence):
        problems.append("the evidence differs from that of the answer")
    if question.provenance != provenance_of(evidence):
        problems.append(f"provenance {question.provenance} differs from that of the evidence")
    if question.difficulty != difficulty_of(reading, fact_kind, fact, choices):
        problems.append("the difficulty differs from that of the scene and the choices")
    planted = question.reflection
    expected: Trace | None = None
    if planted is None:
        expected = trace_of(reading, template, fact, choices, question.id)
    elif planted in possible_errors(reading, choices, form):
        expected = reflected(reading, template, fact, choices, question.question, question.id, planted)
    if expected is None:
        return [*problems, f"reflection: {planted} does not lead to another answer"]
    return problems + [f"trace: {problem}" for problem in _trace(question, expected)]


def _trace(question: Question, expected: Trace) -> list[str]:
    problems: list[str] = []
    if question.trace == write(expected) and complete(expected):
        trace = expected  # parsing is the inverse of writing
    else:
        try:
            trace = parse(question.trace)
        except TraceError as error:
            return error.problems
        problems = [
            f"{leaf} differs from what the records say"
            for leaf in LEAVES
            if getattr(trace, leaf.lower()) != getattr(expected, leaf.lower())
        ]
    if trace.answer != question.answer:
        problems.append(f"its last answer is {trace.answer!r}, that of the question is {question.answer!r}")
    for text in (trace.planning, trace.reasoning, trace.summary):
        label = _LABEL.search(without_quotes(text))
        if label:
            problems.append(f"letter of a choice before RESPONSE: {label[0]!r}")
    return problems


def _evidence(question: Question, reading: Interpretation) -> list[str]:
    """Evidence that is not among the records of the scene."""
    if not question.evidence:
        return ["the question has no evidence"]
    scene, known = reading.scene, _citable(reading)
    return [
        f"evidence: the scene has no {e.record} {e.value!r} from {e.start} to {e.end} by {e.origin}"
        for e in question.evidence
        if e not in known and not _cites_words(e, scene)
    ]


@per_scene
def _citable(reading: Interpretation) -> frozenset[Evidence]:
    """Everything that can be cited of a scene, whatever the thresholds."""
    scene, truth = reading.scene, reading.scene.clip.truth
    layers = (truth.turns, truth.tags, truth.utterances, scene.turns, scene.tags, scene.utterances)
    cited = [cite(record) for layer in layers for record in layer or ()]
    for name in ("turns", "tags", "utterances"):
        cited += reading.layer(name)
    if reading.maybe_measures is not None:
        cited += reading.maybe_measures.citable()
    return frozenset(cited)


def _cites_words(evidence: Evidence, scene: Scene) -> bool:
    """True if the evidence is a run of consecutive words of one utterance."""
    utterances: tuple[Utterance, ...] = (*(scene.clip.truth.utterances or ()), *(scene.utterances or ()))
    source = (evidence.stage, evidence.backend, evidence.revision)
    for utterance in utterances if evidence.record == "words" else ():
        words, origin = utterance.words, utterance.origin
        if (origin.stage, origin.backend, origin.revision) != source:
            continue
        firsts = [n for n, word in enumerate(words) if word.start == evidence.start]
        ends = [n for n, word in enumerate(words, 1) if word.end == evidence.end]
        for run in (words[first:end] for first in firsts for end in ends if first < end):
            confidence = 1.0 if origin.is_truth else min(word.confidence for word in run)
            if quotable(word.text for word in run) == evidence.value and confidence == evidence.confidence:
                return True
    return False
