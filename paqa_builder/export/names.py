"""File names of clips, which every file system accepts and keeps apart.

A name is the clip's id with other characters than letters, digits, ``_`` and ``-`` replaced by ``_``. It
holds no dot (webdataset ends a key there) and no white space (RTTM and CTM separate fields by it). An id that
shares its name with another one, also by case alone, that Windows reserves, or that is too long gets a hash
at its end.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_OTHER = re.compile(r"[^\w-]", re.UNICODE)
_HASHED = re.compile(r"-[0-9a-f]{10}$")
_LONGEST = 100  # bytes; file systems allow 255 with the suffixes
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
# Names that pandas, with which pyannote reads RTTM, takes for missing values.
_MISSING = {"na", "nan", "null", "none", "n/a", "<na>", "unknown"}


class Names:
    """The names of all clips of a data set.

    Args:
        ids: The ids of all its clips, so that a name does not depend on the clips that are exported.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._count = Counter(_folded(_plain(clip_id)) for clip_id in ids)

    def of(self, clip_id: str) -> str:
        """The name of a clip.

        Example:
            >>> Names(["a/b", "c"]).of("c"), Names(["a", "b/c"]).of("b/c")
            ('c', 'b_c')
        """
        plain = _plain(clip_id)
        if self._count[_folded(plain)] <= 1 and _usable(plain):
            return plain
        short = plain.encode()[: _LONGEST - 20].decode("utf-8", "ignore")
        return f"{short.lstrip('-') or 'clip'}-{hashlib.sha256(clip_id.encode()).hexdigest()[:10]}"


def tokens(texts: Iterable[str | None]) -> dict[str | None, str]:
    """A word without white space for each text. Different texts get different words; None is ``unknown``."""
    words: dict[str | None, str] = {}
    taken: set[str] = set()
    for text in dict.fromkeys(texts):
        base = word = re.sub(r"[\s\x00-\x1f\x7f-\x9f;\"]+", "_", text or "").strip("_") or "unknown"
        if base.casefold() in _MISSING and text is not None:
            base = word = f"{base}_"
        number = 1
        while word in taken:
            number += 1
            word = f"{base}_{number}"
        taken.add(word)
        words[text] = word
    return words


def _plain(clip_id: str) -> str:
    return _OTHER.sub("_", unicodedata.normalize("NFC", clip_id))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _usable(name: str) -> bool:
    reserved = name.casefold() in _RESERVED | _MISSING or name.startswith("-")
    return 0 < len(name.encode()) <= _LONGEST and not reserved and not _HASHED.search(name)
