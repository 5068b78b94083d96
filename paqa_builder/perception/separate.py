"""*separate*: speech from background, both kept."""

from __future__ import annotations

from collections.abc import Sequence

from paqa_builder.audio import MAX_STEM_RATE, Audio, fit, resample
from paqa_builder.perception._put_back import put_back
from paqa_builder.perception.backends.base import Separator
from paqa_builder.perception.stage import ClipContext, Stage
from paqa_builder.records import Stem


class Separate(Stage):
    """Listens to the mixture; stores two stems at the source's rate, 48 kHz at most.

    What resampling to the backend's rate and back takes away (the top of the band) is neither stem's.
    It goes to the background, so that stems which add up to the mixture still do when they are stored.

    Of an enhancer, the speech stem also gets what was speech of that which was taken away. The background
    keeps it, too: sounds are heard better so, and the mixture less the background is what the enhancer kept.
    """

    name = "separate"
    version = 2
    layer = "stems"

    def run(self, views: Sequence[ClipContext]) -> list[tuple[Stem, ...]]:
        rate = self.backend.sample_rate
        heard = [self.heard(view, resample(view.mix, rate)) for view in views]
        pairs = self.backend.run(heard)
        return [
            self._keep(view, item.main, *pair) for view, item, pair in zip(views, heard, pairs, strict=True)
        ]

    def _keep(self, view: ClipContext, heard: Audio, speech: Audio, background: Audio) -> tuple[Stem, ...]:
        mix = resample(view.mix, min(view.mix.rate, MAX_STEM_RATE))
        lost = mix.samples - _like(heard, mix).samples
        rest = Audio(_like(background, mix).samples + lost, mix.rate)
        kept = _like(speech, mix)
        if isinstance(self.backend, Separator) and self.backend.enhances:
            kept = Audio(kept.samples + put_back(kept.samples, rest.samples, mix.rate), mix.rate)
        return (self._store(view, "speech", kept), self._store(view, "background", rest))

    def _store(self, view: ClipContext, name: str, stem: Audio) -> Stem:
        assert view.save_stem is not None
        return Stem(name, view.save_stem(name, stem), stem.rate, stem.rms, self.origin)


def _like(audio: Audio, mix: Audio) -> Audio:
    """``audio`` at the rate and the length of ``mix``."""
    return Audio(fit(resample(audio, mix.rate).samples, len(mix.samples)), mix.rate)
