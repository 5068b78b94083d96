"""``PAQA_*`` variables that are no setting, and ``~`` in paths.

A shell expands ``~`` only at the beginning of a word, so ``--root=~/audio``, a YAML file and a variable in
quotes pass it on as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from paqa_builder.errors import ConfigError, suggest

PREFIX = "PAQA_"
OTHER = ("PAQA_CACHE", "PAQA_DATA", "PAQA_MIRROR", "PAQA_TESTDATA")
"""Variables with the prefix that are no settings of a build."""


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path whose ``~`` or ``~user`` is the home folder; unchanged where there is no such user."""
    return Path(os.path.expanduser(path))


UserPath = Annotated[Path, AfterValidator(expanded)]
"""Type of a setting that is a path."""

UserPathText = Annotated[str, AfterValidator(os.path.expanduser)]
"""Type of a setting that may be a path or another name."""


def check_variables(settings: Iterable[str], sections: Iterable[str]) -> None:
    """Checks the names of all ``PAQA_*`` variables of this process.

    Args:
        settings: Names of all settings.
        sections: Those of them that have keys of their own (``PAQA_LLM__URL``).

    Raises:
        ConfigError: A variable belongs to no setting; suggests a similar one.
    """
    sections = set(sections)
    names = {PREFIX + name.upper(): name for name in settings}
    for variable in sorted(os.environ):
        written = variable.upper()
        if not written.startswith(PREFIX) or written in OTHER:
            continue
        first, levels, rest = written.partition("__")
        if first in names and (not levels or (names[first] in sections and rest)):
            continue
        raise ConfigError(
            f"the environment variable {variable} is no setting.{_similar(written, names, sections)}",
            fix=f"unset {variable}, or correct its name: docs/configuration.md lists all",
        )


def _similar(written: str, names: dict[str, str], sections: set[str]) -> str:
    for section in sorted(sections):
        stem = f"{PREFIX}{section.upper()}_"
        if written.startswith(stem) and (rest := written.removeprefix(stem).strip("_")):
            return f" Did you mean {stem}_{rest!s}?"
    first, levels, rest = written.partition("__")
    hint = suggest(first, (*names, *OTHER))
    is_section = any(f"{name!r}?" in hint for name in names if names[name] in sections)
    return hint.replace("'?", f"{levels}{rest}'?") if is_section else hint
