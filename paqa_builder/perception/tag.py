"""*tag*: which sound events happen when."""

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
    """Where *tag* listens."""

    mix: bool = Field(True, description="Hear the mixture too, not the background stem alone.")
    min_background: float = Field(
        SILENCE_RMS, ge=0, description="Below this RMS the background stem is empty, and is not heard."
    )


class TagEvents(Stage):
    """Listens to the background stem and to the mixture, and makes one list of both.

    Without speech in front of them quiet events are heard better, so the background comes first;
    events that the separator took for speech (a cough, a crying baby) are only left in the mixture.

    - Speech heard in the background is what the separator leaked, and is dropped. Speech heard in
      the mixture is kept, with ``stem="mix"``: it is true of the clip, though not its environment.
    - One label heard in both at overlapping times is one event: it spans both, has the higher score,
      and counts as heard in the background.
    - Without separation there is only the mixture.
    """

    name = "tag"
    upstream = ("separate",)
    layer = "tags"
    Options = TagOptions

    def run(self, views: Sequence[ClipContext]) -> list[tuple[Tag, ...]]:
        rate = self.backend.sample_rate
        asked: list[tuple[int, str]] = []
        heard = []
        for index, view in enumerate(views):
            background = view.at("background", rate)
            if background is not None and background.rms >= self.options.min_background:
                asked.append((index, "background"))
                heard.append(self.heard(view, background))
            if self.options.mix or background is None:
                mix = view.at("mix", rate)
                assert mix is not None
                asked.append((index, "mix"))
                heard.append(self.heard(view, mix))
        found: list[list[Tag]] = [[] for _ in views]
        for (index, stem), spans in zip(asked, self.backend.run(heard), strict=True):
            found[index] += self._tags(spans, stem, views[index].info.duration)
        return [merge(tags) for tags in found]

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
    """Joins tags of one label that overlap in time; sorts by start, end and label.

    The joint tag spans all of them, has the highest score, and is of the background if one was.
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
