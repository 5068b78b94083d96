"""*measure*: SNR, loudness, speech quality, overlap, pitch, speech rate, pauses and event levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from pydantic import Field

from paqa_builder.audio import MAX_STEM_RATE
from paqa_builder.intervals import Spans, both, grow, outside, total, union
from paqa_builder.labels.audioset import is_speech
from paqa_builder.perception._tracks import FRAME, Power, decibels, inside, pitch_of, runs, silences
from paqa_builder.perception.backends.base import AudioInput, Measured
from paqa_builder.perception.stage import ClipContext, ListenOptions, Stage
from paqa_builder.perception.transcribe import SPACELESS
from paqa_builder.records import EventMeasure, Measures, Tag, Turn, Utterance, VoiceMeasure
from paqa_builder.sources import settle_truth

_MIN_WORDS, _MIN_SPEECH = 3, 1.0
"""Minimum words and seconds of speech for a speech rate."""
_MIN_SOLO = 0.3
"""Minimum seconds of solo speech for the measures of a voice."""
_MIN_UNDER = 0.2
"""Minimum seconds of speech during an event for their level difference."""
_LONGEST_BREAK = 1.0
"""Maximum gap in seconds between turns of one speaker that counts as a pause."""


class MeasureOptions(ListenOptions):
    """Conditions for measures."""

    guard: float = Field(0.1, ge=0, description="Seconds around other speakers' turns that are not solo.")
    min_voiced: float = Field(0.5, ge=0, description="Minimum seconds of voiced speech for a pitch.")
    max_spread: float = Field(7.0, gt=0, description="Maximum interquartile range in semitones.")
    min_pause: float = Field(0.3, gt=0, description="Minimum length of a pause in seconds.")
    pause_depth: float = Field(30.0, gt=0, description="dB below the loud parts of the voice.")
    min_tag: float = Field(0.3, ge=0, le=1, description="Minimum score of sound events that are measured.")


@dataclass(frozen=True)
class Known:
    """Layers of a clip: the corpus's annotation where there is one, else the output of models."""

    turns: tuple[Turn, ...] | None
    tags: tuple[Tag, ...]
    utterances: tuple[Utterance, ...]

    @classmethod
    def from_context(cls, context: ClipContext) -> Known:
        truth = settle_truth(context.clip.truth, context.info.duration)
        turns = context.turns if truth.turns is None else truth.turns
        tags = context.tags if truth.tags is None else truth.tags
        utterances = context.utterances if truth.utterances is None else truth.utterances
        return cls(turns, tags or (), utterances or ())


