"""Parsers of question formats: one for each, used by ``paqa check``, training and benchmarks.

========== ========================================================================================
format     recognised by
========== ========================================================================================
shards     the columns of ``paqa build``
paqa       ``instruction`` with choices ``(a) … (b) …`` in it, ``output`` with a trace, ``audios``
avqa       ``question_text``, ``multi_choice``, ``answer`` (index from 0), ``video_name``
mmau       ``question``, ``choices``, ``answer`` (text), ``audio_id``
audiomcq   ``question``, ``choices``, ``answer`` (text), ``audio_path``, ``source_dataset``
mmar       the same without ``source_dataset``
generic    ``question``, ``choices``, and ``answer`` (text, letter or index) or ``answer_index``
========== ========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from paqa_builder.formats.item import Broken, Item
from paqa_builder.untrusted.json_files import NotJson

_LETTER = re.compile(r"\(([a-h])\)\s*")
# A letter stated as the answer: "the answer is (c)", "making the answer C", at the end of a text also
# "the most likely setting is B". "a" and "A word" are articles, not letters.
_GIVEN = re.compile(
    r"\b(?:answer|option|choice)\b(?:\s+is)?:?\s*[*'\"“]*(?:\(([A-Ha-h])\)|([A-H])\b(?!\s+[a-z]))"
    r"|\bis:?\s+[*'\"“]*(?:\(([A-Ha-h])\)|([A-H])\b)[\s.\"”*)]*$"
)
_ALONE = re.compile(r"\(?([A-Ha-h])\)?[\s.:]*")
_ANSWER_TAG = re.compile(r"<(/?)(FINAL_ANSWER|RESPONSE)>")
# Limits of a row. Searches take time that grows with some of them, and no question needs more.
_MOST_CHOICES, _LONGEST, _LONGEST_TRACE = 100, 20_000, 500_000
_LONGEST_ANSWER, _LONGEST_NAMED = 10_000, 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """An element of a trace that holds an answer, and its place in the trace."""

    tag: str
    text: str
    start: int
    end: int


def answers_of(trace: str) -> list[Answer]:
    """The elements of a trace that hold an answer, in order, each without another one of its tag inside."""
    found, opened, end = [], {}, 0
    tags = list(_ANSWER_TAG.finditer(trace))
    for tag in tags:
        if not tag[1]:
            opened[tag[2]] = tag
        elif start := opened.pop(tag[2], None):
            found.append(Answer(tag[2], trace[start.end() : tag.start()], start.start(), tag.end()))
    kept = []
    for answer in sorted(found, key=lambda answer: answer.start):
        if answer.start >= end:
            kept.append(answer)
            end = answer.end
    return kept


@dataclass(frozen=True, slots=True)
class Format:
    """A question format.

    Attributes:
        fields: Fields that a row of it has.
        reader: Reads a row; the second argument is the id of a row without one. Raises KeyError for a
            missing field, TypeError or ValueError for a malformed one.
    """

    name: str
    fields: tuple[str, ...]
    reader: Callable[[dict[str, Any], str], Item]

    def parse(self, row: Any, where: str) -> Item | Broken:
        """Reads one row.

        Args:
            row: The decoded row, or why it could not be decoded.
            where: Position of the row in its file.
        """
        if isinstance(row, NotJson):
            return Broken(where, row.why)
        if not isinstance(row, dict):
            return Broken(where, f"a {type(row).__name__}, not an object")
        try:
            return _bounded(self.reader(row, where))
        except KeyError as error:
            missing = [name for name in self.fields if name not in row] or [str(error.args[0])]
            return Broken(where, f"lacks {', '.join(missing)}")
        except (TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
            return Broken(where, str(error) or type(error).__name__)


def format_of(fields: Iterable[str]) -> Format | None:
    """The first format whose fields are all present; None if there is none."""
    names = set(fields)
    return next((known for known in FORMATS.values() if names.issuperset(known.fields)), None)


def answer_in(text: str, choices: tuple[str, ...]) -> int | None:
    """Index of the choice that a free-text answer names; None if it names no single choice.

    The rules, in order: the text is a choice; it is a letter; the last letter given as the answer ("the
    answer is C"); the only letter in parentheses; the only choice whose words occur in it.

    Example:
        >>> answer_in("Most likely a park, so the answer is B.", ("a street", "a park"))
        1
    """
    text = text.strip()
    if len(text) > _LONGEST_ANSWER:
        return None
    same = [n for n, choice in enumerate(choices) if _bare(choice) == _bare(text)]
    if same:
        return same[0]
    letter = _ALONE.fullmatch(text)
    given = [letter[1]] if letter else ["".join(groups) for groups in _GIVEN.findall(text)][-1:]
    if not given and len(marks := set(_LETTER.findall(text))) == 1:
        given = [*marks]
    if given:
        return _index(None, given[0], choices)
    folded = text.casefold()
    named = [
        n
        for n, choice in enumerate(choices)
        if len(choice) <= _LONGEST_NAMED
        and choice.casefold() in folded
        and re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", text, re.I)
    ]
    return named[0] if len(named) == 1 else None


def _paqa(row: dict[str, Any], where: str) -> Item:
    """A row of PAQA: the choices are in the instruction, the answer is in RESPONSE or FINAL_ANSWER.

    Some instructions have two questions with markup between them; the last one is read. A trace with
    different answers has none, because it repeats a prompt with its examples.
    """
    text = _text(row["instruction"]).replace("<audio>", "").rpartition("<question>")[2].strip()
    question, first, options = text.rpartition("(a)")
    if not first:
        raise ValueError("the instruction has no choices (a), (b) …")
    parts = _LETTER.split(first + options)[1:]
    choices = _choices([choice.strip().rstrip(". ") for choice in parts[1::2]])
    answers = dict.fromkeys(("RESPONSE", "FINAL_ANSWER"), frozenset[int | None]())
    output = _trace(row["output"]) or ""
    for answer in answers_of(output):
        answers[answer.tag] |= {answer_in(answer.text, choices)}
    settled = answers["FINAL_ANSWER"] or answers["RESPONSE"]
    audios = row.get("audios") or ()
    audio = audios if isinstance(audios, str) else next(iter(audios), None)
    audio = audio if isinstance(audio, str) and audio.strip() else None
    name = _name(row, where)
    return Item(
        id=name, question=_text(question.strip()), choices=choices,
        answer=next(iter(settled)) if len(settled) == 1 else None,
        trace=output, audio=audio, clip=audio or name,
    )  # fmt: skip


def _avqa(row: dict[str, Any], where: str) -> Item:
    choices = _choices(row["multi_choice"])
    clip, kind = str(row["video_name"]), str(row.get("question_type") or "")
    audio = clip if row["video_name"] is not None and clip.strip() else None
    place = int(row["answer"]) if isinstance(row["answer"], str) else row["answer"]
    return Item(
        id=_name(row, where), question=_text(row["question_text"]), choices=choices,
        answer=_place(place, len(choices)), clip=clip, audio=audio,
        recording=str(row.get("video_id", "")), template=kind, skill=kind,
        level=str(row.get("question_relation") or ""), split=str(row.get("split") or ""),
    )  # fmt: skip


def _audiomcq(row: dict[str, Any], where: str) -> Item:
    """A row of AudioMCQ. Its chains of thought are no traces, unless they have our elements."""
    thought = row.get("structured_cot")
    trace = thought if isinstance(thought, str) and answers_of(thought) else None
    return _plain({"skill": row.get("question_type"), **row, "trace": trace}, where)


def _plain(row: dict[str, Any], where: str) -> Item:
    audio = row.get("audio_path") or row.get("audio_id") or row.get("audio")
    audio = audio if isinstance(audio, str) and audio.strip() else None
    speakers = row.get("speakers") or row.get("speaker") or ()
    index, name = row.get("answer_index"), _name(row, where)

    def first(*names: str) -> str:
        return str(next((row[name] for name in names if row.get(name)), ""))

    return Item(
        id=name, question=_text(row["question"]), choices=_choices(row["choices"]),
        answer=_index(index, row["answer"] if index is None else row.get("answer"), row["choices"]),
        clip=first("clip_id", "clip") or audio or name, template=first("template", "category"),
        skill=first("skill", "task", "modality"), level=first("level"),
        trace=_trace(row.get("trace") or row.get("output")), audio=audio,
        recording=first("recording", "source_url", "url"),
        speakers=(speakers,) if isinstance(speakers, str) else tuple(map(str, speakers)),
        split=first("split"),
    )  # fmt: skip


def _index(index: Any, answer: Any, choices: Any) -> int | None:
    """Index of the right choice; None if there is no such choice, or if the arguments contradict each other.

    Args:
        index: The row's index of the choice, from 0 or as a letter; None if it has none.
        answer: The row's answer: text, letter or index; None if it has none.
    """
    texts = [str(choice).strip() for choice in choices]
    if index is not None:
        place = _place(index, len(texts))
        if place is None or answer is None or str(answer).strip() == texts[place]:
            return place
        return place if str(answer).strip() not in texts and _place(answer, len(texts)) == place else None
    if answer in choices:
        return list(choices).index(answer)
    if isinstance(answer, str) and answer.strip() in texts:
        return texts.index(answer.strip())
    return _place(answer, len(texts))


def _place(value: Any, count: int) -> int | None:
    if isinstance(value, str):
        letter = value.strip("() .").upper()
        value = ord(letter) - ord("A") if len(letter) == 1 and letter.isalpha() else -1
    if isinstance(value, bool) or not isinstance(value, int | float) or value not in range(count):
        return None
    return int(value)


def _bare(text: str) -> str:
    return text.strip().rstrip(". ").casefold()


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("the question is empty")
    return value


def _choices(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise ValueError("the choices are not a list")
    if len(values) > _MOST_CHOICES:
        raise ValueError(f"has {len(values)} choices, more than {_MOST_CHOICES}")
    for n, value in enumerate(values, 1):
        if not isinstance(value, str):
            raise TypeError(f"choice {n} is not a text ({type(value).__name__})")
    return tuple(values)


def _trace(value: Any) -> str | None:
    if not isinstance(value, str | None):
        raise TypeError(f"the trace is not a text ({type(value).__name__})")
    return value


def _name(row: dict[str, Any], where: str) -> str:
    return where if row.get("id") is None else str(row["id"])


def _bounded(item: Item) -> Item:
    longest = max(map(len, (item.id, item.question, item.clip, *item.choices)))
    if longest > _LONGEST:
        raise ValueError(f"has a text of {longest} characters, more than {_LONGEST}")
    if not isinstance(item.trace, str | None) or not isinstance(item.audio, str | None):
        raise TypeError("the trace or the name of the audio is not a text")
    if item.trace is not None and len(item.trace) > _LONGEST_TRACE:
        raise ValueError(f"has a trace of {len(item.trace)} characters, more than {_LONGEST_TRACE}")
    return item


FORMATS = {
    known.name: known
    for known in (
        Format("paqa", ("instruction", "output"), _paqa),
        Format("avqa", ("question_text", "multi_choice"), _avqa),
        Format("shards", ("question", "choices", "answer_index", "trace", "clip_id"), _plain),
        Format("mmau", ("audio_id", "question", "choices", "answer"), _plain),
        Format("audiomcq", ("source_dataset", "audio_path", "question", "choices", "answer"), _audiomcq),
        Format("mmar", ("audio_path", "question", "choices", "answer"), _plain),
        Format("generic", ("question", "choices"), _plain),
    )
}
