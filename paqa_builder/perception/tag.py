"""*tag*: sound events with start and end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pydantic import Field

from paqa_builder.audio import SILENCE_RMS
from paqa_builder.labels.audioset import is_speech
from paqa_builder.perception.backends.base import Span
from paqa_builder.perception.stage import ClipContext, ListenOptions, Stage
from paqa_builder.records import Tag


class TagOptions(ListenOptions):
    """Input signals of *tag*."""

    mix: bool = Field(True, description="Tag the mixture, too, not the background stem alone.")
    min_background: float = Field(SILENCE_RMS, ge=0, description="Minimum RMS of the background stem.")


class TagEvents(Stage):
    """Tags the background stem and the mixture, and merges the results.

    Quiet events are easier to detect in the background, without speech. Events that the separator takes for
    speech (a cough, a crying baby) are only in the mixture.

    - Speech labels in the background are leakage of the separator and are dropped. In the mixture they are
      kept, with ``stem="mix"``.
    - The same label at overlapping times in both is one event with the union of the times, the higher score
      and ``stem="background"``.
    - Without stems there is only the mixture.
    """

    name = "tag"
    upstream = ("separate",)
    layer = "tags"
    Options = TagOptions

    def run(self, contexts: Sequence[ClipContext]) -> list[tuple[Tag, ...]]:
        rate = self.backend.sample_rate
        signals: list[tuple[int, str]] = []
        inputs = []
        for index, context in enumerate(contexts):
            background = context.at("background", rate)
            if background is not None and background.rms >= self.options.min_background:
                signals.append((index, "background"))
                inputs.append(self.audio_input(context, background))
            if self.options.mix or background is None:
                signals.append((index, "mix"))
                inputs.append(self.audio_input(context, context.mix_at(rate)))
        tags: list[list[Tag]] = [[] for _ in contexts]
        for (index, stem), spans in zip(signals, self.results(inputs), strict=True):
            tags[index] += self._tags(spans, stem, contexts[index].info.duration)
        return [merge(of_clip) for of_clip in tags]

    def _tags(self, spans: Iterable[Span], stem: str, duration: float) -> list[Tag]:
        tags = []
        for span in spans:
            if stem == "background" and is_speech(span.name):
                continue
            start, end = max(0.0, span.start), min(duration, span.end)
            if start < end:
                tags.append(Tag(start, end, span.name, span.score, stem, True, self.origin))
        return tags


def merge(tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """Merges tags of one label that overlap in time; sorts by start, end and label.

    A merged tag has the union of the times, the highest score, and the background stem if any of them has.
    """
    joined: list[Tag] = []
    for tag in sorted(tags, key=lambda t: (t.label, t.start, t.end, t.stem)):
        last = joined[-1] if joined else None
        if last is None or last.label != tag.label or tag.start >= last.end:
            joined.append(tag)
            continue
        stem = "background" if "background" in (last.stem, tag.stem) else tag.stem
        joined[-1] = replace(last, end=max(last.end, tag.end), score=max(last.score, tag.score), stem=stem)
    return tuple(sorted(joined, key=lambda t: (t.start, t.end, t.label)))
