"""*measure*: how loud, how high, how fast, how clean: what is measured rather than recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from paqa_builder.audio import MAX_STEM_RATE, Audio
from paqa_builder.intervals import Spans, both, grow, outside, total, union
from paqa_builder.labels.audioset import is_speech
from paqa_builder.perception._tracks import FRAME, Power, decibels, inside, pitch_of, runs, silences
from paqa_builder.perception.backends.base import AudioInput, Measured
from paqa_builder.perception.stage import ClipContext, ListenOptions, Stage
from paqa_builder.records import EventMeasure, Measures, Tag, Turn, Utterance, VoiceMeasure
from paqa_builder.sources import settle_truth

_SPACELESS = frozenset({"ja", "lo", "my", "th", "yue", "zh"})
_MIN_WORDS, _MIN_SPEECH = 3, 1.0
"""Fewer words, or fewer seconds of speech, are no speech rate."""
_MIN_SOLO = 0.3
"""Less speech of one voice alone, in seconds, is no measure of it."""
_MIN_UNDER = 0.2
"""Seconds of speech beneath an event from which on they are compared."""
_LONGEST_BREAK = 1.0
"""A diarizer may end a turn at a pause; up to this many seconds it is one."""


class MeasureOptions(ListenOptions):
    """What is enough to measure."""

    guard: float = Field(
        0.1, ge=0, description="Seconds around others' turns in which a voice is not taken to be alone."
    )
    min_voiced: float = Field(0.5, ge=0, description="Fewer seconds of voiced speech give no pitch.")
    max_spread: float = Field(
        7.0, gt=0, description="Pitch whose quartiles are further apart, in semitones, is none to rely on."
    )
    min_pause: float = Field(0.3, gt=0, description="A shorter silence, in seconds, is no pause.")
    pause_depth: float = Field(
        30.0, gt=0, description="A pause is this many dB below the loud parts of its speaker's voice."
    )
    min_tag: float = Field(0.3, ge=0, le=1, description="Sound events with a lower score are not measured.")


@dataclass(frozen=True)
class Known:
    """A clip's best-known layers: the corpus's own where it has them, else the models'."""

    turns: tuple[Turn, ...] | None
    tags: tuple[Tag, ...]
    utterances: tuple[Utterance, ...]

    @classmethod
    def of(cls, view: ClipContext) -> Known:
        truth = settle_truth(view.clip.truth, view.info.duration)
        turns = view.turns if truth.turns is None else truth.turns
        tags = view.tags if truth.tags is None else truth.tags
        utterances = view.utterances if truth.utterances is None else truth.utterances
        return cls(turns, tags or (), utterances or ())


class Measure(Stage):
    """Relates what the backend measured, and the level of every signal, to voices and events.

    A voice is measured where nobody else speaks; its level and pauses are those of the speech stem,
    an event's level that of the background stem. Without stems there is the mixture: no SNR then,
    and only events that sound where nobody speaks.
    """

    name = "measure"
    upstream = ("separate", "diarize", "tag", "transcribe")
    layer = "measures"
    uses_truth = True
    Options = MeasureOptions

    def run(self, views: Sequence[ClipContext]) -> list[tuple[Measures, ...]]:
        found = self.backend.run([self.listen(view) for view in views])
        return [(self.measures(view, item),) for view, item in zip(views, found, strict=True)]

    def listen(self, view: ClipContext) -> AudioInput:
        """The mixture for loudness; the speech stem for pitch: any of the mixture in it does harm."""
        rate = self.backend.sample_rate
        mix, speech = view.at("mix", rate), view.at("speech", rate)
        assert mix is not None
        return AudioInput(mix if speech is None else speech, mix)

    def measures(self, view: ClipContext, measured: Measured) -> Measures:
        known = Known.of(view)
        rate = min(view.info.rate, MAX_STEM_RATE)
        mix, speech, background = (
            self._power(view.at(name, rate)) for name in ("mix", "speech", "background")
        )
        assert mix is not None
        turns = known.turns or ()
        spoken = union((turn.start, turn.end) for turn in turns)
        return Measures(
            snr=None if speech is None or background is None else _ratio(speech, background, spoken),
            loudness=measured.loudness,
            quality=measured.quality if spoken or known.turns is None else None,
            overlap=_overlap(turns, spoken),
            voices=tuple(self._voices(known, mix if speech is None else speech, measured)),
            events=tuple(self._events(known, spoken, mix, speech, background)),
            origin=self.origin,
        )

    @staticmethod
    def _power(audio: Audio | None) -> Power | None:
        return None if audio is None else Power(audio)

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
        """Silences within each stretch of one voice alone, as [first, last) frames."""
        silent = silences(power.frames, solo, self.options.pause_depth)
        least = round(self.options.min_pause / FRAME)
        return [
            (start, end)
            for first, last in runs(solo)
            for start, end in runs(silent[first:last])
            if end - start >= least and start > 0 and end < last - first
            for start, end in [(first + start, first + end)]
        ]

    def _events(
        self, known: Known, spoken: Spans, mix: Power, speech: Power | None, background: Power | None
    ) -> list[EventMeasure]:
        heard, speaking = background or mix, mix.within(spoken)
        events = []
        for tag in known.tags:
            if not tag.localized or tag.score < self.options.min_tag or is_speech(tag.label):
                continue
            during = mix.within(((tag.start, tag.end),))
            # Without stems the mixture is the event's own only where nobody speaks.
            level = heard.mean(during if background is not None else during & ~speaking)
            if level is None:
                continue
            beneath = None
            under = during & speaking
            if speech is not None and background is not None and FRAME * under.sum() >= _MIN_UNDER:
                voice, own = speech.mean(under), background.mean(under)
                assert voice is not None
                assert own is not None
                beneath = decibels(own) - decibels(voice)
            events.append(EventMeasure(tag.start, tag.end, tag.label, decibels(level), beneath))
        return events


def _ratio(speech: Power, background: Power, spoken: Spans) -> float | None:
    chosen = speech.within(spoken)
    voice, rest = speech.mean(chosen), background.mean(chosen)
    return None if voice is None or rest is None else decibels(voice) - decibels(rest)


def _overlap(turns: Sequence[Turn], spoken: Spans) -> float | None:
    if not spoken:
        return None
    own = [
        union((t.start, t.end) for t in turns if t.speaker == speaker)
        for speaker in {t.speaker for t in turns}
    ]
    together = union(span for n, one in enumerate(own) for other in own[:n] for span in both(one, other))
    return total(together) / total(spoken)


def _rate(utterances: Sequence[Utterance], speaker: str, alone: Spans, seconds: float) -> float | None:
    """Words a second of speech. Words with times count where the voice is alone, whoever they are put down
    to; text without word times counts whole, for its own speaker, where it lies in speech of that one alone.
    """
    if seconds < _MIN_SPEECH or any(u.language in _SPACELESS for u in utterances):
        return None
    count = 0
    for utterance in utterances:
        if utterance.words:
            middles = [(word.start + word.end) / 2 for word in utterance.words]
            count += sum(any(start <= at < end for start, end in alone) for at in middles)
        elif utterance.speaker == speaker:
            share = total(both(alone, ((utterance.start, utterance.end),)))
            share /= utterance.end - utterance.start
            count += round(share * len(utterance.text.split()))
    return count / seconds if count >= _MIN_WORDS else None
