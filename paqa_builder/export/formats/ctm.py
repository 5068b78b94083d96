"""CTM (NIST): words with times and confidences.

One file per clip. Utterances without word times are left out and counted. White space inside a word becomes
``_``.
"""

from __future__ import annotations

from paqa_builder.export.base import ClipFileFormat, ExportClip
from paqa_builder.export.output import Output
from paqa_builder.export.texts import printable


class Ctm(ClipFileFormat):
    """CTM (NIST): words with times and confidences."""

    name = "ctm"

    def files(self, clip: ExportClip, out: Output) -> dict[str, str]:
        utterances = clip.layers.utterances
        if utterances is None:
            return {}
        lines = []
        for utterance in utterances:
            if not utterance.words:
                out.leave_out("utterances without word times")
            for word in utterance.words:
                text = "_".join(printable(word.text).split())
                seconds = max(word.end - word.start, 0.001)
                if text:
                    lines.append(
                        f"{clip.name} 1 {word.start:.3f} {seconds:.3f} {text} {word.confidence:.3f}\n"
                    )
        return {".ctm": "".join(lines)}
