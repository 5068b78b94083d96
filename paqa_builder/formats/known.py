"""The formats: how each writes a question down.

========== ========================================================================================
format     known by
========== ========================================================================================
shards     our columns
paqa       ``instruction`` with choices ``(a) … (b) …`` in it, ``output`` with a trace, ``audios``
avqa       ``question_text``, ``multi_choice``, ``answer`` (a place from 0), ``video_name``
mmau       ``question``, ``choices``, ``answer`` (text), ``audio_id``
mmar       the same with ``audio_path``
generic    ``question``, ``choices``, and ``answer`` (text, letter or place) or ``answer_index``
========== ========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from paqa_builder.formats.item import Item

Reader = Callable[[dict[str, Any], str], Item]
"""Reads a row; the second argument is its place in the file, for want of an id.

Raises KeyError for a field that is not there, TypeError or ValueError for one that is malformed.
"""
_LETTER = re.compile(r"\(([a-h])\)\s*")
_SAID = re.compile(r"answer is:?\s*[*'\"“]*\(?([A-Ha-h])\)?\b")
_RESPONSE = re.compile(r"<RESPONSE>(.*?)</RESPONSE>", re.S)
_FINAL = re.compile(r"<FINAL_ANSWER>(.*?)</FINAL_ANSWER>", re.S)


def reader_for(fields: Iterable[str]) -> tuple[str, Reader] | None:
    """The format that rows with these fields are in, by name, and its reader."""
    have = set(fields)
    known: tuple[tuple[str, set[str], Reader], ...] = (
        ("paqa", {"instruction", "output"}, _paqa),
        ("avqa", {"question_text", "multi_choice"}, _avqa),
        ("shards", {"question", "choices", "answer_index", "trace", "clip_id"}, _own),
        ("mmau", {"question", "choices", "answer", "audio_id"}, _plain),
        ("mmar", {"question", "choices", "answer", "audio_path"}, _plain),
        ("generic", {"question", "choices"}, _plain),
    )
    return next(((name, reader) for name, needs, reader in known if needs <= have), None)


def _own(row: dict[str, Any], where: str) -> Item:
    return Item(
        id=row["id"], question=_text(row["question"]), choices=_choices(row["choices"]),
        answer=_place(row["answer_index"], row["answer"], row["choices"]), trace=row["trace"],
        clip=row["clip_id"], recording=row.get("source_url") or "", split=row["split"],
        template=row["template"],
    )  # fmt: skip


def _plain(row: dict[str, Any], where: str) -> Item:
    choices = _choices(row["choices"])
    audio = row.get("audio_path") or row.get("audio_id") or row.get("audio")
    audio = audio if isinstance(audio, str) else None
    speakers = row.get("speakers") or row.get("speaker") or ()
    index = row.get("answer_index")
    return Item(
        id=str(row.get("id", where)), question=_text(row["question"]), choices=choices,
        answer=_place(index, row["answer"] if index is None else row.get("answer"), row["choices"]),
        trace=row.get("trace") or row.get("output"), audio=audio,
        clip=str(row.get("clip_id") or row.get("clip") or audio or row.get("id", where)),
        recording=str(row.get("recording") or row.get("source_url") or row.get("url") or ""),
        speakers=(speakers,) if isinstance(speakers, str) else tuple(map(str, speakers)),
        split=str(row.get("split") or ""), template=str(row.get("template") or row.get("category") or ""),
    )  # fmt: skip


def _avqa(row: dict[str, Any], where: str) -> Item:
    choices = _choices(row["multi_choice"])
    clip = str(row["video_name"])
    return Item(
        id=str(row["id"]), question=_text(row["question_text"]), choices=choices,
        answer=_place(int(row["answer"]), None, choices), clip=clip, recording=str(row.get("video_id", "")),
        template=str(row.get("question_type", "")), split=str(row.get("split") or ""),
    )  # fmt: skip


def _paqa(row: dict[str, Any], where: str) -> Item:
    text = row["instruction"].replace("<audio>", "").strip()
    marks = list(_LETTER.finditer(text))
    begins = [n for n, mark in enumerate(marks) if mark[1] == "a"]
    if not begins:
        raise ValueError("the instruction has no choices (a), (b) …")
    marks = marks[begins[-1] :]
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    choices = tuple(text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True))
    audios = row.get("audios") or ()
    audio = audios[0] if audios else None
    return Item(
        id=str(row.get("id", where)), question=text[: marks[0].start()].strip(), choices=choices,
        answer=_said(row["output"], choices), trace=row["output"], audio=audio,
        clip=audio or str(row.get("id", where)),
    )  # fmt: skip


def _said(output: str, choices: tuple[str, ...]) -> int | None:
    """Which choice a trace ends on: by its letter, else by its text."""
    found = _FINAL.search(output) or _RESPONSE.search(output)
    if not found:
        return None
    letters = _SAID.findall(found[1])
    if letters:
        return _place(letters[-1], None, choices)
    return _place(None, found[1].strip().rstrip("."), choices)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("the question is empty")
    return value


def _choices(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list | tuple):
        raise ValueError("choices are no list")
    return tuple(map(str, values))


def _place(index: Any, answer: Any, choices: Any) -> int | None:
    """Where the right choice is, by place (from 0), text, or letter; None if there is no such."""
    if answer is not None and answer in choices:
        at = list(choices).index(answer)
        return at if index is None or choices[int(index)] == answer else None
    if isinstance(answer, str) and (stripped := [str(choice).strip() for choice in choices]):
        if answer.strip() in stripped:
            return stripped.index(answer.strip()) if index is None else int(index)
        if index is not None:
            return None  # the two contradict each other
    index = answer if index is None else index
    if isinstance(index, str):
        letter = index.strip("() .").upper()
        index = ord(letter) - ord("A") if len(letter) == 1 and letter.isalpha() else -1
    return int(index) if index is not None and 0 <= int(index) < len(choices) else None
