"""Errors that users can fix, exit codes, and suggestions for misspelt names.

An error states the problem, the clip or file that has it, and the command that fixes it. The command line
prints a :class:`PaqaError` without a traceback and exits with its ``exit_code``. Any other exception
is a bug (exit code 1).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from paqa_builder.text.privacy import redact


class ExitCode:
    """Exit codes of every ``paqa`` command."""

    DONE = 0
    BUG = 1
    USAGE = 2
    SOME_FAILED = 3
    NOT_READY = 4
    INTERRUPTED = 130


class PaqaError(Exception):
    """An error that a user can fix. Its texts hold no passwords and keys.

    Args:
        message: The problem, and the clip, file or setting that has it.
        fix: The command or the change that fixes it, if known.
        mend: Deprecated alias of ``fix``, for plugins.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, fix: str | None = None, mend: str | None = None) -> None:
        self.message = redact(message)
        self.fix = redact(fix or mend or "") or None
        super().__init__(self.message)

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.fix}" if self.fix else self.message

    def __reduce__(self) -> tuple:
        # Errors of worker processes are pickled; the default would lose the keyword argument.
        return (_rebuild, (type(self), self.message, self.fix))


def _rebuild(cls: type[PaqaError], message: str, fix: str | None) -> PaqaError:
    return cls(message, fix=fix)


class ConfigError(PaqaError):
    """A flag, an environment variable, a configuration file or a template is wrong."""


class SourceError(PaqaError):
    """A corpus cannot be listed: a folder, a file or a column is missing or malformed."""


class NotReadyError(PaqaError):
    """The environment lacks a package, a model, disk space or a login."""

    exit_code = ExitCode.NOT_READY


class DamagedError(PaqaError):
    """A file of a finished data set, or of a work folder, is damaged or was not written by paqa."""

    exit_code = ExitCode.SOME_FAILED


class AudioError(PaqaError):
    """The audio of one clip cannot be used. It becomes a failure of that clip and never stops a build."""


class ClipChangedError(AudioError):
    """A clip was changed or deleted during the build. The next build processes it again."""


class ClipTooLongError(AudioError):
    """A clip is longer than the setting ``max_clip_seconds``."""


def suggest(name: str, names: Iterable[str]) -> str:
    """The end of an error message that suggests the most similar name; empty if none is similar.

    Example:
        >>> suggest("foldr", ["folder", "mix"])
        " Did you mean 'folder'?"
        >>> suggest("xyz", ["folder", "mix"])
        ''
    """
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def itemize(problems: Sequence[str], most: int = 5) -> str:
    """The end of an error message: a line for each of the first problems, and the number of the others.

    Example:
        >>> itemize(["a", "b", "c"], most=2)
        '\\n  a\\n  b\\n  and 1 more'
    """
    shown = "".join(f"\n  {problem}" for problem in problems[:most])
    return shown + (f"\n  and {len(problems) - most} more" if len(problems) > most else "")
