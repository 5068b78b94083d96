"""*transcribe*: what is said, by whom, in which language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from pydantic import Field

from paqa_builder.audio import Audio
from paqa_builder.perception.backends.base import RejectedWords, Speech, dropped_words
from paqa_builder.perception.listening import SpeechOptions, speech_blend
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import Abstention, Turn, Utterance, Word

_CHANGE, _AT_A_PAUSE, _AT_A_SENTENCE = 1.0, 0.5, 0.1
"""Cost of a change of speaker between two words, in seconds' worth of misplaced word; and its factors."""
_PAUSE = 0.3
_FAR = 2.0
_TOLERANCE = 0.2
_FULL_STOPS = (".", "?", "!", "。", "？", "！")
_SPACELESS = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
"""Languages written without spaces between words."""


class TranscribeOptions(SpeechOptions):
    """Where *transcribe* listens, and whose words are whose."""

    reach: float = Field(
        0.5, ge=0, description="A word this many seconds from the nearest turn still belongs to it."
    )
    pause: float = Field(1.0, gt=0, description="A longer silence, in seconds, starts a new utterance.")
    overlap_discount: float = Field(
        0.85, ge=0, le=1, description="Factor on the confidence of words said while two speak."
    )
    min_outside: float = Field(
        0.7,
        ge=0,
        le=1,
        description="A phrase further from every turn is believed from this mean confidence on.",
    )
    min_language: float = Field(
        0.5, ge=0, le=1, description="Below this confidence the language counts as not determined."
    )


class Transcribe(Stage):
    """Hears every clip once, as a whole: a recogniser needs the context that single turns lack.

    Words go to the speaker whose turn covers them, and become utterances: one speaker, no long pause.
    A clip in which *diarize* found no turn is not heard at all: most of a sound event corpus is so.
    What the backend itself does not believe, and doubtful words out of every turn's reach, become
    abstentions.
    """

    name = "transcribe"
    upstream = ("separate", "diarize")
    version = 3
    layer = "utterances"
    Options = TranscribeOptions

    def run(self, views: Sequence[ClipContext]) -> list[tuple[Utterance, ...]]:
        # Where *diarize* heard nobody, a recogniser has nothing to find, and much to invent.
        spoken = [view for view in views if view.turns is None or view.turns]
        speeches = self.backend.run([self.heard(view, self.ear(view)) for view in spoken])
        made: dict[int, tuple[Utterance, ...]] = {}
        for view, speech in zip(spoken, speeches, strict=True):
            made[id(view)], dropped = self.utterances(speech, view.turns or (), view.info.duration)
            view.abstentions += dropped
        return [made.get(id(view), ()) for view in views]

    def ear(self, view: ClipContext) -> Audio:
        rate = self.backend.sample_rate
        heard = speech_blend(view, rate, self.options)
        if heard is None:
            heard = view.at("mix", rate)
        assert heard is not None
        return heard

    def utterances(
        self, speech: Speech, turns: Sequence[Turn], duration: float
    ) -> tuple[tuple[Utterance, ...], list[Abstention]]:
        """Cuts the words where the speaker changes and at long pauses; also returns what is not believed."""
        words = [
            replace(word, start=max(0.0, word.start), end=min(duration, word.end))
            for word in speech.words
            if max(0.0, word.start) < min(duration, word.end)
        ]
        words.sort(key=lambda word: (word.start, word.end))
        speakers = attribute(words, turns, self.options.reach)
        dropped = [d for d in speech.dropped if d.start < min(duration, d.end)]
        if turns:
            for first, last in reversed(self._phrases(words, speakers)):
                found = dropped_words(words[first:last], "outside_turns")
                if speakers[first] is None and found.confidence < self.options.min_outside:
                    dropped.append(found)
                    del words[first:last], speakers[first:last]
        words = into_turns(words, speakers, turns)
        words = [
            replace(word, confidence=word.confidence * self.options.overlap_discount)
            if speakers_at(word, turns) > 1
            else word
            for word in words
        ]
        sure = speech.language_confidence >= self.options.min_language
        language = speech.language if sure else None
        made = tuple(
            self._utterance(words[first:last], speakers[first], language)
            for first, last in self._phrases(words, speakers)
        )
        return made, [self._abstention(d, duration) for d in sorted(dropped, key=lambda d: (d.start, d.end))]

    def _phrases(self, words: Sequence[Word], speakers: Sequence[str | None]) -> list[tuple[int, int]]:
        """Words of one speaker without a long pause, as [first, last)."""
        cuts = [
            n + 1
            for n, (one, other) in enumerate(pairwise(words))
            if speakers[n] != speakers[n + 1] or other.start - one.end > self.options.pause
        ]
        return list(pairwise([0, *cuts, len(words)])) if words else []

    def _abstention(self, found: RejectedWords, duration: float) -> Abstention:
        return Abstention(
            self.name,
            max(0.0, found.start),
            min(duration, found.end),
            found.reason,
            found.text,
            found.confidence,
            self.origin,
        )

    def _utterance(self, words: Sequence[Word], speaker: str | None, language: str | None) -> Utterance:
        return Utterance(
            start=words[0].start,
            end=max(word.end for word in words),
            speaker=speaker,
            text=("" if language in _SPACELESS else " ").join(word.text for word in words),
            words=tuple(words),
            language=language,
            confidence=sum(word.confidence for word in words) / len(words),
            origin=self.origin,
        )