class Measure(Stage):
    """Computes measures of voices and events from signal levels and the backend's output.

    A voice is measured in its solo speech. Its level and pauses are measured in the speech stem, the levels
    of events in the background stem. Without stems the mixture is used; then there is no SNR, and events
    are measured only where there is no speech.
    """

    name = "measure"
    upstream = ("separate", "diarize", "tag", "transcribe")
    layer = "measures"
    uses_truth = True
    Options = MeasureOptions

    def run(self, contexts: Sequence[ClipContext]) -> list[tuple[Measures, ...]]:
        measured = self.results([self.listen(context) for context in contexts])
        return [(self.measures(context, item),) for context, item in zip(contexts, measured, strict=True)]

    def listen(self, context: ClipContext) -> AudioInput:
        """The mixture, for loudness, and as ``main`` the speech stem, for pitch."""
        rate = self.backend.sample_rate
        mix, speech = context.mix_at(rate), context.at("speech", rate)
        return AudioInput(mix if speech is None else speech, mix)

    def measures(self, context: ClipContext, measured: Measured) -> Measures:
        known = Known.from_context(context)
        rate = min(context.info.rate, MAX_STEM_RATE)
        mix = Power(context.mix_at(rate))
        speech, background = (
            None if (stem := context.at(name, rate)) is None else Power(stem)
            for name in ("speech", "background")
        )
        turns = known.turns or ()
        spoken = union((turn.start, turn.end) for turn in turns)
        return Measures(
            snr=None
            if speech is None or background is None
            else _ratio(speech, background, speech.within(spoken)),
            loudness=measured.loudness,
            quality=measured.quality if spoken or known.turns is None else None,
            overlap=_overlap(turns, spoken),
            voices=tuple(self._voices(known, mix if speech is None else speech, measured)),
            events=tuple(self._events(known, spoken, mix, speech, background)),
            origin=self.origin,
        )

    def _voices(self, known: Known, power: Power, measured: Measured) -> list[VoiceMeasure]:
        turns = known.turns or ()
        length = len(power.frames) * FRAME
        voices = []
        for speaker in dict.fromkeys(turn.speaker for turn in turns):
            own = union(((t.start, t.end) for t in turns if t.speaker == speaker), gap=_LONGEST_BREAK)
            others = union((t.start, t.end) for t in turns if t.speaker != speaker)
            alone = both(own, outside(grow(others, self.options.guard), 0.0, length))
            solo = power.within(alone)
            pauses = self._pauses(power, solo)
            for first, last in pauses:
                solo[first:last] = False
            level = power.mean(solo)
            seconds = FRAME * float(solo.sum())
            if level is None or seconds < _MIN_SOLO:
                continue
            hertz = np.array(measured.pitch)[inside(len(measured.pitch), measured.step, alone)]
            pitch, spread = pitch_of(hertz, round(self.options.min_voiced / measured.step))
            if spread is not None and spread > self.options.max_spread:
                pitch = None
            lengths = tuple(round(FRAME * (last - first), 2) for first, last in pauses)
            rate = _rate(known.utterances, speaker, alone, seconds)
            voices.append(VoiceMeasure(speaker, seconds, pitch, spread, rate, lengths, decibels(level)))
        return voices

    def _pauses(self, power: Power, solo: np.ndarray) -> list[tuple[int, int]]:
        """Silences inside each run of solo speech, as [first, last) frames."""
        silent = silences(power.frames, solo, self.options.pause_depth)
        least = round(self.options.min_pause / FRAME)
        return [
            (first + start, first + end)
            for first, last in runs(solo)
            for start, end in runs(silent[first:last])
            if end - start >= least and start > 0 and end < last - first
        ]

    def _events(
        self, known: Known, spoken: Spans, mix: Power, speech: Power | None, background: Power | None
    ) -> list[EventMeasure]:
        power, speaking = background or mix, mix.within(spoken)
        events = []
        for tag in known.tags:
            if not tag.localized or tag.score < self.options.min_tag or is_speech(tag.label):
                continue
            during = mix.within(((tag.start, tag.end),))
            # Without stems, the level of the mixture is the event's only where there is no speech.
            level = power.mean(during if background is not None else during & ~speaking)
            if level is None:
                continue
            below_speech = None
            simultaneous = during & speaking
            if speech is not None and background is not None and FRAME * simultaneous.sum() >= _MIN_UNDER:
                below_speech = _ratio(background, speech, simultaneous)
            events.append(EventMeasure(tag.start, tag.end, tag.label, decibels(level), below_speech))
        return events


def _ratio(signal: Power, noise: Power, frames: np.ndarray) -> float | None:
    """Level difference in dB over the chosen frames; None where there are none."""
    if not frames.any():
        return None
    return decibels(np.mean(signal.frames[frames])) - decibels(np.mean(noise.frames[frames]))


def _overlap(turns: Sequence[Turn], spoken: Spans) -> float | None:
    if not spoken:
        return None
    own = [
        union((t.start, t.end) for t in turns if t.speaker == speaker)
        for speaker in {t.speaker for t in turns}
    ]
    overlapping = union(span for pair in combinations(own, 2) for span in both(*pair))
    return total(overlapping) / total(spoken)


def _rate(utterances: Sequence[Utterance], speaker: str, alone: Spans, seconds: float) -> float | None:
    """Words per second of solo speech; None for too little speech or a language without spaces.

    Words with times count if their middle is in solo speech, whatever their attribution. Of text without word
    times, the share counts that its utterance has in solo speech of its speaker.
    """
    if seconds < _MIN_SPEECH or any(u.language in SPACELESS for u in utterances):
        return None
    count = 0
    for utterance in utterances:
        if utterance.words:
            middles = [(word.start + word.end) / 2 for word in utterance.words]
            count += sum(start <= middle < end for middle in middles for start, end in alone)
        elif utterance.speaker == speaker:
            share = total(both(alone, ((utterance.start, utterance.end),)))
            share /= utterance.end - utterance.start
            count += round(share * len(utterance.text.split()))
    return count / seconds if count >= _MIN_WORDS else None
