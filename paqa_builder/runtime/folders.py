"""The folders of downloaded files: ``PAQA_CACHE`` for models, ``PAQA_DATA`` for corpora."""

from __future__ import annotations

import os
from pathlib import Path

CACHE, DATA = "PAQA_CACHE", "PAQA_DATA"


def cache_dir() -> Path:
    """The folder of joined and downloaded weights: ``$PAQA_CACHE``, or the user's cache folder."""
    if own := os.environ.get(CACHE):
        return Path(own).expanduser()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base).expanduser() / "paqa"
    return Path.home() / ".cache" / "paqa"


def data_dir() -> Path:
    """The folder of downloaded corpora: ``$PAQA_DATA``, or ``data`` below :func:`cache_dir`."""
    own = os.environ.get(DATA)
    return Path(own).expanduser() if own else cache_dir() / "data"
