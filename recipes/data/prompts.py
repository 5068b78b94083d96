"""What a model is asked, and what stage I teaches it to say."""

from __future__ import annotations

import dataclasses
import re
from typing import Literal

from paqa_builder.errors import ConfigError
from paqa_builder.questions.traces import grammar
from recipes.data.rows import Row

NOTHING = "none"
_NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LINE = re.compile(r"^- (.+?)(?: \(possibly\))?: (.+)$", re.MULTILINE)
_TIME = re.compile(r"\d+(?:\.\d+)?")
_START = re.compile(r"from (\d+(?:\.\d+)?) s")
_QUOTE = re.compile(r"[“\"](.*)[”\"]")


def prompt(row: Row) -> str:
    """The question and its choices.

    Nothing of the answer, the trace or the scene: what a model may use, it has to hear.
    """
    return "\n".join([row.question, *(f"- {choice}" for choice in row.choices)])


def target(row: Row, style: Literal["full", "terse"] = "full") -> str:
    """What stage I teaches: the row's trace.

    Args:
        style: ``full`` is the trace as it is. ``terse`` has every element of the grammar with a word
            or two in it, for models too small for sentences.

    Raises:
        ConfigError: The row has no trace.
    """
    if not row.trace:
        raise ConfigError(
            f"question {row.id}: has no trace to learn from", fix="leave such rows to stage II or evaluation"
        )
    return terse(row) if style == "terse" else row.trace


def terse(row: Row) -> str:
    """The trace in a word or two an element.

    PLANNING says what is asked for, by its template's name, ENV names the sounds in the order in which
    they begin, SPEAKER counts the voices, ASR holds the words without who and when, DESCRIPTION counts
    the kinds of sound and tells what sets in after what (:func:`timeline`). So a small model learns to
    count from every row, not from those alone that ask for it; REASONING cites the count that is asked
    for, under its name, because a bare number is copied from the wrong one. A trace that is not in the
    grammar is left as it is.
    """
    try:
        full = grammar.parse(row.trace)
    except grammar.TraceError:
        return row.trace
    sounds = sounds_of(full.env)
    voices, together = voices_of(full.speaker)
    voiced, sounded = f"voices: {_number(voices)}", f"sounds: {_number(len(sounds))}"
    order = ", ".join(timeline(full.env, full.speaker))
    words = [match[1] for _, text in _LINE.findall(full.asr) if (match := _QUOTE.search(text))]
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
    """The sounds that an ENV of our own traces names as heard, in the order in which they begin."""
    lines = [(name, text) for name, text in _LINE.findall(env) if not text.startswith("possibly")]
    return [name for name, _ in sorted(lines, key=lambda line: _first_time(line[1]))]


def timeline(env: str, speaker: str) -> list[str]:
    """What an ENV and a SPEAKER of our own traces hear set in, in order: ``["rain", "first", "rain"]``.

    Sounds as often as they sound, speakers by their number. What has no times is left out.
    """
    heard = [(name, text) for name, text in _LINE.findall(env) if not text.startswith("possibly")]
    spoken = [(name, text) for name, text in _LINE.findall(speaker) if name.endswith(" speaker")]
    starts = [
        (float(start), name.removesuffix(" speaker"))
        for name, text in heard + spoken
        for start in _START.findall(text)
    ]
    return [name for _, name in sorted(starts)]


def voices_of(speaker: str) -> tuple[int, bool]:
    """How many people a SPEAKER of our own traces lists, and whether some speak at once."""
    names = [name for name, _ in _LINE.findall(speaker)]
    return len(names), any(line.startswith("- voices overlap") for line in speaker.splitlines())


def _number(count: int) -> str:
    return _NUMBERS[min(count, len(_NUMBERS) - 1)]


def _first_time(text: str) -> float:
    found = _TIME.search(text)
    return float(found[0]) if found else 0.0
