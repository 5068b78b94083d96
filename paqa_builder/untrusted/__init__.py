"""JSON and YAML by others, read in bounded time and memory.

What exceeds a limit is an error: levels, values, digits, length of a line, size of a file, unpacked size of a
``.gz`` file, YAML aliases that multiply.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import yaml

FILE_BYTES = 128 << 20
LINE_BYTES = 16 << 20
YAML_BYTES = 1 << 20
LEVELS = 100
_VALUES = 6_000_000
_NODES = 200_000
_DIGITS = 100
_RATIO, _SMALL = 200, 64 << 20
"""A ``.gz`` file that unpacks to more than ``_SMALL`` bytes may grow by this factor; text grows by 20."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_UNUSABLE = re.compile("[\0\ud800-\udfff]")


def loads(text: str | bytes) -> Any:
    """Decodes JSON.

    Raises:
        ValueError: It is not JSON (a :class:`json.JSONDecodeError`), is nested too deeply, has too many
            values, a number of too many digits, or half of a character (a lone surrogate).
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    opened = text.count("[") + text.count("{")
    if opened + text.count(",") + text.count(":") > _VALUES:
        raise ValueError(f"has more than {_VALUES} values")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"has more than {LEVELS} levels") from None
    if opened > LEVELS and _too_deep(value):
        raise ValueError(f"has more than {LEVELS} levels")
    if _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()  # a UnicodeEncodeError is a ValueError
    return value


def read_json(path: Path) -> Any:
    """Decodes a JSON file, gzipped if its name ends in ``.gz``.

    Raises:
        ValueError: See :func:`loads`; or it is not UTF-8, or larger than :data:`FILE_BYTES`.
        OSError: It cannot be read.
    """
    data = bytearray()
    with _Unpacked(path) as file:
        while block := file.read(1 << 20):
            data += block
            if len(data) > FILE_BYTES:
                raise ValueError(f"is larger than {FILE_BYTES >> 20} MB; JSON lines may be of any size")
    return loads(bytes(data))


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file in UTF-8 that are not blank, with their numbers from 1.

    Raises:
        ValueError: A line is longer than :data:`LINE_BYTES`, or not UTF-8.
        OSError: It cannot be read.
    """
    for number, line in byte_lines(path):
        yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")


def byte_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """As :func:`lines`, without decoding. Lines end at ``\\n`` or ``\\r\\n`` and nowhere else."""
    number = 0
    with _Unpacked(path) as file:
        while line := file.readline(LINE_BYTES + 1):
            number += 1
            if len(line) > LINE_BYTES:
                raise ValueError(f"line {number} is longer than {LINE_BYTES >> 20} MB")
            if not line.isspace():
                yield number, line.rstrip(b"\r\n")


def starts_with(path: Path, text: str) -> bool:
    """True if the first character of a file that is not white space begins ``text``."""
    with _Unpacked(path) as file:
        while block := file.read(1 << 20):
            if start := block.removeprefix(b"\xef\xbb\xbf").lstrip():
                return start.startswith(text.encode())
    return False


class _Unpacked:
    """A binary file, gunzipped if its name ends in ``.gz``, up to a factor of its size."""

    def __init__(self, path: Path) -> None:
        self._packed = path.suffix == ".gz"
        self._most = max(_SMALL, _RATIO * path.stat().st_size) if self._packed else None
        self._file: IO[bytes] = _opened(path)
        self._count = 0

    def __enter__(self) -> _Unpacked:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int) -> bytes:
        return self._counted(self._file.read(size))

    def readline(self, size: int) -> bytes:
        return self._counted(self._file.readline(size))

    def _counted(self, data: bytes) -> bytes:
        self._count += len(data)
        if self._most is not None and self._count > self._most:
            raise ValueError(f"unpacks to more than {self._most >> 20} MB")
        return data


def _opened(path: Path) -> Any:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(LEVELS):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def load_yaml(text: str) -> Any:
    """Decodes YAML.

    Raises:
        yaml.YAMLError: It is not YAML; it is too long or nested too deeply; its aliases multiply to too many
            values; a number has too many digits; a text has a null character.
    """
    if len(text) > YAML_BYTES:
        raise yaml.YAMLError(f"longer than {YAML_BYTES >> 20} MB")
    try:
        return yaml.load(text, Loader=_Loader)
    except RecursionError:
        raise yaml.YAMLError(f"more than {LEVELS} levels") from None
    except (ValueError, ArithmeticError, LookupError, TypeError, AttributeError) as error:
        # Of a value that its tag does not allow, such as the date 2020-99-99.
        raise yaml.YAMLError(f"a malformed value ({error})") from error


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    def get_single_node(self) -> Any:
        node = super().get_single_node()
        if node is not None:
            _size(node, {})
        return node


def _size(node: yaml.Node, known: dict[int, tuple[int, int] | None]) -> tuple[int, int]:
    """Nodes and levels of a node, with every alias counted in full."""
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            raise yaml.YAMLError(f"an alias of itself{node.start_mark}")
        return found
    known[id(node)] = None
    size, levels = 1, 0
    if isinstance(node, yaml.ScalarNode):
        _check_scalar(node)
    else:
        inner = (
            node.value if isinstance(node, yaml.SequenceNode) else [n for pair in node.value for n in pair]
        )
        for item in inner:
            more, below = _size(item, known)
            size, levels = size + more, max(levels, below)
    if size > _NODES:
        raise yaml.YAMLError(f"more than {_NODES} values, aliases counted in full{node.start_mark}")
    if levels >= LEVELS:
        raise yaml.YAMLError(f"more than {LEVELS} levels{node.start_mark}")
    known[id(node)] = size, levels + 1
    return size, levels + 1


def _check_scalar(node: yaml.ScalarNode) -> None:
    if _UNUSABLE.search(node.value):
        raise yaml.YAMLError(f"a null character or half of a character{node.start_mark}")
    if len(node.value) > _DIGITS and node.tag.rpartition(":")[2] in ("int", "float"):
        raise yaml.YAMLError(f"a number of more than {_DIGITS} digits{node.start_mark}")
