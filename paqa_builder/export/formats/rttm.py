"""RTTM (NIST): speaker turns.

One file per clip, named as its audio. Speakers' names have no white space (``_`` in its place). Turns
shorter than a millisecond get one.
"""

from __future__ import annotations

from paqa_builder.export.base import ClipFileFormat, ExportClip
from paqa_builder.export.names import tokens
from paqa_builder.export.output import Output
from paqa_builder.turns import rttm


class Rttm(ClipFileFormat):
    """RTTM (NIST): speaker turns."""

    name = "rttm"

    def files(self, clip: ExportClip, out: Output) -> dict[str, str]:
        text = rttm_of(clip)
        return {} if text is None else {".rttm": text}


def rttm_of(clip: ExportClip) -> str | None:
    """The turns of a clip in RTTM; None if they are unknown."""
    turns = clip.layers.turns
    if turns is None:
        return None
    speakers = tokens(turn.speaker for turn in turns)
    return rttm(
        clip.name, ((t.start, max(t.end, t.start + 0.001), speakers[t.speaker]) for t in turns)
    )  # fmt: skip
