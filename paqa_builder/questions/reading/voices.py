"""Speakers of a scene and their turns."""

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

# Pauses up to this many seconds do not end a turn.
_PAUSE = 0.3
# Seconds from which a turn's confidence counts; shorter turns are always uncertain.
_MIN_TURN = 1.0
# Score from which a tagger confirms speech.
_SPEECH_SCORE = 0.5


@dataclass(frozen=True)
class Speaker:
    """One speaker. ``number`` counts from 1 by first onset; ``name`` is that of the records."""

    number: int
    name: str
    turns: tuple[Turn, ...]

    @cached_property
    def spans(self) -> Spans:
        return union(((turn.start, turn.end) for turn in self.turns), gap=_PAUSE)

    @cached_property
    def seconds(self) -> float:
        return total(union((turn.start, turn.end) for turn in self.turns))

    @cached_property
    def onset(self) -> float:
        return self.spans[0][0]

    @cached_property
    def offset(self) -> float:
        return self.spans[-1][1]

    def doubtful(self, thresholds: Thresholds) -> bool:
        """True if the turns are so short or uncertain that a model may have invented the speaker."""
        uncertain = any(
            confidence_of(turn) < thresholds.turn for turn in self.turns if turn.end - turn.start >= _MIN_TURN
        )
        return uncertain or self.seconds < thresholds.speaker_seconds

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(map(cite, self.turns))

    def evidence_in(self, start: float, end: float) -> tuple[Evidence, ...]:
        """Turns that intersect ``[start, end)``."""
        return tuple(e for e in self.evidence if e.start < end and start < e.end)


@dataclass(frozen=True)
class Voices:
    """All speakers of one scene.

    Attributes:
        speakers: Speakers by first onset.
        truth: The turns come from the corpus's annotation.
        sure: No speaker is doubtful, and no voice seems to be split in two.
        ordered: First onsets are far enough apart to number the speakers.
    """

    speakers: tuple[Speaker, ...]
    truth: bool
    sure: bool
    ordered: bool

    @cached_property
    def speech(self) -> Spans:
        """Intervals with at least one speaker."""
        return union(span for speaker in self.speakers for span in speaker.spans)

    @cached_property
    def together(self) -> Spans:
        """Intervals with at least two speakers."""
        pairs = itertools.combinations(self.speakers, 2)
        return union(span for one, other in pairs for span in both(one.spans, other.spans))

    @cached_property
    def runs(self) -> tuple[tuple[int, float, float], ...]:
        """Turn-taking as (speaker's number, start, end); consecutive turns of one speaker are merged."""
        runs: list[tuple[int, float, float]] = []
        for start, end, number in sorted((a, b, s.number) for s in self.speakers for a, b in s.spans):
            if runs and runs[-1][0] == number:
                runs[-1] = (number, runs[-1][1], max(end, runs[-1][2]))
            else:
                runs.append((number, start, end))
        return tuple(runs)

    def at(self, start: float, end: float) -> tuple[Speaker, ...]:
        """Speakers who are active within ``[start, end)``."""
        return tuple(s for s in self.speakers if both(s.spans, ((start, end),)))

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        return tuple(item for speaker in self.speakers for item in speaker.evidence)


def voices_of(scene: Scene, thresholds: Thresholds) -> Voices | None:
    """Interprets a scene's turns; None if they are unknown or other layers contradict the diarizer."""
    truth = scene.clip.truth.turns
    turns = scene.turns if truth is None else truth
    if turns is None or (truth is None and turns and contradicted(scene)):
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


def contradicted(scene: Scene) -> bool:
    """True if other layers rule out the voices that a diarizer found, which may be music or animals.

    Either the transcriber found no word; or the corpus's labels contain no speech, and they are complete
    or the tagger found no speech either.
    """
    if scene.utterances == ():
        return True
    truth = scene.clip.truth
    if not truth.tags or any(map(audioset.is_speech, leaves_of(truth.tags))):
        return False
    tags = scene.tags or ()
    confirmed = any(tag.score >= _SPEECH_SCORE and audioset.is_speech(tag.label) for tag in tags)
    return truth.tags_complete or not confirmed


def _cut(turns: Sequence[Turn], handover: float) -> bool:
    """True if one voice ends where another starts, without pause or overlap.

    This is rare in conversation, and typical of a diarizer that splits one voice in two.
    """
    return any(
        abs(one.end - other.start) < handover and one.speaker != other.speaker
        for one in turns
        for other in turns
    )
