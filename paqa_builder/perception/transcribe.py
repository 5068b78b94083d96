"""*transcribe*: words, utterances, their speakers and their language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from pydantic import Field

from paqa_builder.audio import LongAudio
from paqa_builder.perception._long_speech import between_pauses, cut, join
from paqa_builder.perception.backends.base import RejectedWords, Speech, dropped_words
from paqa_builder.perception.listening import SpeechOptions, speech_blend
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import Abstention, Turn, Utterance, Word

_CHANGE, _AT_A_PAUSE, _AT_A_SENTENCE = 1.0, 0.5, 0.1
"""Cost of a change of speaker between two words, and its factors after a pause and after a sentence."""
_PAUSE = 0.3
_FAR = 2.0
_TOLERANCE = 0.2
_FULL_STOPS = (".", "?", "!", "。", "？", "！")
SPACELESS = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
"""Languages written without spaces between words."""


class TranscribeOptions(SpeechOptions):
    """Input signal, attribution of words to speakers, and rejection."""

    reach: float = Field(
        0.5, ge=0, description="Maximum distance in seconds of a word from its speaker's turns."
    )
    pause: float = Field(1.0, gt=0, description="A longer silence, in seconds, starts a new utterance.")
    overlap_discount: float = Field(0.85, ge=0, le=1, description="Confidence factor in overlapping speech.")
    min_outside: float = Field(0.7, ge=0, le=1, description="Minimum confidence of phrases out of `reach`.")
    min_language: float = Field(0.5, ge=0, le=1, description="Minimum confidence of the language.")


class Transcribe(Stage):
    """Transcribes every clip as a whole, so that the model has context, and attributes words to speakers.

    Clips longer than ten minutes are cut at pauses (see :mod:`paqa_builder.perception._long_speech`).

    An utterance has one speaker and no long pause. Clips without speaker turns are not transcribed. Words
    that the backend rejects, and words of low confidence far from all turns, become abstentions.
    """

    name = "transcribe"
    upstream = ("separate", "diarize")
    version = 3
    layer = "utterances"
    Options = TranscribeOptions

    def run(self, contexts: Sequence[ClipContext]) -> list[tuple[Utterance, ...]]:
        # Without speech, models hallucinate text.
        spoken = [context for context in contexts if context.turns is None or context.turns]
        rate = self.backend.sample_rate
        blends = [speech_blend(context, rate, self.options) for context in spoken]
        inputs = [self.audio_input(*pair) for pair in zip(spoken, blends, strict=True)]
        if any(isinstance(item.main, LongAudio) for item in inputs):
            speeches = [
                join(windows, (self.results([cut(item, *window)])[0] for window in windows))
                for context, item in zip(spoken, inputs, strict=True)
                for windows in [between_pauses(item.main, context.turns)]
            ]
        else:
            speeches = self.results(inputs)
        utterances: dict[int, tuple[Utterance, ...]] = {}
        for context, speech in zip(spoken, speeches, strict=True):
            utterances[id(context)], rejected = self.utterances(
                speech, context.turns or (), context.info.duration
            )
            context.abstentions += rejected
        return [utterances.get(id(context), ()) for context in contexts]

    def utterances(
        self, speech: Speech, turns: Sequence[Turn], duration: float
    ) -> tuple[tuple[Utterance, ...], list[Abstention]]:
        """Splits the words at changes of speaker and long pauses; also returns the rejected words."""
        words = [
            replace(word, start=max(0.0, word.start), end=min(duration, word.end))
            for word in speech.words
            if max(0.0, word.start) < min(duration, word.end)
        ]
        words.sort(key=lambda word: (word.start, word.end))
        speakers = attribute(words, turns, self.options.reach)
        rejected = [words for words in speech.dropped if words.start < min(duration, words.end)]
        if turns:
            for first, last in reversed(self._phrases(words, speakers)):
                phrase = dropped_words(words[first:last], "outside_turns")
                if speakers[first] is None and phrase.confidence < self.options.min_outside:
                    rejected.append(phrase)
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
        utterances = tuple(
            self._utterance(words[first:last], speakers[first], language)
            for first, last in self._phrases(words, speakers)
        )
        rejected.sort(key=lambda phrase: (phrase.start, phrase.end))
        return utterances, [self._abstention(phrase, duration) for phrase in rejected]

    def _phrases(self, words: Sequence[Word], speakers: Sequence[str | None]) -> list[tuple[int, int]]:
        """Index ranges [first, last) of words of one speaker without a long pause."""
        cuts = [
            n + 1
            for n, (word, following) in enumerate(pairwise(words))
            if speakers[n] != speakers[n + 1] or following.start - word.end > self.options.pause
        ]
        return list(pairwise([0, *cuts, len(words)])) if words else []

    def _abstention(self, phrase: RejectedWords, duration: float) -> Abstention:
        start, end = max(0.0, phrase.start), min(duration, phrase.end)
        return Abstention(self.name, start, end, phrase.reason, phrase.text, phrase.confidence, self.origin)

    def _utterance(self, words: Sequence[Word], speaker: str | None, language: str | None) -> Utterance:
        return Utterance(
            start=words[0].start,
            end=max(word.end for word in words),
            speaker=speaker,
            text=("" if language in SPACELESS else " ").join(word.text for word in words),
            words=tuple(words),
            language=language,
            confidence=sum(word.confidence for word in words) / len(words),
            origin=self.origin,
        )


def speakers_at(word: Word, turns: Sequence[Turn]) -> int:
    """Number of speakers whose turns contain the middle of a word."""
    middle = (word.start + word.end) / 2
    return len({turn.speaker for turn in turns if turn.start <= middle < turn.end})


def attribute(words: Sequence[Word], turns: Sequence[Turn], reach: float) -> list[str | None]:
    """Speaker of each word, by the sequence of speakers of least cost (Viterbi).

    A word costs half the share of it outside the speaker's turns, plus the seconds from its middle to the
    nearest of them. A change of speaker costs ``_CHANGE``, less after a pause, and little after the end of a
    sentence: errors of turn boundaries are more frequent than sentences with two speakers.

    Args:
        reach: Words further than this many seconds from every turn have no speaker (None).
    """
    speakers = sorted({turn.speaker for turn in turns})
    if not speakers or not words:
        return [None] * len(words)
    costs = np.array(
        [[_cost(word, [t for t in turns if t.speaker == s]) for s in speakers] for word in words]
    )
    came_from = np.zeros(costs.shape, int)
    best = costs[0]
    for n, (previous, word) in enumerate(pairwise(words), 1):
        change = _CHANGE
        if word.start - previous.end > _PAUSE:
            change *= _AT_A_PAUSE
        if previous.text.endswith(_FULL_STOPS):
            change *= _AT_A_SENTENCE
        paths = best[:, None] + change * (1 - np.eye(len(speakers)))
        came_from[n] = paths.argmin(axis=0)
        best = paths.min(axis=0) + costs[n]
    path = [int(best.argmin())]
    for row in came_from[:0:-1]:
        path.append(int(row[path[-1]]))
    return [
        speakers[index] if min(_seconds_from(word, turn) for turn in turns) <= reach else None
        for word, index in zip(words, reversed(path), strict=True)
    ]


def _cost(word: Word, turns: Sequence[Turn]) -> float:
    covered = sum(max(0.0, min(word.end, turn.end) - max(word.start, turn.start)) for turn in turns)
    uncovered = 1 - min(1.0, covered / (word.end - word.start))
    return 0.5 * uncovered + min(_FAR, *(_seconds_from(word, turn) for turn in turns))


def _seconds_from(word: Word, turn: Turn) -> float:
    """Distance in seconds from the middle of a word to a turn; 0 inside the turn."""
    middle = (word.start + word.end) / 2
    return max(turn.start - middle, 0.0, middle - turn.end)


def into_turns(words: Sequence[Word], speakers: Sequence[str | None], turns: Sequence[Turn]) -> list[Word]:
    """Trims words to the turn of their speaker that they overlap most, extended by ``_TOLERANCE`` seconds.

    Models start the first word of a clip, or after a pause, much too early.
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
