"""Errors that tell the user what happened, to which clip, and the command that mends it.

Every error that a user can cause or mend is a :class:`PaqaError`; the command line prints it
without a traceback and exits with its ``exit_code``. Anything else is a bug (exit code 1).
"""

from __future__ import annotations


class ExitCode:
    """Exit codes of every ``paqa`` command."""

    DONE = 0
    BUG = 1
    USAGE = 2
    SOME_FAILED = 3
    NOT_READY = 4
    INTERRUPTED = 130


class PaqaError(Exception):
    """Something a user can mend.

    Args:
        message: What happened, and to what.
        mend: The command or the change that mends it, if there is one.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  → {self.fix}" if self.fix else self.message

    def __reduce__(self) -> tuple:
        # Exceptions cross process boundaries; the default would lose the keyword argument.
        return (_rebuild, (type(self), self.message, self.fix))


def _rebuild(cls: type[PaqaError], message: str, fix: str | None) -> PaqaError:
    return cls(message, fix=fix)


class ConfigError(PaqaError):
    """A flag, an environment variable, a configuration file or a template is wrong."""


class SourceError(PaqaError):
    """A corpus cannot be listed: a folder, CSV or column is missing or malformed."""


class NotReadyError(PaqaError):
    """The environment lacks a package, a model, disk space or a login."""

    exit_code = ExitCode.NOT_READY


class AudioError(PaqaError):
    """One clip's audio cannot be used. Becomes an error row, never stops a build."""
