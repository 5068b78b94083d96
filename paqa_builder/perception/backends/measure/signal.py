"""Loudness by ITU-R BS.1770, pitch by SwiftF0, and optionally speech quality by DNSMOS.

- Loudness: ITU-R BS.1770-4, gated, by pyloudnorm (Steinmetz and Reiss, 2021).
- Pitch: SwiftF0 (Nieradzik, 2025, arXiv 2508.18440), trained on noisy speech.
- Quality: DNSMOS P.835 (Reddy et al., ICASSP 2022), overall score. The network is part of the package
  speechmos, which is not imported since it needs librosa.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from paqa_builder.audio import Audio, LongAudio, resample, spool
from paqa_builder.errors import NotReadyError
from paqa_builder.perception.backends.base import AudioInput, Measured, Measurer, Options
from paqa_builder.perception.backends.measure._loudness import integrated
from paqa_builder.runtime.compat import importing
from paqa_builder.runtime.threads import onnx_session
from paqa_builder.weights import store

_PITCH_RATE = 16_000
_HOP, _WINDOW = 256, 1875
"""Samples per frame of SwiftF0, and frames per window."""
_FRAMES = 40 * _WINDOW
"""Frames of pitch that are computed at once."""
_STEP = _HOP / _PITCH_RATE
_BLOCK = 0.4
"""Length of a loudness block in seconds; a shorter clip has no loudness."""
_QUALITY_RATE, _QUALITY_WINDOW = 16_000, 144_160
_QUALITY_PACKAGE = ("speechmos", "0.0.1.1")
_OVERALL = np.poly1d([-0.06766283, 1.11546468, 0.04602535])
"""The authors' polynomial from the network's overall score to a mean opinion score."""


class SignalOptions(Options):
    """Range and voicing of pitch, and whether speech quality is estimated."""

    lowest: float = Field(60.0, ge=47, description="Lowest pitch in Hz.")
    highest: float = Field(500.0, le=2000, description="Highest pitch in Hz.")
    voiced: float = Field(0.5, ge=0, le=1, description="Minimum confidence of SwiftF0 for a voiced frame.")
    dnsmos: bool = Field(False, description="Estimate speech quality (needs the extra dnsmos).")


class Signal(Measurer):
    """Measures loudness at 48 kHz, and pitch and quality at 16 kHz."""

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
        store.locate("swift-f0")  # checks the pinned version
        with importing("pyloudnorm or SwiftF0", "cpu"):
            import pyloudnorm
            from swift_f0 import SwiftF0
        self._meter = pyloudnorm.Meter(self.sample_rate, block_size=_BLOCK)
        self._pitch = SwiftF0(threads=1, spin=False)
        self._quality = onnx_session(_quality_model()) if self.options.dnsmos else None

    def measure(self, clip: AudioInput) -> Measured:
        quality = None if self._quality is None else self.quality(clip.mix)
        return Measured(self.loudness(clip.mix), quality, self.pitch(clip.main), _STEP)

    def loudness(self, audio: Audio) -> float | None:
        """Integrated loudness in LUFS; None for silence, and for clips shorter than a block."""
        if audio.silent or audio.duration < _BLOCK:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):  # blocks of silence
            if isinstance(audio, LongAudio):
                loudness = integrated(self._meter, audio.samples)
            else:
                loudness = float(self._meter.integrated_loudness(audio.samples.astype(np.float64)))
        return loudness if np.isfinite(loudness) else None

    def pitch(self, audio: Audio) -> tuple[float, ...]:
        """Pitch in Hz per frame; 0 for unvoiced frames."""
        if audio.silent:
            return ()
        low = resample(audio, _PITCH_RATE)
        count = max(1, len(low.samples) // _HOP)
        pitch: list[float] = []
        for first in range(0, count, _FRAMES):
            # SwiftF0 has windows of its own; one more at each end gives their context.
            start, end = max(0, first - _WINDOW), first + _FRAMES + _WINDOW
            part = low.samples[start * _HOP : end * _HOP if end < count else None]
            found = self._pitch.detect(part, low.rate, self.options.lowest, self.options.highest)
            hertz = np.where(found.confidence >= self.options.voiced, found.pitch_hz, 0.0)
            pitch += hertz[first - start : first - start + _FRAMES].tolist()
            spool.release(low.samples)
        return tuple(pitch)

    def quality(self, audio: Audio) -> float | None:
        """Mean opinion score, 1 to 5, over windows of 9 s; shorter clips are repeated to fill a window."""
        if audio.silent:
            return None
        samples = resample(audio, _QUALITY_RATE).samples
        while len(samples) < _QUALITY_WINDOW:
            samples = np.concatenate((samples, samples))
        # As in the authors' code: one window per second, counted in whole seconds.
        count = int(len(samples) // _QUALITY_RATE - _QUALITY_WINDOW / _QUALITY_RATE) + 1
        starts = range(0, count * _QUALITY_RATE, _QUALITY_RATE)
        assert self._quality is not None
        raw = []
        for at in starts:
            window = samples[None, at : at + _QUALITY_WINDOW].astype(np.float32)
            raw.append(float(self._quality.run(None, {"input_1": window})[0][0][2]))
            spool.release(samples)
        return float(np.clip(np.mean(_OVERALL(np.array(raw))), 1.0, 5.0))


def _quality_model() -> Path:
    name, version = _QUALITY_PACKAGE
    fix = "pip install 'paqa-builder[dnsmos]', or remove the option `dnsmos` of backend signal"
    try:
        package = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise NotReadyError(f"DNSMOS needs {name}, not installed here", fix=fix) from None
    path = Path(str(package.locate_file("speechmos/dnsmos_models/sig_bak_ovr.onnx")))
    if package.version != version or not path.is_file():
        raise NotReadyError(
            f"DNSMOS: {name} {package.version} is installed, but {version} is the one that was tested",
            fix=fix,
        )
    return path
