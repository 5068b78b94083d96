"""*transcribe*: what is said, by whom, in which language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from pydantic import Field

from paqa_builder.audio import Audio
from paqa_builder.backends import Speech
from paqa_builder.records import Turn, Utterance, Word
from paqa_builder.stages import Stage, View
from paqa_builder.stages.listening import SpeechOptions, speech_blend

_SPACELESS = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
"""Languages written without spaces between words."""


class TranscribeOptions(SpeechOptions):
    """Where *transcribe* listens, and whose words are whose."""

    reach: float = Field(
        0.5, ge=0, description="A word this many seconds from the nearest turn still belongs to it."
    )
    pause: float = Field(1.0, gt=0, description="A longer silence, in seconds, starts a new utterance.")
    overlap_discount: float = Field(
        0.5, ge=0, le=1, description="Factor on the confidence of words said while two speak."
    )
    min_language: float = Field(
        0.5, ge=0, le=1, description="Below this confidence the language counts as not determined."
    )


class Transcribe(Stage):
    """Hears every clip once, as a whole: a recogniser needs the context that single turns lack.

    Words go to the speaker whose turn covers them, and become utterances: one speaker, no long pause.
    A clip in which *diarize* found no turn is not heard at all: most of a sound event corpus is so.
    """

    name = "transcribe"
    upstream = ("separate", "diarize")
    layer = "utterances"
    Options = TranscribeOptions

    def run(self, views: Sequence[View]) -> list[tuple[Utterance, ...]]:
        # Where *diarize* heard nobody, a recogniser has nothing to find, and much to invent.
        spoken = [view for view in views if view.turns is None or view.turns]
        speeches = self.backend.run([self.heard(view, self.ear(view)) for view in spoken])
        made = {
            id(view): self.utterances(speech, view.turns or (), view.info.duration)
            for view, speech in zip(spoken, speeches, strict=True)
        }
        return [made.get(id(view), ()) for view in views]

    def ear(self, view: View) -> Audio:
        rate = self.backend.sample_rate
        heard = speech_blend(view, rate, self.options)
        if heard is None:
            heard = view.at("mix", rate)
        assert heard is not None
        return heard

    def utterances(self, speech: Speech, turns: Sequence[Turn], duration: float) -> tuple[Utterance, ...]:
        """Cuts the words where the speaker changes and at long pauses."""
        words = [
            replace(word, start=max(0.0, word.start), end=min(duration, word.end))
            for word in speech.words
            if max(0.0, word.start) < min(duration, word.end)
        ]
        words.sort(key=lambda word: (word.start, word.end))
        speakers = attribute(words, turns, self.options.reach)
        words = [
            replace(word, confidence=word.confidence * self.options.overlap_discount)
            if speakers_at(word, turns) > 1
            else word
            for word in words
        ]
        cuts = [
            n + 1
            for n, (one, other) in enumerate(pairwise(words))
            if speakers[n] != speakers[n + 1] or other.start - one.end > self.options.pause
        ]
        bounds = [0, *cuts, len(words)] if words else [0]
        sure = speech.language_confidence >= self.options.min_language
        language = speech.language if sure else None
        return tuple(
            self._utterance(words[first:last], speakers[first], language) for first, last in pairwise(bounds)
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
    """Whose each word is: the speaker of the turn nearest to the word's middle.

    Where turns overlap the word stays with whoever spoke the word before. A word further than
    ``reach`` seconds from every turn is nobody's (None): likely nobody said it.
    """
    speakers: list[str | None] = []
    last: str | None = None
    for word in words:
        middle = (word.start + word.end) / 2
        near = [(max(turn.start - middle, 0.0, middle - turn.end), turn) for turn in turns]
        best = min(near, key=lambda n: (n[0], n[1].speaker != last, n[1].start, n[1].speaker), default=None)
        speaker = best[1].speaker if best and best[0] <= reach else None
        speakers.append(speaker)
        last = speaker or last
    return speakers
