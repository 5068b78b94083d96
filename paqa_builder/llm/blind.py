"""Answers by somebody who cannot hear: the question and its choices, nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paqa_builder.gate.item import BlindItem
from paqa_builder.llm.cache import Messages, Reply
from paqa_builder.llm.replies import UselessError, json_of, prompt
from paqa_builder.llm.talk import Answer, NoReply, Talk

_LETTERS = "ABCDEFGHIJ"


def messages(item: BlindItem, turn: int = 0) -> Messages:
    """What is sent of a question.

    Args:
        turn: By how many places the choices are rotated: a model that likes "A" gains nothing.
    """
    choices = _rotated(item, turn)
    lines = [f"{letter}) {item.choices[n]}" for letter, n in zip(_LETTERS, choices, strict=False)]
    return (("system", prompt("blind")), ("user", "\n".join([item.question, *lines])))


def choice_of(reply: Reply, item: BlindItem, turn: int = 0) -> int | None:
    """Which choice a reply names, by its place in ``item.choices``; None if it names none."""
    try:
        named = json_of(reply).get("answer")
    except UselessError:
        named = reply.text
    match = re.fullmatch(r"\s*\(?([A-J])(?:[).:].*)?\s*", named) if isinstance(named, str) else None
    choices = _rotated(item, turn)
    at = _LETTERS.index(match[1]) if match else len(choices)
    return choices[at] if at < len(choices) else None


def answer_blind(talk: Talk, items: Sequence[BlindItem]) -> list[int | None]:
    """Each question's choice, answered once; None where the model named none or could not be asked."""
    replies = talk.ask([talk.request(messages(item), temperature=0.0) for item in items])
    return [
        choice_of(reply, item) if isinstance(reply, Reply) else None
        for item, reply in zip(items, replies, strict=True)
    ]


def shares_right(
    talk: Talk, items: Sequence[BlindItem], votes: int
) -> tuple[list[float | None], list[Answer]]:
    """How often each question is answered right, with its choices rotated from vote to vote.

    Returns:
        The share of the votes that are right, None where a vote could not be had for want of budget or
        of an endpoint; and all answers, ``votes`` a question.
    """
    turns = range(votes)
    asked = [(item, turn) for item in items for turn in turns]
    replies = talk.ask([talk.request(messages(item, turn), temperature=0.0) for item, turn in asked])
    shares: list[float | None] = []
    for n, item in enumerate(items):
        mine = replies[n * votes : (n + 1) * votes]
        right = [choice_of(r, item, t) == item.answer for t, r in enumerate(mine) if isinstance(r, Reply)]
        shares.append(sum(right) / votes if len(right) == votes else None)
    return shares, replies


def failed(answers: Sequence[Answer]) -> bool:
    """Whether a later run could get further."""
    return NoReply.FAILED in answers


def _rotated(item: BlindItem, turn: int) -> list[int]:
    size = len(item.choices)
    return [(n + turn) % size for n in range(size)]
