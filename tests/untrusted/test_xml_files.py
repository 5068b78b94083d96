"""XML by others is read within bounds, and without entities."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from paqa_builder.untrusted.xml_files import read_xml

BILLION = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "ha">'
    + "".join(f'<!ENTITY x{n} "{"&x;" if n == 0 else f"&x{n - 1};" * 10}">' for n in range(12))
    + "]><a>&x11;</a>"
)


def test_names_keep_prefixes_and_encodings_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    text = '<n:r xmlns:n="u"><w n:id="1">caf\xe9 &amp; &#39;</w></n:r>'
    path.write_bytes(f'<?xml version="1.0" encoding="ISO-8859-1"?>{text}'.encode("latin-1"))
    (word,) = read_xml(path).iter("w")
    assert (word.get("n:id"), word.text) == ("1", "café & '")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BILLION, "document type"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "document type"),
        ("<a>" * 200 + "</a>" * 200, "levels"),
        ("<a>&x;</a>", "not XML"),
        ("<a>", "not XML"),
        ("", "not XML"),
        ("RIFF", "not XML"),
    ],
)
def test_hostile_and_broken_files_are_errors(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(text)
    began = time.monotonic()
    with pytest.raises(ValueError, match=says):
        read_xml(path)
    assert time.monotonic() - began < 1.0


def test_too_many_elements_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<a>" + "<b/>" * 1_000_001 + "</a>")
    with pytest.raises(ValueError, match="elements"):
        read_xml(path)
