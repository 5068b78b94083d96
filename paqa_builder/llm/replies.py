"""What a language model sent back, as data; or why it is of no use."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from paqa_builder.llm.cache import Reply

_THOUGHT = re.compile(r"^\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)\n\s*```", re.DOTALL)
_REFUSAL = re.compile(
    r"\b(?:sorry|unable to|(?:can(?:no|['’])t|can not|won['’]t) (?:help|assist|do|comply|provide|fulfil))",
    re.I,
)


class UselessError(Exception):
    """A reply that cannot be used; its text is the reason, as it is counted."""


@cache
def prompt(name: str) -> str:
    """A prompt's text, from ``llm/prompts``."""
    return files("paqa_builder.llm").joinpath(f"prompts/{name}.txt").read_text(encoding="utf-8").strip()


def json_of(reply: Reply) -> dict[str, Any]:
    """The JSON object that a reply consists of, alone or in one fenced block.

    Raises:
        UselessError: The reply was cut off, refuses, or is something else.
    """
    text = _THOUGHT.sub("", reply.text).strip()
    fenced = _FENCE.findall(text)
    if len(fenced) == 1:
        text = fenced[0].strip()
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        if reply.finish == "length":
            raise UselessError("cut off") from error
        if not text.startswith("{") and _REFUSAL.search(text):
            raise UselessError("refused") from error
        inner = text[text.find("{") :] if "{" in text else ""
        raise UselessError("text around the JSON" if inner and _starts_json(inner) else "no JSON") from error
    if not isinstance(data, dict):
        raise UselessError("no JSON object")
    return data


def _starts_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return True
