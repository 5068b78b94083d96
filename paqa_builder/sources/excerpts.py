"""Excerpts of long recordings: where to cut, and the ground truth of an excerpt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import soundfile
from pydantic import Field

from paqa_builder.intervals import Span, outside
from paqa_builder.records import Speaker, Tag, Truth, Turn, Utterance
from paqa_builder.sources import Source, SourceOptions

_EARLIER, _LATER = 0.7, 1.2
"""Where an excerpt may end, as shares of the wanted length."""

_Timed = TypeVar("_Timed", Turn, Tag)


class ExcerptOptions(SourceOptions):
    """Options of sources with long recordings."""

    excerpt_seconds: float = Field(
        30.0,
        ge=0,
        description="Approximate length of the excerpts, which end in the longest pause near it; 0 for whole "
        "recordings.",
    )


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A part of a recording.

    Attributes:
        id: Name of the recording with the second at which the part begins; the name alone for a whole one.
        path: Its audio.
    """

    id: str
    path: Path
    truth: Truth


def excerpts(source: Source, name: str, path: Path, truth: Truth) -> Iterator[Excerpt]:
    """Cuts a recording as the source's option ``excerpt_seconds`` says.

    A recording whose length cannot be read is one excerpt, so that the build reports its failure.

    Args:
        source: A source with :class:`ExcerptOptions`.
        name: Id of the recording.
        truth: Ground truth of the whole recording.
    """
    seconds = source.options.excerpt_seconds
    duration = _duration(path) if seconds else None
    if duration is None:
        yield Excerpt(name, path, truth)
        return
    speech = [(turn.start, turn.end) for turn in truth.turns or ()]
    for start, end in cuts(duration, seconds, speech):
        part = source.derived.excerpt(path, start, end)
        yield Excerpt(f"{name}_{start:07.2f}", part, between(truth, start, end))


def cuts(duration: float, seconds: float, speech: Iterable[Span] = ()) -> list[Span]:
    """Divides a recording into parts of about ``seconds``, which end in the middle of a pause.

    Args:
        duration: Seconds of the recording.
        speech: Start and end of each speech segment.

    Example:
        >>> cuts(100.0, 30.0, [(0.0, 28.0), (32.0, 100.0)])
        [(0.0, 30.0), (30.0, 60.0), (60.0, 100.0)]
    """
    pauses = outside(tuple(speech), 0.0, duration)
    parts, start = [], 0.0
    while duration - start > _EARLIER * seconds + seconds:
        low, high = start + _EARLIER * seconds, start + _LATER * seconds
        inside = [(max(low, a), min(high, b)) for a, b in pauses if b > low and a < high]
        widest = max(inside, key=lambda pause: pause[1] - pause[0], default=(start + seconds,) * 2)
        end = round((widest[0] + widest[1]) / 2, 2)
        parts.append((start, end))
        start = end
    return [*parts, (start, duration)]


def between(truth: Truth, start: float, end: float) -> Truth:
    """The ground truth of a part, with times from the part's start.

    Turns, tags and words are cut at its ends. An utterance that is cut keeps the words in the part; without
    times of words it is left out, and so are all utterances then: what is said is unknown. Speakers are those
    who have a turn or an utterance in the part.
    """
    turns = None if truth.turns is None else tuple(_inside(truth.turns, start, end))
    tags = None if truth.tags is None else tuple(_inside(truth.tags, start, end))
    utterances = None if truth.utterances is None else _utterances(truth.utterances, start, end)
    heard = {turn.speaker for turn in turns or ()} | {said.speaker for said in utterances or ()}
    speakers: tuple[Speaker, ...] | None = None
    if truth.speakers is not None:
        speakers = tuple(speaker for speaker in truth.speakers if speaker.name in heard)
    return replace(truth, turns=turns, tags=tags, utterances=utterances, speakers=speakers)


def shifted(truth: Truth, seconds: float) -> Truth:
    """The ground truth of a file as part of a longer one, in which it begins at ``seconds``."""
    return between(truth, -seconds, float("inf"))


def _inside(records: Iterable[_Timed], start: float, end: float) -> Iterator[_Timed]:
    for record in records:
        cut = replace(record, start=max(start, record.start) - start, end=min(end, record.end) - start)
        if cut.start < cut.end:
            yield cut


def _utterances(utterances: Iterable[Utterance], start: float, end: float) -> tuple[Utterance, ...] | None:
    kept = []
    for spoken in utterances:
        if spoken.end <= start or spoken.start >= end:
            continue
        if start <= spoken.start and spoken.end <= end:
            words = spoken.words
            text, first, last = spoken.text, spoken.start, spoken.end
        elif spoken.words:
            # A word that is cut belongs to the part with its middle.
            words = tuple(word for word in spoken.words if start <= (word.start + word.end) / 2 < end)
            if not words:
                continue
            text = " ".join(word.text for word in words)
            first, last = max(start, words[0].start), min(end, words[-1].end)
        else:
            return None
        moved = tuple(
            replace(w, start=max(start, w.start) - start, end=min(end, w.end) - start) for w in words
        )
        kept.append(replace(spoken, text=text, words=moved, start=first - start, end=last - start))
    return tuple(kept)


def _duration(path: Path) -> float | None:
    """Seconds of a recording by its header; None if it cannot be read."""
    try:
        info = soundfile.info(str(path))
        return info.frames / info.samplerate or None
    except (OSError, RuntimeError, ZeroDivisionError):
        return None