def speakers_at(word: Word, turns: Sequence[Turn]) -> int:
    """How many speakers' turns cover the middle of a word."""
    middle = (word.start + word.end) / 2
    return len({turn.speaker for turn in turns if turn.start <= middle < turn.end})


def attribute(words: Sequence[Word], turns: Sequence[Turn], reach: float) -> list[str | None]:
    """Whose each word is: the sequence of speakers that fits words, turns and punctuation best (Viterbi).

    A word costs half the share of it that the speaker's turns leave uncovered, and the seconds from its
    middle to the nearest of them. A change of speaker costs ``_CHANGE``, less after a pause, next to
    nothing after a sentence's end: a turn's border is off by a word more often than a sentence has two
    authors. So where turns overlap the words stay together, too. A word further than ``reach`` seconds
    from every turn is nobody's (None): likely nobody said it.
    """
    speakers = sorted({turn.speaker for turn in turns})
    if not speakers or not words:
        return [None] * len(words)
    costs = np.array(
        [[_cost(word, [t for t in turns if t.speaker == s]) for s in speakers] for word in words]
    )
    came_from = np.zeros(costs.shape, int)
    best = costs[0]
    for n, (before, word) in enumerate(pairwise(words), 1):
        change = _CHANGE
        if word.start - before.end > _PAUSE:
            change *= _AT_A_PAUSE
        if before.text.endswith(_FULL_STOPS):
            change *= _AT_A_SENTENCE
        paths = best[:, None] + change * (1 - np.eye(len(speakers)))
        came_from[n] = paths.argmin(axis=0)
        best = paths.min(axis=0) + costs[n]
    path = [int(best.argmin())]
    for row in came_from[:0:-1]:
        path.append(int(row[path[-1]]))
    return [
        speakers[who] if min(_seconds_from(word, turn) for turn in turns) <= reach else None
        for word, who in zip(words, reversed(path), strict=True)
    ]


def _cost(word: Word, turns: Sequence[Turn]) -> float:
    covered = sum(max(0.0, min(word.end, turn.end) - max(word.start, turn.start)) for turn in turns)
    uncovered = 1 - min(1.0, covered / (word.end - word.start))
    return 0.5 * uncovered + min(_FAR, *(_seconds_from(word, turn) for turn in turns))


def _seconds_from(word: Word, turn: Turn) -> float:
    """From the word's middle to the turn; 0 inside."""
    middle = (word.start + word.end) / 2
    return max(turn.start - middle, 0.0, middle - turn.end)


def into_turns(words: Sequence[Word], speakers: Sequence[str | None], turns: Sequence[Turn]) -> list[Word]:
    """Cuts off what of a word lies more than ``_TOLERANCE`` outside the turn of its speaker that it is in.

    A recogniser starts the first word of a clip, or after a pause, long before anybody speaks.
    """
    cut = []
    for word, speaker in zip(words, speakers, strict=True):
        own = [turn for turn in turns if turn.speaker == speaker]
        home = max(own, key=lambda turn: _shared(word, turn), default=None)
        if home is not None and _shared(word, home) > 0:
            start = max(word.start, home.start - _TOLERANCE)
            end = min(word.end, home.end + _TOLERANCE)
            word = replace(word, start=start, end=end)
        cut.append(word)
    return cut


def _shared(word: Word, turn: Turn) -> float:
    return min(word.end, turn.end) - max(word.start, turn.start)
