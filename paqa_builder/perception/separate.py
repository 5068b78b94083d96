"""*separate*: speech and background stems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from paqa_builder.audio import MAX_STEM_RATE, Audio, LongAudio, fit, resample, spool
from paqa_builder.perception._put_back import put_back
from paqa_builder.perception.backends.base import AudioInput, Separator
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import Stem

WINDOW, CONTEXT, FADE = 240, 10, 2
"""Seconds of a window of a long clip, those heard before and after it, and those in which one window's stems
fade into the next one's."""


class Separate(Stage):
    """Separates the mixture; stores two stems at the source's sample rate, 48 kHz at most.

    The top of the band, which resampling to the backend's rate removes, is added to the background, so that
    stems that sum to the mixture still do so when they are stored.

    With a speech enhancer, the speech that it removed is added to the speech stem (see
    :mod:`paqa_builder.perception._put_back`). It also stays in the background, which helps tagging, and so
    the mixture less the background is the enhancer's output.

    Clips longer than ten minutes are separated window by window.
    """

    name = "separate"
    version = 2
    layer = "stems"

    def run(self, contexts: Sequence[ClipContext]) -> list[tuple[Stem, ...]]:
        if any(isinstance(context.mix, LongAudio) for context in contexts):
            return [self._stems(context, *self._separated(context.mix)) for context in contexts]
        rate = self.backend.sample_rate
        inputs = [self.audio_input(context, resample(context.mix, rate)) for context in contexts]
        pairs = self.results(inputs)
        return [
            self._stems(context, *self._at_own_rate(context.mix, item.main, *pair))
            for context, item, pair in zip(contexts, inputs, pairs, strict=True)
        ]

    def _separated(self, mix: Audio) -> tuple[Audio, Audio]:
        """Speech and background of one clip, of any length."""
        if not isinstance(mix, LongAudio):
            main = resample(mix, self.backend.sample_rate)
            (pair,) = self.results([AudioInput(main, main)])
            return self._at_own_rate(mix, main, *pair)
        stems = [spool.Spool(mix.folder) for _ in range(2)]
        for pieces in self._windows(mix):
            for stem, piece in zip(stems, pieces, strict=True):
                stem.write(piece)
        rate = min(mix.rate, MAX_STEM_RATE)
        speech, background = (LongAudio(stem.array(), rate, mix.folder) for stem in stems)
        return speech, background

    def _windows(self, mix: LongAudio) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields adjacent pieces of the stems of a long clip."""
        rate = min(mix.rate, MAX_STEM_RATE)
        seconds, length = len(mix.samples) / mix.rate, round(len(mix.samples) * rate / mix.rate)
        rising = (np.arange(FADE * rate, dtype=np.float32) + 0.5) / (FADE * rate)
        tails = None
        for start in range(0, max(1, int(np.ceil(seconds - CONTEXT))), WINDOW):
            last = start + WINDOW + CONTEXT >= seconds
            first = max(0, start - CONTEXT)
            end = len(mix.samples) if last else (start + WINDOW + CONTEXT) * mix.rate
            window = Audio(np.array(mix.samples[first * mix.rate : end]), mix.rate)
            spool.release(mix.samples)
            stems = [stem.samples for stem in self._separated(window)]
            if last:
                stems = [fit(stem, length - first * rate) for stem in stems]
            if tails is not None:  # from half a fade before the window's start on
                skipped = round((start - first - FADE / 2) * rate)
                stems = [stem[skipped:] for stem in stems]
                stems = [
                    np.concatenate([rising * stem[: len(rising)] + (1 - rising) * tail, stem[len(rising) :]])
                    for stem, tail in zip(stems, tails, strict=True)
                ]
            if last:
                yield stems[0], stems[1]
                return
            kept = round((CONTEXT + FADE / 2) * rate)
            tails = [stem[-kept : len(stem) - kept + len(rising)] for stem in stems]
            yield stems[0][:-kept], stems[1][:-kept]

    def _at_own_rate(
        self, whole: Audio, main: Audio, speech: Audio, background: Audio
    ) -> tuple[Audio, Audio]:
        """The stems at the sample rate of the clip, with what the backend's rate removed."""
        mix = resample(whole, min(whole.rate, MAX_STEM_RATE))
        lost = mix.samples - _like(main, mix).samples
        rest = Audio(_like(background, mix).samples + lost, mix.rate)
        kept = _like(speech, mix)
        if isinstance(self.backend, Separator) and self.backend.enhances:
            kept = Audio(kept.samples + put_back(kept.samples, rest.samples, mix.rate), mix.rate)
        return kept, rest

    def _stems(self, context: ClipContext, speech: Audio, background: Audio) -> tuple[Stem, ...]:
        return (self._store(context, "speech", speech), self._store(context, "background", background))

    def _store(self, context: ClipContext, name: str, stem: Audio) -> Stem:
        assert context.save_stem is not None
        return Stem(name, context.save_stem(name, stem), stem.rate, stem.rms, self.origin)


def _like(audio: Audio, mix: Audio) -> Audio:
    """``audio`` at the sample rate and the length of ``mix``."""
    return Audio(fit(resample(audio, mix.rate).samples, len(mix.samples)), mix.rate)
