"""Blind answers: the language model sees a question and its choices, without the audio."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paqa_builder.gate.item import BlindItem
from paqa_builder.llm.cache import Messages, Reply
from paqa_builder.llm.replies import UnusableReplyError, json_of, prompt
from paqa_builder.llm.talk import Answer, Talk

_LETTERS = "ABCDEFGHIJ"


def messages(item: BlindItem, turn: int = 0) -> Messages:
    """The request for one question.

    Args:
        turn: Number of places to rotate the choices by, against a preference for a letter.
    """
    choices = _rotated(item, turn)
    lines = [f"{letter}) {item.choices[n]}" for letter, n in zip(_LETTERS, choices, strict=False)]
    return (("system", prompt("blind")), ("user", "\n".join([item.question, *lines])))


def choice_of(reply: Reply, item: BlindItem, turn: int = 0) -> int | None:
    """Index in ``item.choices`` of the choice that a reply names; None if it names none."""
    try:
        named = json_of(reply).get("answer")
    except UnusableReplyError:
        named = reply.text
    match = re.fullmatch(r"\s*\(?([A-J])(?:[).:].*)?\s*", named) if isinstance(named, str) else None
    choices = _rotated(item, turn)
    at = _LETTERS.index(match[1]) if match else len(choices)
    return choices[at] if at < len(choices) else None


def shares_right(
    talk: Talk, items: Sequence[BlindItem], votes: int
) -> tuple[list[float | None], list[Answer]]:
    """Share of right answers to each question over several votes with rotated choices.

    Returns:
        The share by question, None where a vote has no reply; and all answers, ``votes`` per question.
    """
    replies = talk.ask(
        [talk.request(messages(item, turn), temperature=0.0) for item in items for turn in range(votes)]
    )
    shares: list[float | None] = []
    for n, item in enumerate(items):
        own = replies[n * votes : (n + 1) * votes]
        right = [choice_of(r, item, t) == item.answer for t, r in enumerate(own) if isinstance(r, Reply)]
        shares.append(sum(right) / votes if len(right) == votes else None)
    return shares, replies


def _rotated(item: BlindItem, turn: int) -> list[int]:
    size = len(item.choices)
    return [(n + turn) % size for n in range(size)]
