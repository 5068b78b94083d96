"""Speech of a scene: utterances, phrases that can be quoted, and words that are certainly not said."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from paqa_builder.intervals import both, total
from paqa_builder.questions.keywords import HANGING
from paqa_builder.questions.options import Thresholds
from paqa_builder.questions.question import Evidence, cite
from paqa_builder.questions.reading.voices import Voices
from paqa_builder.questions.wording import quotable, tokens
from paqa_builder.records import Scene, Utterance, Word

MIN_WORDS, MAX_WORDS = 3, 7
# Shorter phrases ("it is a") are too common to tell speakers apart.
MIN_CHARACTERS = 12
# Share of a phrase's words, close together, from which the phrase may have been said.
NEAR = 0.6
_PAUSE = 0.5
# Tolerance in seconds between word times and turn boundaries.
_SLACK = 0.15
_BREAKS = (".", ",", ";", ":", "?", "!", "…", "—", "。", "、", "？", "！")


@dataclass(frozen=True)
class Phrase:
    """Consecutive words of one utterance, clear enough to be quoted.

    Attributes:
        text: The words as printed in a question.
        start: Onset in seconds; that of the utterance if the words have no times.
        end: Offset, likewise.
        speaker: Number of the speaker; None if uncertain.
        opens: The phrase starts with the utterance's first word.
        closes: The phrase ends with the utterance's last word.
        timed: The words have their own times.
    """

    text: str
    start: float
    end: float
    speaker: int | None
    utterance: Utterance
    confidence: float
    opens: bool
    closes: bool
    timed: bool

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        if not self.timed or (self.opens and self.closes):
            return (cite(self.utterance),)
        origin = self.utterance.origin
        source = (origin.stage, origin.backend, origin.revision)
        return (Evidence(*source, "words", self.start, self.end, self.confidence, self.text),)


@dataclass(frozen=True)
class Speech:
    """All speech of one scene.

    Attributes:
        utterances: Utterances by start.
        speakers: Number of each utterance's speaker; None if uncertain.
        named: Number of each utterance's speaker according to its record, certain or not.
        phrases: Phrases that can be quoted, by time.
        truth: The utterances come from the corpus's annotation.
    """

    utterances: tuple[Utterance, ...]
    speakers: tuple[int | None, ...]
    named: tuple[int | None, ...]
    phrases: tuple[Phrase, ...]
    truth: bool

    @cached_property
    def _tokens(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tokens(utterance.text) for utterance in self.utterances)

    def words_of(self, number: int) -> int:
        """Number of words that are certainly by a speaker."""
        return sum(len(t) for t, who in zip(self._tokens, self.speakers, strict=True) if who == number)

    @cached_property
    def unassigned_words(self) -> int:
        """Number of words without a certain speaker."""
        return sum(len(t) for t, who in zip(self._tokens, self.speakers, strict=True) if who is None)

    def may_say(self, text: str, number: int | None = None) -> bool:
        """True unless it is certain that ``text`` is not said (by that speaker).

        Words without a certain speaker may be by any speaker.
        """
        return near(tokens(text), self._stream(number))

    def _stream(self, number: int | None) -> list[str]:
        """All words that may be by a speaker, or all words."""
        if number not in self._streams:
            self._streams[number] = [
                token
                for said, who in zip(self._tokens, self.speakers, strict=True)
                if number is None or who is None or who == number
                for token in said
            ]
        return self._streams[number]

    @cached_property
    def _streams(self) -> dict[int | None, list[str]]:
        return {}

    def phrase(self, text: str) -> tuple[Phrase, ...]:
        """Phrases with the words of ``text``."""
        return self._places.get(tokens(text), ())

    @cached_property
    def _places(self) -> dict[tuple[str, ...], tuple[Phrase, ...]]:
        places: dict[tuple[str, ...], tuple[Phrase, ...]] = {}
        for phrase in self.phrases:
            words = tokens(phrase.text)
            places[words] = (*places.get(words, ()), phrase)
        return places

    @cached_property
    def words(self) -> Counter[str]:
        """Count of each word in all utterances."""
        return Counter(word for words in self._tokens for word in words)


def pool_of(phrase: Phrase, edges: bool = False) -> str:
    """Name, without the split, of the corpus's sample that wrong choices for a phrase come from.

    Each language has its own sample. With ``edges``, so have the first, the last and the inner words of
    utterances, because they differ in style.
    """
    language = phrase.utterance.language
    foreign = "" if language in (None, "en") else f":{language}"
    if not edges:
        return foreign
    edge = "opens" if phrase.opens else "closes" if phrase.closes else "inner"
    return f"{foreign}/{'whole' if phrase.opens and phrase.closes else edge}"


def near(wanted: tuple[str, ...], stream: Sequence[str]) -> bool:
    """True if a window of ``stream``, two words longer than ``wanted``, has :data:`NEAR` of its words."""
    if not wanted:
        return False
    need, size = Counter(wanted), len(wanted) + 2
    # Most texts share few words, in whatever order.
    present = need.keys() & stream
    if sum([need[token] for token in present]) / len(wanted) < NEAR:
        return False
    window = dict.fromkeys(present, 0)
    shared = 0
    for n, token in enumerate(stream):
        if n >= size and (out := stream[n - size]) in window:
            shared -= window[out] <= need[out]
            window[out] -= 1
        if token in window:
            window[token] += 1
            shared += window[token] <= need[token]
            if shared / len(wanted) >= NEAR:
                return True
    return False


def speech_of(scene: Scene, voices: Voices | None, thresholds: Thresholds) -> Speech | None:
    """Interprets a scene's utterances; None if there is neither an annotation nor a transcript.

    Utterances are assigned to the speakers of ``voices`` by time, because an annotation and a model name
    speakers differently. Without turns neither speakers nor overlaps are known, and there are no phrases.
    """
    truth = scene.clip.truth.utterances
    records = scene.utterances if truth is None else truth
    if records is None:
        return None
    utterances = tuple(sorted(records, key=lambda u: (u.start, u.end, u.text)))
    if voices is None:
        unknown = (None,) * len(utterances)
        return Speech(utterances, unknown, unknown, (), truth is not None)
    same_side = voices.truth == (truth is not None)
    speakers = tuple(_speaker(u.start, u.end, voices, u.speaker if same_side else None) for u in utterances)
    numbers = {s.name: s.number for s in voices.speakers} if same_side else {}
    named = tuple(
        numbers.get(u.speaker or "", number) for u, number in zip(utterances, speakers, strict=True)
    )
    if voices.truth and same_side:
        speakers = named  # annotated speakers are certain even where voices overlap
    phrases = [
        phrase for utterance in utterances for phrase in _phrases(utterance, voices, same_side, thresholds)
    ]
    return Speech(utterances, speakers, named, tuple(phrases), truth is not None)


def _speaker(start: float, end: float, voices: Voices, named: str | None) -> int | None:
    """Number of the only speaker in ``[start, end)``; None if there is not exactly one."""
    # Word times are imprecise at the edges.
    middle = (start + _SLACK, end - _SLACK) if end - start > 3 * _SLACK else (start, end)
    active = voices.at(*middle)
    if len(active) != 1:
        return None
    (speaker,) = active
    covered = total(both(speaker.spans, ((start, end),)))
    if covered < 0.6 * (end - start) or (named is not None and named != speaker.name):
        return None
    return speaker.number


def _phrases(utterance: Utterance, voices: Voices, same_side: bool, thresholds: Thresholds) -> list[Phrase]:
    named = utterance.speaker if same_side else None
    words = utterance.words or tuple(
        Word(utterance.start, utterance.end, text, utterance.confidence) for text in utterance.text.split()
    )
    timed = bool(utterance.words)
    min_confidence = 0.0 if utterance.origin.is_truth else thresholds.word
    phrases = []
    for first, last in _cuts(words, timed, min_confidence):
        chosen = words[first:last]
        text = quotable(word.text for word in chosen)
        start, end = chosen[0].start, chosen[-1].end
        # An overlapping voice makes the words uncertain.
        alone = len(voices.at(start - _SLACK, end + _SLACK)) == 1
        if not alone or len(text) < MIN_CHARACTERS or len(tokens(text)) < MIN_WORDS:
            continue
        confidence = 1.0 if utterance.origin.is_truth else min(word.confidence for word in chosen)
        speaker = _speaker(start, end, voices, named)
        opens, closes = first == 0, last == len(words)
        phrases.append(Phrase(text, start, end, speaker, utterance, confidence, opens, closes, timed))
    return phrases


def _cuts(words: tuple[Word, ...], timed: bool, min_confidence: float) -> list[tuple[int, int]]:
    """Index ranges of phrases: cut at uncertain words, punctuation and pauses, and by length."""
    runs: list[tuple[int, int]] = []
    first = 0
    for n, word in enumerate(words):
        if word.confidence < min_confidence:
            runs.append((first, n))
            first = n + 1
            continue
        pause = timed and n + 1 < len(words) and words[n + 1].start - word.end > _PAUSE
        if pause or word.text.endswith(_BREAKS) or n + 1 == len(words):
            runs.append((first, n + 1))
            first = n + 1
    return [cut for run in runs for cut in _pieces(words, *run)]


def _pieces(words: tuple[Word, ...], start: int, end: int) -> list[tuple[int, int]]:
    """Pieces of about equal length of a run of words, preferably not ending on words such as "of the"."""
    pieces = 1 if end - start <= MAX_WORDS + 2 else math.ceil((end - start) / MAX_WORDS)

    def badness(edge: int, wanted: int) -> tuple[bool, int, int]:
        return quotable([words[edge - 1].text]).lower() in HANGING, abs(edge - wanted), edge

    targets = [start + round(n * (end - start) / pieces) for n in range(1, pieces)]
    edges = [min(range(t - 1, t + 3), key=lambda edge: badness(edge, t)) for t in targets]
    return [(a, b) for a, b in pairwise([start, *edges, end]) if b - a >= MIN_WORDS]
