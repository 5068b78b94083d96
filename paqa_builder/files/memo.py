"""Remembered results: what follows from the state of the work folder and takes long to compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paqa_builder.errors import NotReadyError
from paqa_builder.files import state


class Memo:
    """One value with its key, in a file with a checksum; another key replaces it.

    Args:
        file: A file of the work folder.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def get(self, key: Any) -> Any:
        """The value that was kept under ``key``, a JSON value; None without one."""
        content = state.read(self._file)
        return content["value"] if isinstance(content, dict) and content.get("key") == key else None

    def put(self, key: Any, value: Any) -> None:
        """Keeps a JSON value. It can be computed again, so a full or read-only disk is no error."""
        try:
            state.write(self._file, {"key": key, "value": value})
        except NotReadyError:
            return
