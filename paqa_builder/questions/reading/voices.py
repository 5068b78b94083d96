"""What a scene says of who speaks when."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from paqa_builder.intervals import Spans, both, total, union
from paqa_builder.labels import audioset
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Evidence, cite, confidence_of
from paqa_builder.questions.reading.sounds import leaves_of
from paqa_builder.records import Scene, Turn

# A speaker's pauses for breath do not end a turn.
_PAUSE = 0.3
# Shorter turns are unsure by nature, and seldom change who is who.
_WORTH = 1.0
# A tagger that is this sure of speech confirms it.
_HEARD = 0.5


@dataclass(frozen=True)
class Speaker:
    """One voice. ``number`` is 1 for the first to speak; ``name`` is the records' own."""

    number: int
    name: str
    turns: tuple[Turn, ...]

    @cached_property
    def spans(self) -> Spans:
        return union(((turn.start, turn.end) for turn in self.turns), gap=_PAUSE)

    @cached_property
    def seconds(self) -> float:
        return total(union((turn.start, turn.end) for turn in self.turns))

    @property
    def onset(self) -> float:
        return self.spans[0][0]

    @property
    def offset(self) -> float:
        return self.spans[-1][1]

    def doubtful(self, thresholds: Thresholds) -> bool:
        """True if a model's turns are too short or too unsure for the speaker to be no phantom."""
        unsure = any(
            confidence_of(turn) < thresholds.turn for turn in self.turns if turn.end - turn.start >= _WORTH
        )
        return unsure or self.seconds < thresholds.speaker_seconds

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(map(cite, self.turns))

    def evidence_in(self, start: float, end: float) -> tuple[Evidence, ...]:
        """The turns that meet ``[start, end)``."""
        return tuple(cite(turn) for turn in self.turns if turn.start < end and start < turn.end)


@dataclass(frozen=True)
class Voices:
    """Everybody who speaks in one scene.

    Attributes:
        speakers: By first onset.
        truth: The corpus itself says who speaks.
        sure: Every speaker is heard long and clearly enough to be no phantom, and no voice seems
            to be cut in two.
        ordered: Their first onsets are far enough apart for "the second speaker" to be understood.
    """

    speakers: tuple[Speaker, ...]
    truth: bool
    sure: bool
    ordered: bool

    @cached_property
    def speech(self) -> Spans:
        """Intervals of speech, of all speakers together."""
        return union(span for speaker in self.speakers for span in speaker.spans)

    @cached_property
    def together(self) -> Spans:
        """When two or more speak at once."""
        found = [
            span
            for n, one in enumerate(self.speakers)
            for other in self.speakers[n + 1 :]
            for span in both(one.spans, other.spans)
        ]
        return union(found)

    @cached_property
    def runs(self) -> tuple[tuple[int, float, float], ...]:
        """Turn-taking: (speaker's number, start, end) in order, one entry until another speaks."""
        flat = sorted((a, b, s.number) for s in self.speakers for a, b in s.spans)
        runs: list[tuple[int, float, float]] = []
        for start, end, number in flat:
            if runs and runs[-1][0] == number:
                runs[-1] = (number, runs[-1][1], max(end, runs[-1][2]))
            else:
                runs.append((number, start, end))
        return tuple(runs)

    def at(self, start: float, end: float) -> tuple[Speaker, ...]:
        """Who speaks at any time in ``[start, end)``."""
        return tuple(s for s in self.speakers if both(s.spans, ((start, end),)))

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(item for speaker in self.speakers for item in speaker.evidence)


def voices_of(scene: Scene, thresholds: Thresholds) -> Voices | None:
    """Reads a scene's turns; None where there is no speech, or a diarizer is contradicted."""
    truth = scene.clip.truth.turns
    turns = scene.turns if truth is None else truth
    if turns is None or (truth is None and turns and _contradicted(scene)):
        return None
    by_name: dict[str, list[Turn]] = {}
    for turn in sorted(turns, key=lambda t: (t.start, t.end, t.speaker)):
        by_name.setdefault(turn.speaker, []).append(turn)
    speakers = tuple(Speaker(n, name, tuple(by_name[name])) for n, name in enumerate(by_name, 1))
    sure = truth is not None or (
        not any(s.doubtful(thresholds) for s in speakers) and not _cut(turns, thresholds.handover)
    )
    onsets = [s.onset for s in speakers]
    ordered = all(b - a >= thresholds.order for a, b in itertools.pairwise(onsets))
    return Voices(speakers, truth is not None, sure, ordered)


def _contradicted(scene: Scene) -> bool:
    """True if a diarizer hears a voice where others know of none: music and animals can pass for one.

    Either the transcriber looked and found not a single word; or the corpus labels the clip's sounds
    without any speech, and its labels are complete or the tagger hears no speech either.
    """
    if scene.utterances == ():
        return True
    truth = scene.clip.truth
    if not truth.tags or any(map(audioset.is_speech, leaves_of(truth.tags))):
        return False
    heard = any(tag.score >= _HEARD and audioset.is_speech(tag.label) for tag in scene.tags or ())
    return truth.tags_complete or not heard


def _cut(turns: Sequence[Turn], handover: float) -> bool:
    """True if two voices meet end to start, without a pause and without talking over each other.

    People seldom manage that. A diarizer that hears one voice as two does it all the time.
    """
    return any(
        abs(one.end - other.start) < handover and one.speaker != other.speaker
        for one in turns
        for other in turns
    )
