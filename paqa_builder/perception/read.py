"""*read*: is there usable audio at all? Every other stage builds on this one's answer."""

from __future__ import annotations

from collections.abc import Sequence

from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import AudioInfo


class Read(Stage):
    """Decodes the whole file once; a clip that fails here is no other stage's business."""

    name = "read"
    layer = "audio"

    def run(self, views: Sequence[ClipContext]) -> list[tuple[AudioInfo, ...]]:
        return [(view.info,) for view in views]
