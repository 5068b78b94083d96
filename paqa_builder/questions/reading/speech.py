"""What a scene says of what is said: phrases that can be quoted, and what is certainly not said."""

from __future__ import annotations

import math
from collections import Counter
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
# "it is a" can be said by any speaker at any time.
MIN_CHARACTERS = 12
# From this share of a phrase's words found close together, one cannot swear that it is not said.
NEAR = 0.6
_PAUSE = 0.5
# How far word times and turn edges of one recording disagree.
_SLACK = 0.15
_BREAKS = (".", ",", ";", ":", "?", "!", "…", "—", "。", "、", "？", "！")


@dataclass(frozen=True)
class Phrase:
    """A few consecutive words of one utterance, clear enough to be quoted.

    Attributes:
        text: As printed in a question.
        start: Of its words; of the whole utterance where its words have no times.
        end: Likewise.
        speaker: Whose words they are, as a number; None where that is not certain.
        opens: It starts with the utterance's first word.
        closes: It ends with the utterance's last word.
        timed: Its words have times of their own.
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

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        made = self.utterance.origin
        if not self.timed or (self.opens and self.closes):
            return (cite(self.utterance),)
        return (
            Evidence(
                made.stage, made.backend, made.revision, "words", self.start, self.end,
                self.confidence, self.text,
            ),
        )  # fmt: skip


@dataclass(frozen=True)
class Speech:
    """Everything that is said in one scene.

    Attributes:
        utterances: By start.
        speakers: Whose each utterance is, as a number; None where that is not certain.
        named: Whose each utterance is according to its own record, certain or not.
        phrases: What can be quoted, by time.
        truth: The corpus itself says what is said.
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
        """How many words a speaker certainly says."""
        return sum(len(t) for t, who in zip(self._tokens, self.speakers, strict=True) if who == number)

    @cached_property
    def words_of_nobody(self) -> int:
        """How many words could not be given to a speaker."""
        return sum(len(t) for t, who in zip(self._tokens, self.speakers, strict=True) if who is None)

    def may_say(self, text: str, number: int | None = None) -> bool:
        """True unless it is certain that ``text`` is not said (by that speaker).

        Words that could not be given to a speaker may be anybody's.
        """
        stream = [
            token
            for said, who in zip(self._tokens, self.speakers, strict=True)
            if number is None or who is None or who == number
            for token in said
        ]
        return near(tokens(text), stream) >= NEAR

    def phrase(self, text: str) -> tuple[Phrase, ...]:
        """The places where ``text`` can be quoted from."""
        return self._places.get(tokens(text), ())

    @cached_property
    def _places(self) -> dict[tuple[str, ...], tuple[Phrase, ...]]:
        found: dict[tuple[str, ...], tuple[Phrase, ...]] = {}
        for phrase in self.phrases:
            words = tokens(phrase.text)
            found[words] = (*found.get(words, ()), phrase)
        return found

    @cached_property
    def words(self) -> Counter[str]:
        """How often each word is said, by any speaker, clearly or not."""
        return Counter(word for said in self._tokens for word in said)


def pool_of(phrase: Phrase, edges: bool = False) -> str:
    """Names the sample of the corpus that a phrase's wrong neighbours come from, after the split.

    Other languages than English have pools of their own, for a phrase in another language than the
    rest would stand out. With ``edges`` the first, last and inner words of utterances are kept apart:
    "well I" opens one, and nobody needs to listen to know it.
    """
    language = phrase.utterance.language
    foreign = "" if language in (None, "en") else f":{language}"
    if not edges:
        return foreign
    edge = "opens" if phrase.opens else "closes" if phrase.closes else "inner"
    return f"{foreign}/{'whole' if phrase.opens and phrase.closes else edge}"


def near(wanted: tuple[str, ...], stream: list[str] | tuple[str, ...]) -> float:
    """The largest share of ``wanted`` within any stretch of ``stream`` two words longer, in [0, 1]."""
    if not wanted:
        return 0.0
    need, size, best = Counter(wanted), len(wanted) + 2, 0
    window: Counter[str] = Counter()
    shared = 0
    for n, token in enumerate(stream):
        if n >= size:
            out = stream[n - size]
            shared -= window[out] <= need[out]
            window[out] -= 1
        window[token] += 1
        shared += window[token] <= need[token]
        best = max(best, shared)
    return best / len(wanted)


