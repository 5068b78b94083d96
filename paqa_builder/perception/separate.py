"""*separate*: speech and background stems."""

from __future__ import annotations

from collections.abc import Sequence

from paqa_builder.audio import MAX_STEM_RATE, Audio, fit, resample
from paqa_builder.perception._put_back import put_back
from paqa_builder.perception.backends.base import Separator
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import Stem


class Separate(Stage):
    """Separates the mixture; stores two stems at the source's sample rate, 48 kHz at most.

    The top of the band, which resampling to the backend's rate removes, is added to the background, so that
    stems that sum to the mixture still do so when they are stored.

    With a speech enhancer, the speech that it removed is added to the speech stem (see
    :mod:`paqa_builder.perception._put_back`). It also stays in the background, which helps tagging, and so
    the mixture less the background is the enhancer's output.
    """

    name = "separate"
    version = 2
    layer = "stems"

    def run(self, contexts: Sequence[ClipContext]) -> list[tuple[Stem, ...]]:
        rate = self.backend.sample_rate
        inputs = [self.audio_input(context, resample(context.mix, rate)) for context in contexts]
        pairs = self.backend.run(inputs)
        return [
            self._stems(context, item.main, *pair)
            for context, item, pair in zip(contexts, inputs, pairs, strict=True)
        ]

    def _stems(self, context: ClipContext, main: Audio, speech: Audio, background: Audio) -> tuple[Stem, ...]:
        mix = resample(context.mix, min(context.mix.rate, MAX_STEM_RATE))
        lost = mix.samples - _like(main, mix).samples
        rest = Audio(_like(background, mix).samples + lost, mix.rate)
        kept = _like(speech, mix)
        if isinstance(self.backend, Separator) and self.backend.enhances:
            kept = Audio(kept.samples + put_back(kept.samples, rest.samples, mix.rate), mix.rate)
        return (self._store(context, "speech", kept), self._store(context, "background", rest))

    def _store(self, context: ClipContext, name: str, stem: Audio) -> Stem:
        assert context.save_stem is not None
        return Stem(name, context.save_stem(name, stem), stem.rate, stem.rms, self.origin)


def _like(audio: Audio, mix: Audio) -> Audio:
    """``audio`` at the sample rate and the length of ``mix``."""
    return Audio(fit(resample(audio, mix.rate).samples, len(mix.samples)), mix.rate)
