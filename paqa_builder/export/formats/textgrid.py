"""TextGrid (Praat): tiers of speakers, texts, words and sounds.

One file per clip; :mod:`~paqa_builder.export.formats.tiers` describes the tiers.
"""

from __future__ import annotations

from paqa_builder.export.base import ClipFileFormat, ExportClip
from paqa_builder.export.formats.tiers import Interval, tiers_of
from paqa_builder.export.output import Output

_LEAST = 1e-6  # seconds; times have six decimals


class TextGrid(ClipFileFormat):
    """TextGrid (Praat): tiers of speakers, texts, words and sounds."""

    name = "textgrid"

    def files(self, clip: ExportClip, out: Output) -> dict[str, str]:
        tiers, end = tiers_of(clip.layers), clip.scene.duration
        if not tiers or end < _LEAST:
            return {}
        lines = [
            'File type = "ooTextFile"', 'Object class = "TextGrid"', "",
            "xmin = 0", f"xmax = {end:.6f}", "tiers? <exists>", f"size = {len(tiers)}", "item []:",
        ]  # fmt: skip
        for number, (name, intervals) in enumerate(tiers.items(), 1):
            filled = _filled(intervals, end)
            lines += [
                f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}",
                "        xmin = 0", f"        xmax = {end:.6f}", f"        intervals: size = {len(filled)}",
            ]  # fmt: skip
            for place, (start, stop, text) in enumerate(filled, 1):
                lines += [
                    f"        intervals [{place}]:", f"            xmin = {start:.6f}",
                    f"            xmax = {stop:.6f}", f"            text = {_quoted(text)}",
                ]  # fmt: skip
        return {".TextGrid": "\n".join(lines) + "\n"}


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _filled(intervals: list[Interval], end: float) -> list[Interval]:
    """The intervals with empty ones between them, so that they cover the tier without a gap."""
    filled: list[Interval] = []
    at = 0.0
    for start, stop, text in ((round(a, 6), round(b, 6), text) for a, b, text in intervals):
        start, stop = max(start, at), min(stop, round(end, 6))
        if start - at >= _LEAST / 2:
            filled.append((at, start, ""))
        if stop - start >= _LEAST / 2:
            filled.append((start, stop, text))
            at = stop
    if end - at >= _LEAST / 2 or not filled:
        filled.append((at, end, ""))
    return filled
