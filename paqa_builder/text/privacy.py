"""Removal of secrets and of this machine's paths from texts.

Servers repeat keys in their errors, addresses hold passwords, and messages of libraries name files by their
absolute path. :class:`~paqa_builder.errors.PaqaError` and failure rows pass their messages through these
functions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

MASK = "…"
_SHORTEST = 6  # a shorter value of a variable is a word, not a key
_NAME = r"(?:api[-_ ]?key|auth(?:orization)?|token|secret|password|passwd|pwd|signature|sig|credentials?)"
_VALUE = r"[^\s\"'&,;<>\\]"
_SECRETS = (
    re.compile(r"([a-z][a-z0-9+.-]*://)(?=[^\s/]*[:@])[^\s\"'<>]*(?=@)", re.I),
    re.compile(rf"(\b(?:bearer|basic)\s+){_VALUE}{{4,}}", re.I),
    re.compile(rf"({_NAME}[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?){_VALUE}{{3,}}", re.I),
    re.compile(
        r"()\b(?:(?:sk|pk|rk)[-_][\w-]{8,}|hf_\w{8,}|gh[opsur]_\w{10,}|glpat-[\w-]{8,}|AKIA\w{12,}"
        r"|AIza[\w-]{20,}|eyJ[\w-]{8,}\.[\w.-]+)"
    ),
)
_SECRET_OPTION = re.compile(r"(?:api[-_]?key|token|secret|password|passwd|pwd|credentials?)$", re.I)
_SECRET_VARIABLE = re.compile(r"(?:key|token|secret|password|passwd|pwd|credentials?)$", re.I)
_FOLDER_VARIABLES = ("PWD", "OLDPWD")  # of the shell: the working directory, no password
_HOME = re.compile(r"(?:/(?:home|Users)/|[A-Za-z]:\\+Users\\+)[^\s/\\:'\"]+")
_FOLDERS = re.compile(
    r"(?<![\w.~:/<\\-])(?:file://)?(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\:'\"<>|]+[/\\]+)*(?=[^\s/\\])"
)
_known: set[str] = set()


def keep_secret(value: str) -> None:
    """Makes :func:`redact` remove a value wherever it occurs."""
    if len(value) >= _SHORTEST:
        _known.add(value)


def redact(text: str) -> str:
    """A text without passwords in addresses, keys, tokens, and values of variables such as ``HF_TOKEN``.

    Example:
        >>> redact("https://me:pw@host/v1 refuses Bearer abcdef")
        'https://…@host/v1 refuses Bearer …'
    """
    for value in sorted(_known | _values_of_variables(), key=len, reverse=True):
        text = text.replace(value, MASK)
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<1>{MASK}", text)
    return text


def portable(text: str, *folders: str | os.PathLike[str]) -> str:
    """A text in which files are named without their folders, so that it names no machine and no user.

    Args:
        folders: Folders to remove, with or without spaces in their names; home and working directory are
            always removed.

    Example:
        >>> portable("cannot open '/home/me/audio/a.wav'")
        "cannot open 'a.wav'"
    """
    places = {os.path.abspath(folder) for folder in (*folders, Path.cwd(), os.path.expanduser("~"))}
    for place in sorted(places - {os.sep}, key=len, reverse=True):
        text = text.replace(place + os.sep, "").replace(place, MASK)
    return _FOLDERS.sub("", _HOME.sub("/~", text))


def published(value: Any, *folders: str | os.PathLike[str]) -> Any:
    """JSON data without secrets and without absolute paths, for files that are published."""
    if isinstance(value, str):
        if Path(value).is_absolute() or PureWindowsPath(value).is_absolute():
            return PureWindowsPath(value).name
        return portable(redact(value), *folders)
    if isinstance(value, Mapping):
        return {
            key: MASK if _is_secret(key, item) else published(item, *folders) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [published(item, *folders) for item in value]
    return value


def _is_secret(name: object, value: Any) -> bool:
    return bool(value) and isinstance(value, str) and bool(_SECRET_OPTION.search(str(name)))


def _values_of_variables() -> set[str]:
    return {
        value
        for name, value in os.environ.items()
        if _SECRET_VARIABLE.search(name) and name not in _FOLDER_VARIABLES and len(value) >= _SHORTEST
    }
