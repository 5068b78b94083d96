"""What all Whispers share: how their inventions are caught, and how their words are put in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field

from paqa_builder.audio import Audio
from paqa_builder.device import DeviceOptions
from paqa_builder.records import Word

TICK = 0.02
"""Whisper's time resolution in seconds; no word is shorter."""


class WhisperOptions(DeviceOptions):
    """Settings of every Whisper: its language, and when its text counts as invented."""

    language: str | None = Field(None, description="ISO 639-1 code; without one the language is detected.")
    max_no_speech: float = Field(
        0.6, ge=0, le=1, description="Above this no-speech probability a doubtful segment is dropped."
    )
    min_log_probability: float = Field(
        -1.0, le=0, description="Mean log probability per token below which a segment is doubtful."
    )
    max_compression: float = Field(
        2.4, gt=1, description="Segments whose text compresses better than this are dropped as loops."
    )
    max_repeats: int = Field(
        3, ge=1, description="Of a phrase said more than this many times on end, the first is kept."
    )
    max_phrase: int = Field(4, ge=1, description="Longest phrase, in words, that is watched for repeats.")


def is_speech(log_probability: float, no_speech: float, compression: float, options: WhisperOptions) -> bool:
    """True for a segment that Whisper has not made up, by its own figures.

    Args:
        log_probability: Mean log probability per token.
        no_speech: Probability of the no-speech token.
        compression: How well the text compresses; loops compress well.
    """
    doubtful = log_probability < options.min_log_probability
    return not ((doubtful and no_speech > options.max_no_speech) or compression > options.max_compression)


def tidy(words: Iterable[Any], audio: Audio) -> list[Word]:
    """Words inside the clip, in time order, each at least one tick long and not blank."""
    found = []
    for word in words:
        if text := word.word.strip():
            start = min(max(0.0, float(word.start)), max(0.0, audio.duration - TICK))
            end = min(max(float(word.end), start + TICK), audio.duration)
            found.append(Word(start, end, text, min(1.0, max(0.0, float(word.probability)))))
    return sorted(found, key=lambda word: (word.start, word.end))


def without_loops(words: Sequence[Word], max_phrase: int, max_repeats: int) -> list[Word]:
    """Keeps the first of a phrase that is repeated on end more than ``max_repeats`` times.

    ``no no no`` is speech; ``thank you thank you thank you thank you`` is a recogniser in a loop.
    """
    plain = [word.text.lower().strip(".,!?;:…\"'") for word in words]
    kept: list[Word] = []
    at = 0
    while at < len(words):
        for size in range(1, max_phrase + 1):
            phrase, times = plain[at : at + size], 1
            while plain[at + times * size : at + (times + 1) * size] == phrase:
                times += 1
            if times > max_repeats and len(phrase) == size:
                kept += words[at : at + size]
                at += times * size
                break
        else:
            kept.append(words[at])
            at += 1
    return kept
