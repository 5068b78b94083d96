"""Texts of questions and answers in the form that trainers take, and cleaning of foreign text."""

from __future__ import annotations

import re
from typing import Literal

from paqa_builder.questions.question import Question

AnswerForm = Literal["text", "letter", "trace"]
ANSWERS: tuple[AnswerForm, ...] = ("text", "letter", "trace")

_INSTRUCTION = {
    "text": "Answer with the text of the right choice.",
    "letter": "Answer with the letter of the right choice.",
    "trace": "Describe what is heard, then reason, then answer.",
}
TAGGED = "Output the final answer in <answer> </answer>."
"""Instruction for reinforcement learning: rewards look for these tags."""

# Trainers put media in place of such marks, and tokenizers read <|…|> as control tokens.
_MARK = re.compile(
    r"<(?=/?(?:image|video|audio|bbox|ref-object|cot-process|start-image|answer)>|\|)", re.IGNORECASE
)
# XML 1.0 has no other characters; JSON, TextGrid and label files have no use for them.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def plain(text: str) -> str:
    """A text in which no trainer finds a mark for media: ``<audio>`` becomes ``< audio>``."""
    return _MARK.sub("< ", text)


def printable(text: str) -> str:
    """A text without control characters except line breaks and tabs."""
    return _CONTROL.sub(" ", text)


def one_line(text: str) -> str:
    """A text without control characters, line breaks and repeated white space."""
    return " ".join(printable(text).split())


def letter(index: int) -> str:
    """``A`` for 0; ``AA`` follows ``Z``."""
    return (letter(index // 26 - 1) if index >= 26 else "") + chr(ord("A") + index % 26)


def asked(question: Question, instruction: str) -> str:
    """The question, its choices with letters, and the instruction."""
    choices = [f"{letter(n)}. {choice}" for n, choice in enumerate(question.choices)]
    return "\n".join([plain("\n".join([question.question, *choices])), instruction])


def prompt(question: Question, form: AnswerForm) -> str:
    """The user's message for an answer of this form."""
    return asked(question, _INSTRUCTION[form])


def answer(question: Question, form: AnswerForm) -> str:
    """The assistant's message."""
    if form == "letter":
        return letter(question.answer_index)
    return plain(question.trace if form == "trace" else question.answer)


def messages(question: Question, form: AnswerForm) -> list[dict[str, str]]:
    """A conversation of user and assistant; ``<audio>`` marks the place of the audio."""
    return [
        {"role": "user", "content": f"<audio>{prompt(question, form)}"},
        {"role": "assistant", "content": answer(question, form)},
    ]


def solution(question: Question, form: AnswerForm) -> str:
    """The right answer in ``<answer>`` tags; a trace is no answer, so its choice is given."""
    return f"<answer>{answer(question, 'letter' if form == 'letter' else 'text')}</answer>"
