"""*diarize*: who speaks when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paqa_builder.perception.backends.base import AudioInput, Span
from paqa_builder.perception.listening import SpeechOptions, kept, speech_blend
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import Turn


class Diarize(Stage):
    """Listens to a blend of speech and mixture; see :mod:`paqa_builder.perception.listening`."""

    name = "diarize"
    upstream = ("separate",)
    version = 3
    layer = "turns"
    Options = SpeechOptions

    def run(self, views: Sequence[ClipContext]) -> list[tuple[Turn, ...]]:
        spans = self.backend.run([self.listen(view) for view in views])
        return [self._turns(found, view.info.duration) for view, found in zip(views, spans, strict=True)]

    def listen(self, view: ClipContext) -> AudioInput:
        """The blend beside mixture and stems; the mixture in its place, where no stem is to be trusted."""
        rate = self.backend.sample_rate
        heard = speech_blend(view, rate, self.options)
        if heard is None:
            heard = view.at("mix", rate)
        assert heard is not None
        return replace(self.heard(view, heard), speech=kept(view, rate))

    def _turns(self, spans: Sequence[Span], duration: float) -> tuple[Turn, ...]:
        """Names voices S1, S2, … in the order in which they are first heard."""
        names: dict[str, str] = {}
        turns = []
        for span in sorted(spans, key=lambda s: (s.start, s.end, s.name)):
            start, end = max(0.0, span.start), min(duration, span.end)
            if start < end:
                speaker = names.setdefault(span.name, f"S{len(names) + 1}")
                turns.append(Turn(start, end, speaker, span.score, self.origin))
        return tuple(turns)
