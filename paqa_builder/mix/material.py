"""Material to mix: pieces of speech and sounds, found in the recordings of a pool on first use.

A recording with a transcript is one piece: its silent ends are trimmed, and it is not cut, because the
text of a part is unknown. Speech without a transcript is cut into phrases at its pauses; long phrases
are cut at their quietest frame.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from paqa_builder.errors import AudioError
from paqa_builder.intervals import Spans
from paqa_builder.licenses import UNKNOWN
from paqa_builder.mix import decoding
from paqa_builder.mix.activity import activity, clip_spans, split_long
from paqa_builder.mix.recordings import Recording, RecordingPool
from paqa_builder.mix.spec import Spec

log = logging.getLogger(__name__)

MARGIN = 0.05
"""Seconds kept around activity, so that fades do not affect speech."""

SOUND_BRIDGE = 0.2
SOUND_LEAST = 0.03


@dataclass(frozen=True, slots=True)
class Take:
    """Part of an audio file, with its provenance. Times are seconds of the file."""

    root: str
    path: str
    sha256: str
    start: float
    end: float
    source: str
    license: str = UNKNOWN
    attribution: str = ""
    source_url: str = ""

    @property
    def length(self) -> float:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of speech. ``activity`` and ``words`` are in seconds from the take's start."""

    take: Take
    activity: Spans
    text: str | None
    language: str | None
    words: tuple[tuple[float, float, str], ...] | None

    @property
    def length(self) -> float:
        return self.take.length


@dataclass(frozen=True, slots=True)
class Stretch:
    """A sound from the start to the end of its activity, which is in seconds of the file."""

    recording: Recording
    sha256: str
    activity: Spans

    @property
    def length(self) -> float:
        return self.activity[-1][1] - self.activity[0][0]

    def take(self, start: float, length: float) -> Take:
        """The excerpt of ``length`` seconds from ``start``."""
        return _take(self.recording, self.sha256, start, start + length)

    def starts(self, length: float) -> list[float]:
        """Onsets of active spans followed by at least ``length`` seconds of the sound."""
        return [a for a, _ in self.activity if self.activity[-1][1] - a >= length - 1e-6]


class Material:
    """Pieces and sounds of a speech and a sound pool; each file is analysed once.

    An unreadable file yields no material and a warning.
    """

    def __init__(self, spec: Spec, speech: RecordingPool | None, events: RecordingPool | None) -> None:
        self._spec = spec
        self._pools = {"speech": speech, "events": events}
        self._pieces: dict[str, tuple[Piece, ...]] = {}
        self._stretches: dict[str, Stretch | None] = {}

    def groups(self, kind: str, split: str) -> dict[str, tuple[Recording, ...]]:
        """Recordings of a kind by speaker or label; empty without a pool of that kind."""
        pool = self._pools[kind]
        return pool.groups(split) if pool else {}

    def pieces(self, recording: Recording) -> tuple[Piece, ...]:
        """The recording's pieces of speech with a length that the specification allows."""
        if recording.key not in self._pieces:
            decoded = self._read("speech", recording)
            self._pieces[recording.key] = self._cut(recording, *decoded) if decoded else ()
        return self._pieces[recording.key]

    def stretch(self, recording: Recording) -> Stretch | None:
        """The recording's sound; None for a silent or unreadable recording."""
        if recording.key not in self._stretches:
            stretch = None
            if decoded := self._read("events", recording):
                samples, rate, sha256 = decoded
                spans = activity(samples, rate, bridge=SOUND_BRIDGE, least=SOUND_LEAST)
                stretch = Stretch(recording, sha256, spans) if spans else None
            self._stretches[recording.key] = stretch
        return self._stretches[recording.key]

    def _read(self, kind: str, recording: Recording) -> tuple[np.ndarray, int, str] | None:
        pool = self._pools[kind]
        assert pool is not None
        try:
            audio, sha256 = decoding.read(pool.file(recording))
        except AudioError as error:
            log.warning("left out: %s", error.message)
            return None
        return audio.samples, audio.rate, sha256

    def _cut(self, recording: Recording, samples: np.ndarray, rate: int, sha256: str) -> tuple[Piece, ...]:
        spans = activity(samples, rate)
        if not spans:
            return ()
        whole = (spans[0][0], spans[-1][1])
        limits = self._spec.speech.piece
        intact = recording.text is not None and whole[1] - whole[0] <= limits.max
        if intact:
            parts: Spans = (whole,)
        elif recording.text is not None and self._spec.speech.text == "required":
            return ()
        else:
            parts = phrases(samples, rate, spans, limits.min, limits.max)
        end = len(samples) / rate
        pieces = []
        for number, (a, b) in enumerate(parts):
            # Neighbours share the margin, so that no sample is in two pieces.
            before = (a - parts[number - 1][1]) / 2 if number else a
            after = (parts[number + 1][0] - b) / 2 if number + 1 < len(parts) else end - b
            take = _take(recording, sha256, a - min(MARGIN, before), b + min(MARGIN, max(0.0, after)))
            if b - a < limits.min:
                continue
            words = None
            if intact and recording.words is not None:
                words = tuple(
                    (round(s - take.start, 3), round(e - take.start, 3), w) for s, e, w in recording.words
                )
            active = clip_spans(spans, a, b, -take.start)
            pieces.append(Piece(take, active, recording.text if intact else None, recording.language, words))
        return tuple(pieces)


def phrases(samples: np.ndarray, rate: int, spans: Spans, least: float, longest: float) -> Spans:
    """Splits active spans into phrases of ``least`` to ``longest`` seconds where possible."""
    parts = [part for span in spans for part in split_long(samples, rate, span, longest)]
    joined: list[tuple[float, float]] = []
    for start, end in parts:
        short = joined and joined[-1][1] - joined[-1][0] < least
        if short and end - joined[-1][0] <= longest:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _take(recording: Recording, sha256: str, start: float, end: float) -> Take:
    return Take(
        root=recording.root,
        path=recording.path,
        sha256=sha256,
        start=round(start, 3),
        end=round(end, 3),
        source=recording.source,
        license=recording.license,
        attribution=recording.attribution,
        source_url=recording.source_url,
    )
