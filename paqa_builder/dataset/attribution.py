"""``ATTRIBUTION.md``: author, page and licence of every clip, as the licences ask for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

from paqa_builder import licenses
from paqa_builder.records import Clip
from paqa_builder.text.markdown import plain

_IN_MEMORY = 1 << 20
_HEAD = """\
# Attribution

The rights to the audio of this data set belong to its authors. They are listed here by licence. The
configuration `nc` holds the questions about clips whose licence is known and asks for more than attribution.
"""


class Attribution:
    """Collects the clips of a data set by licence, in memory that does not grow with their number."""

    def __init__(self) -> None:
        self._lines: dict[str, IO[bytes]] = {}
        self._counts: dict[str, int] = {}

    def close(self) -> None:
        """Frees the memory and the temporary files."""
        for file in self._lines.values():
            file.close()

    def add(self, clip: Clip) -> None:
        """Adds one clip."""
        name = clip.license or licenses.UNKNOWN
        if name not in self._lines:
            self._lines[name] = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - see close
            self._counts[name] = 0
        self._counts[name] += 1
        author = plain(clip.attribution) or "author not stated"
        page = f" (<{clip.source_url}>)" if _is_address(clip.source_url) else ""
        self._lines[name].write(f"- `{_code(clip.id)}`: {author}{page}\n".encode())

    def text(self) -> Iterator[bytes]:
        """The document in blocks: by licence, open licences first."""
        yield _HEAD.encode()
        for name in sorted(self._lines, key=lambda name: (not licenses.is_open(name), name)):
            heading = "Licence unknown" if name == licenses.UNKNOWN else plain(name)
            address = f"{plain(licenses.url(name))}\n\n" if licenses.url(name) not in ("", name) else ""
            configuration = "nc" if licenses.is_restricted(name) else "default"
            clips = "1 clip" if self._counts[name] == 1 else f"{self._counts[name]} clips"
            head = f"\n## {heading}\n\n{address}{clips}, configuration `{configuration}`.\n\n"
            yield head.encode()
            self._lines[name].seek(0)
            while block := self._lines[name].read(_IN_MEMORY):
                yield block


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://")) and not set(text) & set("<> \n\r\t`\"'")


def _code(text: str) -> str:
    return " ".join(text.replace("`", "'").split())
