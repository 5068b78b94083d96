"""Audacity: label tracks of speakers, sounds and texts.

``NAME.turns.txt`` has the speakers, ``NAME.tags.txt`` the sounds, ``NAME.utterances.txt`` the texts, and
``NAME.presence.txt`` the labels of the whole clip, if there are any.
"""

from __future__ import annotations

from collections.abc import Iterable

from paqa_builder.export.base import ClipFileFormat, ExportClip
from paqa_builder.export.output import Output
from paqa_builder.export.texts import one_line


class Audacity(ClipFileFormat):
    """Audacity: label tracks of speakers, sounds and texts."""

    name = "audacity"

    def files(self, clip: ExportClip, out: Output) -> dict[str, str]:
        layers = clip.layers
        whole = [tag for tag in layers.tags or () if not tag.localized]
        tracks = {
            "turns": [(turn.start, turn.end, turn.speaker) for turn in layers.turns or ()],
            "tags": [(tag.start, tag.end, tag.label) for tag in layers.tags or () if tag.localized],
            "utterances": [(said.start, said.end, said.text) for said in layers.utterances or ()],
            "presence": [(tag.start, tag.end, tag.label) for tag in whole],
        }
        return {
            f".{name}.txt": _labels(tracks[name]) for name in [*layers.known, *(["presence"] * bool(whole))]
        }


def _labels(records: Iterable[tuple[float, float, str]]) -> str:
    return "".join(f"{start:.6f}\t{end:.6f}\t{one_line(text)}\n" for start, end, text in records)
