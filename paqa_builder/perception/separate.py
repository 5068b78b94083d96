"""*separate*: speech and background stems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from paqa_builder.audio import MAX_STEM_RATE, Audio, LongAudio, combine, fit, resample, spool
from paqa_builder.perception import _windows
from paqa_builder.perception._put_back import put_back
from paqa_builder.perception.backends.base import AudioInput, Separator
from paqa_builder.perception.results import check_finite
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import Stem


class Separate(Stage):
    """Separates the mixture; stores two stems at the source's sample rate, 48 kHz at most.

    The top of the band, which resampling to the backend's rate removes, is added to the background, so that
    stems that sum to the mixture still do so when they are stored.

    With a speech enhancer, the speech that it removed is added to the speech stem (see
    :mod:`paqa_builder.perception._put_back`). It also stays in the background, which helps tagging, and so
    the mixture less the background is the enhancer's output.

    Clips longer than ten minutes are separated as a whole, if the backend can, and else in windows that fade
    into each other. Removed speech is restored in such windows.
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
        assert isinstance(self.backend, Separator)
        main = resample(mix, self.backend.sample_rate)
        assert isinstance(main, LongAudio)
        pieces = self.backend.speech_pieces(main)
        return self._in_windows(mix) if pieces is None else self._whole(mix, main.rate, pieces)

    def _in_windows(self, mix: LongAudio) -> tuple[Audio, Audio]:
        """Stems of a long clip from those of its windows."""
        rate = min(mix.rate, MAX_STEM_RATE)

        def compute(first: int, end: int | None) -> list[np.ndarray]:
            window = Audio(_cut(mix, first, end), mix.rate)
            return [stem.samples for stem in self._separated(window)]

        stems = [spool.Spool(mix.folder) for _ in range(2)]
        for pieces in _windows.faded(*_size(mix, rate), compute):
            for stem, piece in zip(stems, pieces, strict=True):
                stem.write(piece)
        speech, background = (LongAudio(stem.array(), rate, mix.folder) for stem in stems)
        return speech, background

    def _whole(self, mix: LongAudio, rate: int, pieces: Iterator[np.ndarray]) -> tuple[Audio, Audio]:
        """Stems of a long clip whose speech at ``rate`` is given; only the restored speech has windows."""
        speech = LongAudio(spool.filed(map(_checked, pieces), mix.folder), rate, mix.folder)
        whole = resample(mix, min(mix.rate, MAX_STEM_RATE))
        kept = resample(speech, whole.rate)
        rest = combine(np.subtract, whole, kept)

        def compute(first: int, end: int | None) -> list[np.ndarray]:
            taken = _cut(rest, first, end)
            part = fit(_cut(kept, first, end), len(taken))
            return [self._restored(part, taken, rest.rate)]

        windows = _windows.faded(*_size(rest, rest.rate), compute)
        stem = spool.filed((piece for (piece,) in windows), mix.folder)
        return LongAudio(stem, rest.rate, mix.folder), rest

    def _at_own_rate(
        self, whole: Audio, main: Audio, speech: Audio, background: Audio
    ) -> tuple[Audio, Audio]:
        """The stems at the sample rate of the clip, with what the backend's rate removed."""
        mix = resample(whole, min(whole.rate, MAX_STEM_RATE))
        lost = mix.samples - _like(main, mix).samples
        rest = Audio(_like(background, mix).samples + lost, mix.rate)
        kept = _like(speech, mix)
        return Audio(self._restored(kept.samples, rest.samples, mix.rate), mix.rate), rest

    def _restored(self, kept: np.ndarray, taken: np.ndarray, rate: int) -> np.ndarray:
        """Speech with that part of it which an enhancer removed."""
        if isinstance(self.backend, Separator) and self.backend.enhances:
            return kept + put_back(kept, taken, rate)
        return kept

    def _stems(self, context: ClipContext, speech: Audio, background: Audio) -> tuple[Stem, ...]:
        return (self._store(context, "speech", speech), self._store(context, "background", background))

    def _store(self, context: ClipContext, name: str, stem: Audio) -> Stem:
        assert context.save_stem is not None
        return Stem(name, context.save_stem(name, stem), stem.rate, stem.rms, self.origin)


def _size(audio: Audio, rate: int) -> tuple[float, int, int]:
    """Duration in seconds; ``rate``, and the number of samples at it."""
    return audio.duration, rate, round(len(audio.samples) * rate / audio.rate)


def _cut(audio: Audio, first: int, end: int | None) -> np.ndarray:
    """Samples between two times in seconds, in memory."""
    samples = np.array(audio.samples[first * audio.rate : None if end is None else end * audio.rate])
    spool.release(audio.samples)
    return samples


def _checked(piece: np.ndarray) -> np.ndarray:
    check_finite(piece)
    return piece


def _like(audio: Audio, mix: Audio) -> Audio:
    """``audio`` at the sample rate and the length of ``mix``."""
    return Audio(fit(resample(audio, mix.rate).samples, len(mix.samples)), mix.rate)