def speech_of(scene: Scene, voices: Voices | None, thresholds: Thresholds) -> Speech | None:
    """Reads a scene's utterances; None where neither the corpus nor a transcriber says anything.

    Speakers are told by time, from ``voices``: the records' own names need not be those of the
    turns when one comes from a corpus and the other from a model. Without turns nobody knows who
    speaks, nor whether another voice covers a word, and nothing can be quoted.
    """
    truth = scene.clip.truth.utterances
    found = scene.utterances if truth is None else truth
    if found is None:
        return None
    utterances = tuple(sorted(found, key=lambda u: (u.start, u.end, u.text)))
    if voices is None:
        nobody = (None,) * len(utterances)
        return Speech(utterances, nobody, nobody, (), truth is not None)
    same_side = voices.truth == (truth is not None)
    speakers = tuple(_speaker(u.start, u.end, voices, u.speaker if same_side else None) for u in utterances)
    numbers = {s.name: s.number for s in voices.speakers} if same_side else {}
    named = tuple(
        numbers.get(u.speaker or "", number) for u, number in zip(utterances, speakers, strict=True)
    )
    if voices.truth and same_side:
        speakers = named  # a corpus that names the speaker is not in doubt, whoever talks along
    phrases = [
        phrase for utterance in utterances for phrase in _phrases(utterance, voices, same_side, thresholds)
    ]
    return Speech(utterances, speakers, named, tuple(phrases), truth is not None)


def _speaker(start: float, end: float, voices: Voices, named: str | None) -> int | None:
    """The only speaker active throughout ``[start, end)``, if there is one."""
    # At the edges word times are vague: only who speaks in the middle counts.
    middle = (start + _SLACK, end - _SLACK) if end - start > 3 * _SLACK else (start, end)
    there = voices.at(*middle)
    if len(there) != 1:
        return None
    (speaker,) = there
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
    sure = 0.0 if utterance.origin.is_truth else thresholds.word
    found = []
    for first, last in _cuts(words, timed, sure):
        chosen = words[first:last]
        text = quotable(word.text for word in chosen)
        start, end = chosen[0].start, chosen[-1].end
        # Another voice anywhere near makes a quote unfair, and its words doubtful.
        alone = len(voices.at(start - _SLACK, end + _SLACK)) == 1
        if not alone or len(text) < MIN_CHARACTERS or len(tokens(text)) < MIN_WORDS:
            continue
        confidence = 1.0 if utterance.origin.is_truth else min(word.confidence for word in chosen)
        found.append(
            Phrase(
                text, start, end, _speaker(start, end, voices, named), utterance, confidence,
                first == 0, last == len(words), timed,
            )
        )  # fmt: skip
    return found


def _cuts(words: tuple[Word, ...], timed: bool, sure: float) -> list[tuple[int, int]]:
    """Where to cut an utterance into phrases: at doubtful words, punctuation, pauses, and length."""
    runs: list[tuple[int, int]] = []
    first = 0
    for n, word in enumerate(words):
        if word.confidence < sure:
            runs.append((first, n))
            first = n + 1
            continue
        pause = timed and n + 1 < len(words) and words[n + 1].start - word.end > _PAUSE
        if pause or word.text.endswith(_BREAKS) or n + 1 == len(words):
            runs.append((first, n + 1))
            first = n + 1
    return [cut for run in runs for cut in _pieces(words, *run)]


def _pieces(words: tuple[Word, ...], start: int, end: int) -> list[tuple[int, int]]:
    """A run of words in pieces of about equal length that, where it can be, do not end on "of the"."""
    pieces = 1 if end - start <= MAX_WORDS + 2 else math.ceil((end - start) / MAX_WORDS)

    def badness(edge: int, wanted: int) -> tuple[bool, int, int]:
        return quotable([words[edge - 1].text]).lower() in HANGING, abs(edge - wanted), edge

    targets = [start + round(n * (end - start) / pieces) for n in range(1, pieces)]
    edges = [min(range(t - 1, t + 3), key=lambda edge: badness(edge, t)) for t in targets]
    return [(a, b) for a, b in pairwise([start, *edges, end]) if b - a >= MIN_WORDS]
