"""Windows of a few minutes for the transcription of long clips, cut at pauses between turns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from paqa_builder.audio import Audio, spool
from paqa_builder.intervals import outside, union
from paqa_builder.perception._tracks import FRAME, Power
from paqa_builder.perception.backends.base import AudioInput, RejectedWords, Speech
from paqa_builder.records import Turn, Word

SHORTEST, LONGEST = 120.0, 300.0
"""Lengths of a window in seconds."""
_QUIET = 10
"""Frames over which the quietest moment is sought: 0.2 s."""

Window = tuple[float, float]


def between_pauses(audio: Audio, turns: Sequence[Turn] | None) -> list[Window]:
    """Windows that cover a clip.

    They end in the middle of the longest pause within reach. Where there is none, or without turns, they end
    at the quietest moment. Windows without a turn are left out.
    """
    spoken = union((turn.start, turn.end) for turn in turns or ())
    pauses = outside(spoken, 0.0, audio.duration) if turns else []
    power = Power(audio).frames
    cuts = [0.0]
    while audio.duration - cuts[-1] > LONGEST:
        low, high = cuts[-1] + SHORTEST, cuts[-1] + LONGEST
        reach = [(max(low, start), min(high, end)) for start, end in pauses if end > low and start < high]
        if reach:
            start, end = max(reach, key=lambda pause: pause[1] - pause[0])
            cuts.append((start + end) / 2)
        else:
            cuts.append(_quietest(power, low, high))
    windows = list(zip(cuts, [*cuts[1:], audio.duration], strict=True))
    if turns is None:
        return windows
    return [(start, end) for start, end in windows if any(a < end and b > start for a, b in spoken)]


def _quietest(power: np.ndarray, low: float, high: float) -> float:
    near = power[round(low / FRAME) : round(high / FRAME)]
    smooth = np.convolve(near, np.ones(_QUIET), mode="valid")
    return low + FRAME * (int(smooth.argmin()) + _QUIET / 2)


def cut(item: AudioInput, start: float, end: float) -> AudioInput:
    """A window of all signals, in memory."""

    def part(audio: Audio) -> Audio:
        samples = np.array(audio.samples[round(start * audio.rate) : round(end * audio.rate)])
        spool.release(audio.samples)
        return Audio(samples, audio.rate)

    others = [None if audio is None else part(audio) for audio in (item.speech, item.background)]
    return AudioInput(part(item.main), part(item.mix), *others)


def join(windows: Iterable[Window], speeches: Iterable[Speech]) -> Speech:
    """The words of all windows with times in the clip.

    The language is that of most words, each counted with the confidence of its window's language.
    """
    words: list[Word] = []
    dropped: list[RejectedWords] = []
    votes: dict[str, float] = {}
    for (start, _), speech in zip(windows, speeches, strict=True):
        words += [replace(w, start=start + w.start, end=start + w.end) for w in speech.words]
        dropped += [replace(d, start=start + d.start, end=start + d.end) for d in speech.dropped]
        if speech.language is not None:
            sure = len(speech.words) * speech.language_confidence
            votes[speech.language] = votes.get(speech.language, 0.0) + sure
    if not words or not votes:
        return Speech(tuple(words), None, 0.0, tuple(dropped))
    language = max(votes, key=lambda name: votes[name])
    return Speech(tuple(words), language, min(1.0, votes[language] / len(words)), tuple(dropped))
