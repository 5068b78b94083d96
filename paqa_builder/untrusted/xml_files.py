"""XML by others, read in bounded time and memory: no document types, so no entities and no external files."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from paqa_builder.untrusted import LEVELS

FILE_BYTES = 64 << 20
_ELEMENTS = 1_000_000


def read_xml(path: Path) -> ElementTree.Element:
    """Decodes an XML file. Names keep their prefixes: ``root.get("nite:id")``.

    Raises:
        ValueError: It is not XML, or too large, has too many elements or levels, or declares a document
            type (which could define entities that multiply, or that name other files).
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise ValueError(f"is larger than {FILE_BYTES >> 20} MB")
    builder = ElementTree.TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    level = count = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal level, count
        level, count = level + 1, count + 1
        if level > LEVELS or count > _ELEMENTS:
            raise ValueError(f"has more than {LEVELS} levels or {_ELEMENTS} elements")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal level
        level -= 1
        builder.end(tag)

    def refuse(*_: object) -> NoReturn:
        raise ValueError("declares a document type, which is not read")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"is not XML ({error})") from error
    return builder.close()
