"""Options of all Whisper backends, and rejection of hallucinated words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from paqa_builder.audio import Audio
from paqa_builder.perception.backends.base import DeviceOptions, RejectedWords, dropped_words
from paqa_builder.records import Word

TICK = 0.02
"""Whisper's time resolution in seconds, the minimum length of a word."""

# No fallback temperatures, which sample at random, and no rejection by the packages.
DECODING: dict[str, Any] = {
    "temperature": 0.0, "condition_on_previous_text": False, "word_timestamps": True,
    "no_speech_threshold": None, "compression_ratio_threshold": None,
}  # fmt: skip


class WhisperOptions(DeviceOptions):
    """Language, and thresholds for hallucinated text."""

    language: str | None = Field(None, description="ISO 639-1 code; null: detected.")
    max_no_speech: float = Field(0.6, ge=0, le=1, description="Maximum no-speech probability if doubtful.")
    min_log_probability: float = Field(-1.0, le=0, description="Mean per token; lower: doubtful segment.")
    max_compression: float = Field(2.4, gt=1, description="Maximum compression ratio of a segment.")
    max_repeats: int = Field(3, ge=1, description="Maximum repetitions of a phrase.")
    max_phrase: int = Field(4, ge=1, description="Maximum words of a repeated phrase.")


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of text with Whisper's statistics.

    Attributes:
        words: Objects with ``start``, ``end``, ``word`` and ``probability``.
        log_probability: Mean log probability per token.
        no_speech: Probability of the no-speech token.
        compression: Compression ratio of the text; high for loops.
    """

    words: Iterable[Any]
    log_probability: float
    no_speech: float
    compression: float


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
        words = tidy(segment.words, audio)
        reason = invented(segment, options)
        if reason is None:
            kept += words
        elif words:
            dropped.append(dropped_words(words, reason))
    kept.sort(key=lambda word: (word.start, word.end))
    kept, loops = without_loops(kept, options.max_phrase, options.max_repeats)
    dropped += [dropped_words(words, "repetition") for words in loops]
    return kept, tuple(sorted(dropped, key=lambda d: (d.start, d.end, d.reason)))


def invented(segment: Segment, options: WhisperOptions) -> str | None:
    """The reason to reject a segment as hallucinated, or None."""
    doubtful = segment.log_probability < options.min_log_probability
    if doubtful and segment.no_speech > options.max_no_speech:
        return "no_speech"
    return "compression" if segment.compression > options.max_compression else None


def tidy(words: Iterable[Any], audio: Audio) -> list[Word]:
    """Non-blank words in time order, clipped to the audio and at least one tick long."""
    tidied = []
    for word in words:
        if text := word.word.strip():
            start = min(max(0.0, float(word.start)), max(0.0, audio.duration - TICK))
            end = min(max(float(word.end), start + TICK), audio.duration)
            tidied.append(Word(start, end, text, min(1.0, max(0.0, float(word.probability)))))
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
