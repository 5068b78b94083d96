"""Windows of a clip for Whisper, as long as the clip, and the segments of text in them.

Whisper was trained on windows of 30 s, and shorter audio is padded with zeros. A window of the clip's own
length and a margin gives the same words in a fraction of the time. The length of a window depends on the
clip alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from paqa_builder.perception.backends.transcribe._whisper import Decoded, Segment, WhisperOptions, invented

FRAMES = 100
"""Frames of the spectrogram per second."""
TOKEN_FRAMES = 2
"""Frames between two values of the timestamp tokens."""
LONGEST = 30 * FRAMES
SHORTEST = 6 * FRAMES
MARGIN = 3 * FRAMES
"""Minimum padding after the audio. With less, Whisper makes more errors, and repeats short sentences."""
_FEWEST_TOKENS, _TOKENS_PER_SECOND, _MAX_TOKENS = 16, 6, 224
"""Limits of tokens: the first by the length of the window, and the last. Speech has up to 7 a second."""
SURE_LANGUAGE = 0.6
"""Less probable languages are detected again in a window of 30 s, where the model errs less."""
_SHORTEST_REST, _SHORTEST_SEEN_REST = 20, 200
"""Frames after the last segment that are worth another window, where the last window did not contain them and
where it did. Whisper rarely stops early, and invents text for the silence at the end of a clip."""


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a clip's spectrogram.

    Attributes:
        features: ``float32 [mels, frames]``, padded with zeros.
        start: Its first frame in the clip.
        frames: Number of frames of audio, without the padding.
        max_tokens: Number of tokens at which decoding stops.
    """

    features: np.ndarray
    start: int
    frames: int
    max_tokens: int

    @property
    def longest(self) -> np.ndarray:
        """The features padded to 30 s."""
        return np.pad(self.features, ((0, 0), (0, LONGEST - self.features.shape[1])))

    @property
    def shape(self) -> tuple[int, int]:
        """Length in frames and limit of tokens; windows of one shape may share a batch."""
        return self.features.shape[1], self.max_tokens


def padded(frames: int, step: int) -> int:
    """Length of the window for ``frames`` of audio, in frames: a multiple of ``step``, or the longest."""
    return min(LONGEST, step * math.ceil(max(SHORTEST, frames + MARGIN) / step))


class Progress:
    """The windows of a clip, one after the other. Each starts where the segments of the last one end.

    Args:
        features: Spectrogram of the clip, ``float32 [mels, frames]``.
        step: Lengths of windows are multiples of this number of frames.
        timestamps: Id of the first timestamp token; the ids of text are lower.
        language: The clip's language; None if it is to be detected in the first window.
    """

    def __init__(
        self, features: np.ndarray, step: int, options: WhisperOptions, timestamps: int, language: str | None
    ) -> None:
        self._features = features
        self._step = step
        self._options = options
        self._timestamps = timestamps
        self._start = self._seen = 0
        self._unlimited = False
        self.last_word = 0.0
        self.language: str | None = language
        self.language_probability = 1.0
        self.segments: list[Segment] = []

    def window(self) -> Window | None:
        """The next window; None at the end of the clip."""
        count = self._features.shape[1]
        seen = self._seen == count
        if count - self._start < (_SHORTEST_SEEN_REST if seen else _SHORTEST_REST if self._start else 1):
            return None
        part = self._features[:, self._start : self._start + LONGEST]
        frames = part.shape[1]
        size = padded(frames, self._step)
        features = np.pad(part, ((0, 0), (0, size - frames)))
        limit = _FEWEST_TOKENS + _TOKENS_PER_SECOND * size // FRAMES
        return Window(features, self._start, frames, _MAX_TOKENS if self._unlimited else limit)

    def accept(
        self,
        window: Window,
        decoded: Decoded,
        align: Callable[[list[dict[str, Any]]], None],
        text: Callable[[list[int]], str],
    ) -> None:
        """Adds the segments of a window. Hallucinated segments are not aligned.

        A text that reaches the limit of tokens and is not a loop is decoded again without it.

        Args:
            align: Adds ``words`` to segments, and moves their ``start`` and ``end`` to them.
            text: Text of tokens.
        """
        reason = invented(decoded, self._options)
        self._unlimited = (
            reason is None
            and window.max_tokens - 1 <= len(decoded.tokens)
            and window.max_tokens < _MAX_TOKENS
        )
        if self._unlimited:
            return
        parts, finished = split(decoded.tokens, window, self._timestamps)
        self._seen = end = window.start + window.frames
        stamp = parts[-1]["end"]
        if reason is None and any(token < self._timestamps for part in parts for token in part["tokens"]):
            align(parts)
            last = max((part["words"][-1]["end"] for part in parts if part["words"]), default=None)
            if last is not None:
                self.last_word = last
        if not finished:
            end = round((stamp if end == self._features.shape[1] else parts[-1]["end"]) * FRAMES)
        for part in parts:
            spoken = text(part["tokens"]).strip()
            if spoken and part["start"] < part["end"]:
                self.segments.append(
                    Segment(
                        part["start"], part["end"], spoken, part["words"], reason, decoded.log_probability
                    )
                )
        self._start = end if end > window.start else window.start + window.frames


def split(tokens: Sequence[int], window: Window, timestamps: int) -> tuple[list[dict[str, Any]], bool]:
    """Divides the tokens of a window at pairs of timestamps, as the packages do.

    Returns:
        Segments as the packages' functions for word times expect them: ``seek`` (first frame of the window),
        ``start`` and ``end`` in seconds of the clip, ``tokens``; and whether they end with the window.
    """
    is_time = [token >= timestamps for token in tokens]
    offset = window.start / FRAMES

    def segment(first: int, last: int, start: float, end: float) -> dict[str, Any]:
        return {
            "seek": window.start,
            "start": start,
            "end": end,
            "tokens": list(tokens[first:last]),
            "words": [],
        }

    def seconds(token: int) -> float:
        return offset + max(0, token - timestamps) * TOKEN_FRAMES / FRAMES

    ends_at_once = is_time[-2:] == [False, True]
    cuts = [n + 1 for n, pair in enumerate(pairwise(is_time)) if all(pair)]
    if not cuts:
        times = [token for token in tokens if token > timestamps]
        end = seconds(times[-1]) if times else offset + window.frames / FRAMES
        return [segment(0, len(tokens), offset, end)], True
    if ends_at_once:
        cuts.append(len(tokens))
    bounds = pairwise([0, *cuts])
    parts = [segment(a, b, seconds(tokens[a]), seconds(tokens[b - 1])) for a, b in bounds]
    return parts, ends_at_once
