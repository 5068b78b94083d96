"""Transcription as the first release called faster-whisper: every clip alone, in windows of 30 s.

The language is detected first, with an encoding of its own. Hallucinated text is rejected after its words are
aligned. For comparison with :mod:`paqa_builder.perception.backends.transcribe.faster_whisper`; the caller
measures the CPU seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.audio import Audio

MAX_NO_SPEECH, MIN_LOG_PROBABILITY, MAX_COMPRESSION = 0.6, -1.0, 2.4


@dataclass(frozen=True, slots=True)
class Result:
    """Words of a clip as (start, end, text, probability), rejected texts, and the language."""

    words: tuple[tuple[float, float, str, float], ...]
    rejected: tuple[str, ...]
    language: str | None
    language_probability: float


def load(folder: Path | str) -> Any:
    """The model in a folder with CTranslate2 weights, in int8 on one CPU thread."""
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
    )


def run(clips: Sequence[Audio], model: Any, language: str | None = None) -> list[Result]:
    """Transcribes clips at 16 kHz, one after the other."""
    return [_transcribe(model, clip, language) for clip in clips]


def _transcribe(model: Any, clip: Audio, language: str | None) -> Result:
    if clip.silent:
        return Result((), (), None, 0.0)
    segments, info = model.transcribe(
        clip.samples,
        language=language,
        beam_size=5,
        temperature=0.0,
        condition_on_previous_text=False,
        word_timestamps=True,
        vad_filter=False,
        no_speech_threshold=None,
        compression_ratio_threshold=None,
        log_prob_threshold=None,
    )
    words: list[tuple[float, float, str, float]] = []
    rejected: list[str] = []
    for segment in segments:
        doubtful = segment.avg_logprob < MIN_LOG_PROBABILITY and segment.no_speech_prob > MAX_NO_SPEECH
        if doubtful or segment.compression_ratio > MAX_COMPRESSION:
            rejected.append(segment.text.strip())
        else:
            spoken = [word for word in segment.words if word.word.strip()]
            words += [(word.start, word.end, word.word.strip(), word.probability) for word in spoken]
    return Result(tuple(sorted(words)), tuple(rejected), info.language, info.language_probability)
