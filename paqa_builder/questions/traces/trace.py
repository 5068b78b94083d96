"""Traces of questions: planning, caption, reasoning, summary and response."""

from __future__ import annotations

from paqa_builder.questions import wording
from paqa_builder.questions.choices.choices import Choices
from paqa_builder.questions.choices.none_of_these import NOTHING, STATEMENTS
from paqa_builder.questions.facts.base import AnswerType, Fact, kind
from paqa_builder.questions.reading.interpretation import Interpretation
from paqa_builder.questions.rendering import render
from paqa_builder.questions.templates import Template
from paqa_builder.questions.traces import caption
from paqa_builder.questions.traces.grammar import Trace
from paqa_builder.seeded import pick


def trace_of(reading: Interpretation, template: Template, fact: Fact, choices: Choices, key: str) -> Trace:
    """The trace of a question. Deterministic, so that the verifier can write it again.

    Args:
        key: The question's id. It selects among wordings.
    """
    form = kind(template.fact).form
    answer = choices.texts[choices.index]
    statement = statement_of(template, fact, answer, key)
    return Trace(
        planning=render(pick(template.planning, "planning", key), fact.slots),
        env=caption.env(reading),
        speaker=caption.speakers(reading),
        asr=caption.transcript(reading),
        description=caption.description(reading, key),
        reasoning=" ".join(_reasoning(form, fact, choices, statement, key)),
        summary=f"{wording.capital(statement)}.",
        response=answer,
    )


def statement_of(template: Template, fact: Fact, answer: str, key: str) -> str:
    """The answer as a sentence, in a wording selected by ``key``."""
    if answer == NOTHING:
        return pick(STATEMENTS, "statement", key)
    slots = {**fact.slots, "answer": in_sentence(kind(template.fact).form, answer)}
    return render(pick(template.statement, "statement", key), slots)


def in_sentence(form: AnswerType, answer: str) -> str:
    """An answer within a sentence: ``"Dog"`` becomes ``"the sound of a dog"``."""
    if form is AnswerType.SOUND:
        return wording.sound_of(wording.label_of_choice(answer))
    if form.spoken:
        return wording.quote(answer)
    return answer[0].lower() + answer[1:]


def _reasoning(form: AnswerType, fact: Fact, choices: Choices, statement: str, key: str) -> list[str]:
    right = choices.verdicts[choices.index]
    wrong = [verdict for verdict in choices.verdicts if verdict is not right]
    sentences = [*fact.steps, right.because, *(verdict.because for verdict in wrong)]
    missing = list(dict.fromkeys(verdict.missing for verdict in wrong if verdict.missing))
    if missing:
        sentences.append(_missing(form, missing, key))
    so = pick(("So", "Therefore", "It follows that", "Hence"), "so", key)
    joint = " " if so.endswith("that") else ", "
    # Two choices may share a sentence.
    return [*dict.fromkeys(filter(None, sentences)), f"{so}{joint}{statement}."]


def _missing(form: AnswerType, missing: list[str], key: str) -> str:
    if form is AnswerType.TRANSLATION:
        frames: tuple[str, ...] = (
            f"It does not mean {wording.listed(missing, 'or')}.",
            f"Nothing of what is said means {wording.listed(missing, 'or')}.",
        )
    elif form.spoken:
        verb = "is" if len(missing) == 1 else "are"
        frames = (
            f"{wording.listed(missing)} {verb} not said in the clip.",
            f"Nobody says {wording.listed(missing, 'or')}.",
        )
    else:
        names = wording.listed(missing, "or")
        frames = (
            f"There is no sound of {names}.",
            f"Nothing in the clip sounds like {names}.",
            f"The sound of {names} is never heard.",
        )
    return pick(frames, "missing", key)
