"""The verifier: proves a question from its scene, with nothing but the question's text to go by.

It finds the facts that the question can be asked about by putting every fact of the scene into every
phrasing of the template; judges each choice again; looks each piece of evidence up among the
records; and writes the trace again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from paqa_builder.questions.choices.choices import Choices, in_question, too_close
from paqa_builder.questions.choices.none_of_these import NOTHING, judge_all, without_answer
from paqa_builder.questions.difficulty import difficulty_of
from paqa_builder.questions.facts.base import Fact, kind
from paqa_builder.questions.generate import asked, evidence_of, provenance_of
from paqa_builder.questions.options import QaOptions
from paqa_builder.questions.question import Evidence, Question, cite
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.templates import LEVELS, Template, load_templates
from paqa_builder.questions.traces import rewording
from paqa_builder.questions.traces.grammar import LEAVES, Trace, TraceError, parse
from paqa_builder.questions.traces.reflect import reflected, slips
from paqa_builder.questions.traces.trace import trace_of
from paqa_builder.questions.wording import quotable
from paqa_builder.records import Scene, Utterance

# "(b)", "option B", "answer C": letters that a reader of the trace has not been given yet.
_LABEL = re.compile(r"\([a-hA-H]\)|\b(?:option|choice|answer)s?\s+\(?[A-H]\b")


def verify(
    question: Question,
    scene: Scene,
    options: QaOptions | None = None,
    templates: Sequence[Template] | None = None,
    reading: Interpretation | None = None,
) -> list[str]:
    """Says what keeps a question from being proved; an empty list if it is.

    Args:
        options: Those of the build; they say how sure is sure.
        templates: Those of the build; the built-in ones by default.
        reading: The scene, read under the options' thresholds, to share between its questions. It should not
            be the one that they were made from: a proof has to find their facts by itself.
    """
    options = options or QaOptions()
    by_name = {t.name: t for t in (_builtin() if templates is None else templates)}
    template = by_name.get(question.template)
    if template is not None and question.rewritten is not None:
        # The template's own texts are proved, then the model's are held against them.
        return [
            *rewording.problems(question, template),
            *verify(rewording.restored(question), scene, options, [template], reading),
        ]
    problems = _form(question, scene)
    if template is None:
        return [*problems, f"no template is called {question.template!r}"]
    for name, wanted in (("skill", template.skill), ("level", template.level)):
        if getattr(question, name) != wanted:
            problems.append(f"{name} is {getattr(question, name)!r}, its template's is {wanted!r}")
    reading = reading or Interpretation(scene, options.thresholds)
    facts = [f for f in asked(reading, template, options) if question.question in template.questions(f)]
    if not facts:
        return [*problems, "the scene has no fact that this asks about", *_evidence(question, scene)]
    if question.answer == NOTHING and kind(template.fact).open:
        facts = [without_answer(fact) for fact in facts if fact.answer is not None]
    # Several facts may be asked about in the same words; any one of them may be the one meant.
    facts.sort(key=lambda fact: fact.answer != question.answer)
    proofs = [_proof(question, reading, template, fact) for fact in facts]
    return [*problems, *min(proofs, key=len), *_evidence(question, scene)]


@cache
def _builtin() -> tuple[Template, ...]:
    return tuple(load_templates())


def _form(question: Question, scene: Scene) -> list[str]:
    problems = []
    if question.clip_id != scene.clip.id:
        problems.append(f"it is about clip {question.clip_id!r}, the scene is {scene.clip.id!r}")
    if not re.fullmatch(r"q-[0-9a-f]{16}", question.id):
        problems.append(f"{question.id!r} is no question id")
    if question.level not in LEVELS:
        problems.append(f"{question.level!r} is no level")
    if len(question.choices) < 2:
        problems.append("it has fewer than two choices")
    if not 0 <= question.answer_index < len(question.choices):
        problems.append(f"answer_index {question.answer_index} is outside the choices")
    elif question.choices[question.answer_index] != question.answer:
        problems.append(
            f"choice {question.answer_index} is {question.choices[question.answer_index]!r}, "
            f"the answer {question.answer!r}"
        )
    return problems


def _proof(question: Question, reading: Interpretation, template: Template, fact: Fact) -> list[str]:
    of = kind(template.fact)
    problems = []
    verdicts = judge_all(reading, of, fact, question.choices)
    for n, (choice, verdict) in enumerate(zip(question.choices, verdicts, strict=True)):
        right = choice == question.answer
        if verdict.true is None:
            problems.append(f"choice {choice!r} cannot be shown to be {'true' if right else 'false'}")
        elif verdict.true is not right:
            problems.append(f"choice {choice!r} is {'true' if verdict.true else 'false'} of the clip")
        if in_question(of.form, choice, question.question):
            problems.append(f"choice {choice!r} is in the question")
        if any(too_close(of.form, choice, other) for other in question.choices[:n]):
            problems.append(f"choice {choice!r} says the same as another one")
    if [verdict.true for verdict in verdicts].count(True) != 1:
        # Without exactly one right choice there is no trace to compare with.
        return [*problems, *_grammar(question)]
    choices = Choices(question.choices, verdicts)
    evidence = evidence_of(fact, choices)
    if set(question.evidence) != set(evidence):
        problems.append("the evidence is not what the answer rests on")
    if question.provenance != provenance_of(evidence):
        problems.append(f"provenance {question.provenance} is not that of the evidence")
    if question.difficulty != difficulty_of(reading, of, fact, choices):
        problems.append("its difficulty is not that of the scene and the choices")
    wanted = _wanted_trace(question, reading, template, fact, choices)
    if wanted is None:
        return [*problems, f"reflection: {question.reflection} does not lead to another answer"]
    return problems + _trace(question, wanted)


def _wanted_trace(
    question: Question, reading: Interpretation, template: Template, fact: Fact, choices: Choices
) -> Trace | None:
    planted = question.reflection
    if planted is None:
        return trace_of(reading, template, fact, choices, question.id)
    if planted not in slips(reading, choices, kind(template.fact).form):
        return None
    return reflected(reading, template, fact, choices, question.question, question.id, planted)


def _grammar(question: Question) -> list[str]:
    try:
        parse(question.trace)
    except TraceError as error:
        return [f"trace: {problem}" for problem in error.problems]
    return []


def _trace(question: Question, wanted: Trace) -> list[str]:
    try:
        trace = parse(question.trace)
    except TraceError as error:
        return [f"trace: {problem}" for problem in error.problems]
    problems = [
        f"trace: {leaf} says what the records do not"
        for leaf in LEAVES
        if getattr(trace, leaf.lower()) != getattr(wanted, leaf.lower())
    ]
    if trace.answer != question.answer:
        problems.append(f"trace: it ends on {trace.answer!r}, the answer is {question.answer!r}")
    for text in (trace.planning, trace.reasoning, trace.summary):
        label = _LABEL.search(re.sub(r"“[^”]*”", "", text))
        if label:
            problems.append(f"trace: a choice's letter before RESPONSE: {label[0]!r}")
    return problems


def _evidence(question: Question, scene: Scene) -> list[str]:
    """Each piece of evidence must be a record of the scene."""
    if not question.evidence:
        return ["it has no evidence"]
    known = set(_citable(scene))
    return [
        f"evidence: the scene has no {e.record} {e.value!r} from {e.start} to {e.end} by {e.origin}"
        for e in question.evidence
        if e not in known and not _cited_words(e, scene)
    ]


def _citable(scene: Scene) -> Iterable[Evidence]:
    truth = scene.clip.truth
    for layer in (truth.turns, truth.tags, truth.utterances, scene.turns, scene.tags, scene.utterances):
        yield from map(cite, layer or ())
    reading = Interpretation(scene)
    for name in ("turns", "tags", "utterances"):
        yield from reading.layer(name)
    if reading.maybe_measures is not None:
        yield from reading.maybe_measures.citable()


def _cited_words(evidence: Evidence, scene: Scene) -> bool:
    """True if the evidence is a run of words of one utterance."""
    utterances: tuple[Utterance, ...] = (*(scene.clip.truth.utterances or ()), *(scene.utterances or ()))
    for utterance in utterances if evidence.record == "words" else ():
        made = utterance.origin
        if (made.stage, made.backend, made.revision) != (evidence.stage, evidence.backend, evidence.revision):
            continue
        for first, word in enumerate(utterance.words):
            for last in range(first, len(utterance.words) if word.start == evidence.start else first):
                run = utterance.words[first : last + 1]
                sure = 1.0 if made.is_truth else min(w.confidence for w in run)
                if (
                    run[-1].end == evidence.end
                    and quotable(w.text for w in run) == evidence.value
                    and sure == evidence.confidence
                ):
                    return True
    return False
