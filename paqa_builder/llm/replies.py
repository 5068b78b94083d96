"""Parsing of the language model's replies, and its prompts."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from paqa_builder.llm.cache import Reply
from paqa_builder.untrusted import loads

_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n[ \t]*```", re.DOTALL)
_REFUSAL = re.compile(
    r"\b(?:sorry|unable to|(?:can(?:no|['’])t|can not|won['’]t) (?:help|assist|do|comply|provide|fulfil))",
    re.I,
)


class UnusableReplyError(Exception):
    """A reply cannot be used. The message is the reason under which it is counted."""


@cache
def prompt(name: str) -> str:
    """Text of a prompt in ``llm/prompts``."""
    return files("paqa_builder.llm").joinpath(f"prompts/{name}.txt").read_text(encoding="utf-8").strip()


def json_of(reply: Reply) -> dict[str, Any]:
    """The JSON object of a reply, alone or in one fenced block.

    Raises:
        UnusableReplyError: The reply is cut off, a refusal, or no JSON object.
    """
    text = _THOUGHT.sub("", reply.text).strip()
    fenced = _FENCE.findall(text)
    if len(fenced) == 1:
        text = fenced[0].strip()
    try:
        data = loads(text)
    except ValueError as error:
        if reply.finish == "length":
            raise UnusableReplyError("cut off") from error
        if not text.startswith("{") and _REFUSAL.search(text):
            raise UnusableReplyError("refused") from error
        reason = "text around the JSON" if _holds_json(text) else "no JSON"
        raise UnusableReplyError(reason) from error
    if not isinstance(data, dict):
        raise UnusableReplyError("no JSON object")
    return data


def _holds_json(text: str) -> bool:
    """True if a JSON object starts at the first brace."""
    try:
        json.JSONDecoder().raw_decode(text, text.index("{"))
    except (ValueError, RecursionError):
        return False
    return True
