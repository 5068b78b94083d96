"""*read*: decodes the audio; all other stages depend on it."""

from __future__ import annotations

from collections.abc import Sequence

from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import AudioInfo


class Read(Stage):
    """Decodes the whole file once. A clip that fails here is skipped by all other stages."""

    name = "read"
    version = 2
    layer = "audio"

    def run(self, contexts: Sequence[ClipContext]) -> list[tuple[AudioInfo, ...]]:
        found: list[tuple[AudioInfo, ...]] = []
        for context in contexts:
            found.append((context.info,))
            context.release()  # the clips of a part may be hours together
        return found
