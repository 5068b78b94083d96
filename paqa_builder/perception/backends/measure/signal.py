"""Loudness by ITU-R BS.1770, pitch by SwiftF0, and speech quality by DNSMOS where it is asked for.

- Loudness: ITU-R BS.1770-4, gated, by pyloudnorm (Steinmetz and Reiss, 2021).
- Pitch: SwiftF0 (Nieradzik, 2025, arXiv 2508.18440), a small network that was trained on noisy speech.
- Quality: DNSMOS P.835 (Reddy et al., ICASSP 2022), overall score. Its network lies in the package
  speechmos, whose own code needs librosa to import; the arithmetic around it is a few lines.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from paqa_builder.audio import Audio, resample
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput, Measured, Measurer, Options
from paqa_builder.runtime.threads import onnx_session
from paqa_builder.weights import store

_PITCH_RATE = 16_000
_STEP = 256 / _PITCH_RATE
_BLOCK = 0.4
"""Seconds: loudness is the mean over blocks of this length, and a shorter clip has none."""
_QUALITY_RATE, _QUALITY_WINDOW = 16_000, 144_160
_QUALITY_PACKAGE = ("speechmos", "0.0.1.1")
_OVERALL = np.poly1d([-0.06766283, 1.11546468, 0.04602535])
"""From the network's overall score to a mean opinion score, as its authors fitted it."""


class SignalOptions(Options):
    """What is measured, and when a frame counts as voiced."""

    lowest: float = Field(60.0, ge=47, description="Lowest pitch that a voice may have, in Hz.")
    highest: float = Field(500.0, le=2000, description="Highest pitch that a voice may have, in Hz.")
    voiced: float = Field(
        0.5, ge=0, le=1, description="A frame is voiced where SwiftF0 is at least this confident."
    )
    dnsmos: bool = Field(
        False,
        description="Estimate speech quality, too: pip install 'paqa-builder[dnsmos]'; .06 CPU-s per s.",
    )


class Signal(Measurer):
    """Hears loudness at 48 kHz, so that nothing audible is missing from it, the rest at 16 kHz."""

    sample_rate = 48_000
    revision = f"{store.revision('swift-f0')}+1"
    needs = ("pyloudnorm", "onnxruntime", "swift-f0")
    extra = "cpu"
    Options = SignalOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        if self.options.dnsmos:
            self.revision += ".dnsmos-" + _QUALITY_PACKAGE[1]

    def load(self) -> None:
        store.locate("swift-f0")  # the pinned version, or an error that says how to get it
        try:
            import pyloudnorm
            from swift_f0 import SwiftF0
        except ImportError as error:
            raise NotReadyError(
                f"pyloudnorm or SwiftF0 does not import ({error})", fix="pip install 'paqa-builder[cpu]'"
            ) from error
        self._meter = pyloudnorm.Meter(self.sample_rate, block_size=_BLOCK)
        self._pitch = SwiftF0(threads=1, spin=False)
        self._quality = onnx_session(_quality_model()) if self.options.dnsmos else None

    def measure(self, heard: AudioInput) -> Measured:
        quality = None if self._quality is None else self.quality(heard.mix)
        return Measured(self.loudness(heard.mix), quality, self.pitch(heard.main), _STEP)

    def loudness(self, audio: Audio) -> float | None:
        """LUFS; None for silence, and for less than a block."""
        if audio.silent or audio.duration < _BLOCK:
            return None
        with np.errstate(divide="ignore"):  # blocks of silence have no level in dB
            found = float(self._meter.integrated_loudness(audio.samples.astype(np.float64)))
        return found if np.isfinite(found) else None

    def pitch(self, audio: Audio) -> tuple[float, ...]:
        """Hz by frame, 0 where it is not voiced."""
        if audio.silent:
            return ()
        low = resample(audio, _PITCH_RATE)
        found = self._pitch.detect(low.samples, low.rate, self.options.lowest, self.options.highest)
        voiced = np.where(found.confidence >= self.options.voiced, found.pitch_hz, 0.0)
        return tuple(voiced.tolist())

    def quality(self, audio: Audio) -> float | None:
        """Mean opinion score from 1 to 5, over windows of 9 s; shorter clips are repeated to fill one."""
        if audio.silent:
            return None
        samples = resample(audio, _QUALITY_RATE).samples
        while len(samples) < _QUALITY_WINDOW:
            samples = np.concatenate((samples, samples))
        # As its authors count: a window a second, as far as whole seconds go.
        count = int(len(samples) // _QUALITY_RATE - _QUALITY_WINDOW / _QUALITY_RATE) + 1
        starts = range(0, count * _QUALITY_RATE, _QUALITY_RATE)
        windows = [samples[None, at : at + _QUALITY_WINDOW].astype(np.float32) for at in starts]
        assert self._quality is not None
        raw = [float(self._quality.run(None, {"input_1": window})[0][0][2]) for window in windows]
        return float(np.clip(np.mean(_OVERALL(np.array(raw))), 1.0, 5.0))


def _quality_model() -> Path:
    name, version = _QUALITY_PACKAGE
    fix = "pip install 'paqa-builder[dnsmos]', or leave the option `dnsmos` of backend signal out"
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise NotReadyError(f"DNSMOS needs {name}, not installed here", fix=fix) from None
    path = Path(str(found.locate_file("speechmos/dnsmos_models/sig_bak_ovr.onnx")))
    if found.version != version or not path.is_file():
        raise NotReadyError(
            f"DNSMOS: {name} {found.version} is installed, but {version} is the one that was tested",
            fix=fix,
        )
    return path
