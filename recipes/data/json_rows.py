"""Questions from JSON: the official PAQA JSONL, and AVQA (Yang et al. 2022).

Such files know no splits: a tenth of the clips, by hash, is ``test``, the rest ``train``.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from paqa_builder.errors import ConfigError
from recipes.config import Data

log = logging.getLogger(__name__)

_CHOICE = re.compile(r"\(([a-h])\)\s*(.*?)\s*(?=\([a-h]\)|$)", re.DOTALL)
_RESPONSE = re.compile(r"(<RESPONSE>)(.*?)(</RESPONSE>)", re.DOTALL)
_LETTER = re.compile(r"(?:answer|option|choice)\b[^.\n]*?\(?\b([A-Ha-h])\b\)?\s*[.\"”)]*\s*$")
_SUFFIXES = ("", ".wav", ".flac", ".mp3", ".m4a", ".mp4", ".ogg")


def read(data: Data, split: str) -> Iterator[dict[str, Any]]:
    """The fields of each row of a split.

    Raises:
        ConfigError: The file cannot be read, is no JSON, or has other fields than expected.
    """
    assert data.path is not None
    path = Path(data.path)
    items = list(_items(path))
    if not items:
        raise ConfigError(f"{path}: holds no questions")
    unclear = 0
    for number, item in enumerate(items, 1):
        try:
            fields = _avqa(item) if _is_avqa(data, item) else _paqa(item)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ConfigError(
                f"{path}: question {number} has not the fields of PAQA (instruction, output, audios) or "
                f"AVQA (video_name, question_text, multi_choice, answer): {error!r}"
            ) from error
        if fields is None:
            unclear += 1
        elif _split(fields["clip_id"]) == split:
            fields["audio"] = _find(data.audio_root or path.parent, fields["audio"])
            yield fields
    if unclear:
        log.warning("%s: left out %d questions whose right choice is not clear", path, unclear)


def _items(path: Path) -> Iterator[dict[str, Any]]:
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error})") from error
    if text.lstrip().startswith("["):
        try:
            yield from json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path}: not valid JSON: {error}") from error
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise ConfigError(f"{path}, line {number}: not valid JSON: {error}") from error


def _is_avqa(data: Data, item: dict[str, Any]) -> bool:
    return data.format == "avqa" or (data.format == "auto" and "question_text" in item)


def _paqa(item: dict[str, Any]) -> dict[str, Any] | None:
    """A row of the released PAQA: choices stand in the question, the answer in the RESPONSE."""
    question, _, options = item["instruction"].removeprefix("<audio>").partition("(a)")
    choices = {letter: text.rstrip(". ") for letter, text in _CHOICE.findall("(a)" + options)}
    response = _RESPONSE.search(item["output"])
    answer = _answer(response[2].strip(), choices) if response and len(choices) > 1 else None
    if response is None or answer is None:
        return None
    path = item["audios"][0]
    return {
        "id": str(item["id"]),
        "clip_id": PurePosixPath(path).stem,
        "audio": path,
        "question": question.strip(),
        "choices": tuple(choices.values()),
        "answer": answer,
        "trace": _RESPONSE.sub(lambda m: f"{m[1]}{answer}{m[3]}", item["output"].strip()),
    }


def _answer(response: str, choices: dict[str, str]) -> str | None:
    """The choice that a RESPONSE settles on: by its letter at the end, or the only one it names."""
    letter = _LETTER.search(response)
    if letter and letter[1].lower() in choices:
        return choices[letter[1].lower()]
    said = [text for text in choices.values() if text.lower() in response.lower()]
    return said[0] if len(said) == 1 else None


def _avqa(item: dict[str, Any]) -> dict[str, Any]:
    """A row of AVQA. Its questions speak of a video; here there is only its sound."""
    choices = tuple(str(choice) for choice in item["multi_choice"])
    return {
        "id": str(item["id"]),
        "clip_id": str(item["video_name"]),
        "audio": str(item["video_name"]),
        "question": re.sub(r"\bvideo\b", "audio", item["question_text"]),
        "choices": choices,
        "answer": choices[int(item["answer"])],
        "skill": str(item.get("question_type") or ""),
        "level": str(item.get("question_relation") or ""),
    }


def _split(clip: str) -> str:
    return "test" if hashlib.sha256(clip.encode()).digest()[0] % 10 == 0 else "train"


def _find(root: Path, name: str) -> str:
    """Where a file lies below the root; the name as it is where there is none, to be told when read."""
    for candidate in (Path(name), root / name, root / PurePosixPath(name).name):
        for suffix in _SUFFIXES:
            path = candidate.with_name(candidate.name + suffix)
            if path.is_file():
                return str(path)
    return name
