"""*diarize*: speaker turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paqa_builder.perception.backends.base import AudioInput, Span
from paqa_builder.perception.listening import SpeechOptions, kept, speech_blend
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import Turn


class Diarize(Stage):
    """Diarizes a blend of speech and mixture; see :mod:`paqa_builder.perception.listening`."""

    name = "diarize"
    upstream = ("separate",)
    version = 3
    layer = "turns"
    Options = SpeechOptions

    def run(self, contexts: Sequence[ClipContext]) -> list[tuple[Turn, ...]]:
        spans = self.results([self.listen(context) for context in contexts])
        return [
            self._turns(voices, context.info.duration)
            for context, voices in zip(contexts, spans, strict=True)
        ]

    def listen(self, context: ClipContext) -> AudioInput:
        """The blend, with the mixture and the stems."""
        rate = self.backend.sample_rate
        blend = speech_blend(context, rate, self.options)
        return replace(self.audio_input(context, blend), speech=kept(context, rate))

    def _turns(self, spans: Sequence[Span], duration: float) -> tuple[Turn, ...]:
        """Turns of speakers S1, S2, … in the order of their first turns."""
        names: dict[str, str] = {}
        turns = []
        for span in sorted(spans, key=lambda s: (s.start, s.end, s.name)):
            start, end = max(0.0, span.start), min(duration, span.end)
            if start < end:
                speaker = names.setdefault(span.name, f"S{len(names) + 1}")
                turns.append(Turn(start, end, speaker, span.score, self.origin))
        return tuple(turns)
