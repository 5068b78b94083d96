"""EAF (ELAN): tiers of speakers, texts, words and sounds.

One file per clip; :mod:`~paqa_builder.export.formats.tiers` describes the tiers.

ELAN plays WAV, so the audio is WAV with 16 kHz. Times are whole milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar
from urllib.parse import quote
from xml.etree import ElementTree as Xml

from paqa_builder.export.base import AudioKind, ExportClip, ExportFormat
from paqa_builder.export.formats.tiers import tiers_of
from paqa_builder.export.output import Output

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_TYPE = "default-lt"


class Eaf(ExportFormat):
    """EAF (ELAN): tiers of speakers, texts, words and sounds."""

    name = "eaf"
    audio: ClassVar[AudioKind] = "wav16k"

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        for clip in clips:
            out.text(f"{clip.name}.eaf", document(clip, out))


def document(clip: ExportClip, out: Output) -> str:
    """The text of a clip's file."""
    assert clip.audio
    root = Xml.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "paqa", "DATE": "1970-01-01T00:00:00+00:00", "FORMAT": "3.0", "VERSION": "3.0",
            "xmlns:xsi": _XSI, "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )  # fmt: skip
    header = Xml.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    media = {
        "MEDIA_URL": clip.audio.path.as_uri(), "MIME_TYPE": "audio/x-wav",
        "RELATIVE_MEDIA_URL": quote(out.relative(clip.audio.path)),
    }  # fmt: skip
    Xml.SubElement(header, "MEDIA_DESCRIPTOR", media)
    slots = Xml.SubElement(root, "TIME_ORDER")
    counts = {"ts": 0, "a": 0}

    def number(kind: str) -> str:
        counts[kind] += 1
        return f"{kind}{counts[kind]}"

    for name, intervals in tiers_of(clip.layers).items():
        person = name.partition("/")[2].partition(" #")[0] if name.startswith(("turns/", "speech/")) else ""
        about = {"TIER_ID": name, "LINGUISTIC_TYPE_REF": _TYPE} | ({"PARTICIPANT": person} if person else {})
        tier = Xml.SubElement(root, "TIER", about)
        last = 0
        for start, end, text in intervals:
            begin = max(last, round(start * 1000))
            last = max(begin + 1, round(end * 1000))
            places = []
            for time in (begin, last):
                places.append(number("ts"))
                Xml.SubElement(slots, "TIME_SLOT", {"TIME_SLOT_ID": places[-1], "TIME_VALUE": str(time)})
            cell = Xml.SubElement(
                Xml.SubElement(tier, "ANNOTATION"),
                "ALIGNABLE_ANNOTATION",
                {"ANNOTATION_ID": number("a"), "TIME_SLOT_REF1": places[0], "TIME_SLOT_REF2": places[1]},
            )
            Xml.SubElement(cell, "ANNOTATION_VALUE").text = text
    kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": _TYPE, "TIME_ALIGNABLE": "true"}
    Xml.SubElement(root, "LINGUISTIC_TYPE", kind)
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"
