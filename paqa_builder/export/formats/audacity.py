"""Audacity labels: start, end and text with tabs, one label track per layer.

``NAME.turns.txt`` has the speakers, ``NAME.tags.txt`` the sounds, ``NAME.utterances.txt`` the texts.
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
        tracks = {
            "turns": layers.turns and ((t.start, t.end, t.speaker) for t in layers.turns),
            "tags": layers.tags and ((t.start, t.end, t.label) for t in layers.tags),
            "utterances": layers.utterances and ((u.start, u.end, u.text) for u in layers.utterances),
        }
        return {f".{layer}.txt": _labels(tracks[layer] or ()) for layer in layers.known}


def _labels(records: Iterable[tuple[float, float, str]]) -> str:
    return "".join(f"{start:.6f}\t{end:.6f}\t{one_line(text)}\n" for start, end, text in records)
