"""Options of all Whisper backends, and rejection of hallucinated words."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from paqa_builder.audio import Audio
from paqa_builder.perception.backends.base import DeviceOptions, RejectedWords, dropped_words
from paqa_builder.records import Word

TICK = 0.02
"""Whisper's time resolution in seconds, the minimum length of a word."""

MAX_INITIAL_TIMESTAMP = 50
"""Whisper's limit of the first timestamp, in steps of 0.02 s."""
PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"
"""Punctuation that belongs to the next word, and to the last one."""


class WhisperOptions(DeviceOptions):
    """Language, and thresholds for hallucinated text."""

    language: str | None = Field(None, description="ISO 639-1 code; null: detected.")
    max_no_speech: float = Field(0.4, ge=0, le=1, description="Maximum no-speech probability if doubtful.")
    min_log_probability: float = Field(-1.0, le=0, description="Mean per token; lower: doubtful segment.")
    max_compression: float = Field(2.4, gt=1, description="Maximum compression ratio of a segment.")
    max_repeats: int = Field(3, ge=1, description="Maximum repetitions of a phrase.")
    max_phrase: int = Field(4, ge=1, description="Maximum words of a repeated phrase.")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Output of the decoder for a window.

    Attributes:
        tokens: Ids with timestamps, without the prompt and the end of text.
        log_probability: Mean per token.
        no_speech: Probability of the no-speech token.
        compression: Compression ratio of the text; high for loops.
    """

    tokens: list[int]
    log_probability: float
    no_speech: float
    compression: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of text.

    Attributes:
        words: Rows with ``start``, ``end``, ``word`` and ``probability``; none if it was rejected.
        reason: Why it was rejected; None if it was not.
        log_probability: Mean per token.
    """

    start: float
    end: float
    text: str
    words: Sequence[Mapping[str, Any]]
    reason: str | None
    log_probability: float


def sift(
    segments: Iterable[Segment], audio: Audio, options: WhisperOptions
) -> tuple[list[Word], tuple[RejectedWords, ...]]:
    """Separates spoken from hallucinated words.

    Returns:
        The accepted words in time order, and the rejected ones with their reasons.
    """
    kept: list[Word] = []
    dropped: list[RejectedWords] = []
    for segment in segments:
        if segment.reason is None:
            kept += tidy(segment.words, audio)
            continue
        start = min(max(0.0, segment.start), max(0.0, audio.duration - TICK))
        end = min(max(segment.end, start + TICK), audio.duration)
        sure = min(1.0, math.exp(segment.log_probability))
        dropped.append(RejectedWords(start, end, segment.reason, segment.text, sure))
    kept.sort(key=lambda word: (word.start, word.end))
    kept, loops = without_loops(kept, options.max_phrase, options.max_repeats)
    dropped += [dropped_words(words, "repetition") for words in loops]
    return kept, tuple(sorted(dropped, key=lambda d: (d.start, d.end, d.reason)))


def invented(decoded: Decoded, options: WhisperOptions) -> str | None:
    """The reason to reject the text of a window as hallucinated, or None."""
    doubtful = decoded.log_probability < options.min_log_probability
    if doubtful and decoded.no_speech > options.max_no_speech:
        return "no_speech"
    return "compression" if decoded.compression > options.max_compression else None


def compression(text: str) -> float:
    """Ratio of a text's bytes to its compressed bytes."""
    data = text.encode()
    return len(data) / len(zlib.compress(data))


def tidy(words: Iterable[Mapping[str, Any]], audio: Audio) -> list[Word]:
    """Non-blank words in time order, clipped to the audio and at least one tick long."""
    tidied = []
    for word in words:
        if text := word["word"].strip():
            start = min(max(0.0, float(word["start"])), max(0.0, audio.duration - TICK))
            end = min(max(float(word["end"]), start + TICK), audio.duration)
            tidied.append(Word(start, end, text, min(1.0, max(0.0, float(word["probability"])))))
    return sorted(tidied, key=lambda word: (word.start, word.end))


def without_loops(
    words: Sequence[Word], max_phrase: int, max_repeats: int
) -> tuple[list[Word], list[Sequence[Word]]]:
    """Removes repetitions of phrases that occur more than ``max_repeats`` times in a row.

    ``no no no`` is speech; ``thank you thank you thank you thank you`` is a loop of the decoder.

    Returns:
        The words without repetitions, and the repetitions of each loop.
    """
    plain = [word.text.lower().strip(".,!?;:…\"'") for word in words]
    kept: list[Word] = []
    loops: list[Sequence[Word]] = []
    at = 0
    while at < len(words):
        for size in range(1, max_phrase + 1):
            phrase, times = plain[at : at + size], 1
            while plain[at + times * size : at + (times + 1) * size] == phrase:
                times += 1
            if times > max_repeats and len(phrase) == size:
                kept += words[at : at + size]
                loops.append(words[at + size : at + times * size])
                at += times * size
                break
        else:
            kept.append(words[at])
            at += 1
    return kept, loops
