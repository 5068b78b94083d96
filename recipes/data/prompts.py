"""Prompts, and targets of stage I."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from paqa_builder.errors import ConfigError
from paqa_builder.questions import wording
from paqa_builder.questions.traces import grammar
from recipes.data.rows import Row

NOTHING = "none"
NUMBERS = (NOTHING, *map(wording.number_word, range(1, 11)))
LINE = re.compile(r"^- (.+?)(?: \(possibly\))?: (.+)$", re.MULTILINE)
"""A line of ENV, SPEAKER or ASR: name, and text after the colon."""
_TIME = re.compile(r"\d+(?:\.\d+)?")
_START = re.compile(r"from (\d+(?:\.\d+)?) s")
_QUOTE = re.compile(r"[“\"](.*)[”\"]")


def prompt(row: Row) -> str:
    """The prompt of a row: its question and its choices, and nothing from the trace or the scene."""
    return "\n".join([row.question, *(f"- {choice}" for choice in row.choices)])


def target(row: Row, style: Literal["full", "terse"] = "full") -> str:
    """The target of stage I: the row's trace.

    Args:
        style: ``full`` is the trace itself. ``terse`` is a short form of it for models that are too small
            for sentences (:func:`terse`).

    Raises:
        ConfigError: The row has no trace.
    """
    if not row.trace:
        raise ConfigError(
            f"question {row.id}: has no trace to learn from", fix="leave such rows to stage II or evaluation"
        )
    return terse(row) if style == "terse" else row.trace


def terse(row: Row) -> str:
    """A short form of the row's trace, with all elements of the grammar.

    PLANNING is the name of the template. ENV lists the sounds by onset, SPEAKER counts the voices, ASR has
    the words alone. DESCRIPTION counts the kinds of sound and lists all onsets (:func:`timeline`), so that
    a small model learns to count from every row. REASONING cites a count together with its name, because
    small models copy a bare number from the wrong place. A trace outside the grammar is returned unchanged.
    """
    try:
        full = grammar.parse(row.trace)
    except grammar.TraceError:
        return row.trace
    sounds = sounds_of(full.env)
    voices, together = voices_of(full.speaker)
    voiced, sounded = f"voices: {_number(voices)}", f"sounds: {_number(len(sounds))}"
    order = ", ".join(timeline(full.env, full.speaker))
    words = [match[1] for _, text in LINE.findall(full.asr) if (match := _QUOTE.search(text))]
    cited = {"speaker_count": voiced, "event_count": sounded}.get(row.template or "", "")
    short = dataclasses.replace(
        full,
        planning=(row.template or row.skill or "listen").replace("_", " "),
        env=", ".join(sounds) or NOTHING,
        speaker=voiced + (", together" if together else ""),
        asr=" / ".join(words) or NOTHING,
        description=sounded + (f"; {order}" if order else ""),
        reasoning=cited if cited.endswith(f" {full.answer.casefold()}") else full.answer,
        summary="so",
    )
    return re.sub(r"\n(?=<)", "", grammar.write(short))


def sounds_of(env: str) -> list[str]:
    """The names in the ENV of a generated trace, by onset, without possible sounds."""
    return [name for name, _ in sorted(_events(env), key=lambda line: _first_time(line[1]))]


def timeline(env: str, speaker: str) -> list[str]:
    """All onsets in the ENV and SPEAKER of a generated trace, in order: ``["rain", "first", "rain"]``.

    A sound is listed once an occurrence, a speaker by ordinal. Lines without times are left out.
    """
    spoken = [(name, text) for name, text in LINE.findall(speaker) if name.endswith(" speaker")]
    starts = [
        (float(start), name.removesuffix(" speaker"))
        for name, text in _events(env) + spoken
        for start in _START.findall(text)
    ]
    return [name for _, name in sorted(starts)]


def voices_of(speaker: str) -> tuple[int, bool]:
    """The number of speakers in the SPEAKER of a generated trace, and whether voices overlap."""
    overlap = any(line.startswith("- voices overlap") for line in speaker.splitlines())
    return len(LINE.findall(speaker)), overlap


def _events(env: str) -> list[tuple[str, str]]:
    return [(name, text) for name, text in LINE.findall(env) if not text.startswith("possibly")]


def _number(count: int) -> str:
    return NUMBERS[min(count, 9)]


def _first_time(text: str) -> float:
    time = _TIME.search(text)
    return float(time[0]) if time else 0.0
