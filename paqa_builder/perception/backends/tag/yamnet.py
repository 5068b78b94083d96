"""YAMNet: 521 classes of AudioSet.

Plakal and Ellis, "YAMNet", 2020, TensorFlow Model Garden (MobileNet v1 on 0.96 s of log mel). These weights
are quantised to 8 bits, so the probabilities have coarse steps.
"""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from paqa_builder.audio import Audio, fit, spool
from paqa_builder.perception import calibration
from paqa_builder.perception.backends.base import AudioInput, Options, Span, Tagger
from paqa_builder.perception.backends.tag._intervals import label_spans
from paqa_builder.runtime.compat import importing
from paqa_builder.runtime.threads import onnx_session
from paqa_builder.weights import store

RATE = 16_000
_LENGTH, _HOP, _FFT, _BANDS, _BLOCK = 400, 160, 512, 64, 6000
PATCH, PATCH_HOP = 96, 12
"""Feature frames (of 10 ms) per patch, and hop between patches. YAMNet's own hop is 48; averaging four times
as many patches over 0.48 s smooths the coarse steps of 8 bits."""
SMOOTHING = 4
_PATCHES, _LABELS = 2048, 64
"""Patches and labels in a block."""
BATCH = 32
"""Patches in a run of the network."""
_FRAME = _HOP / RATE


class YamnetOptions(Options):
    """Settings of YAMNet."""

    onset: float = Field(0.03, gt=0, le=1, description="Probability at which an event starts.")
    offset: float = Field(0.02, gt=0, le=1, description="Probability below which an event ends.")
    max_gap: float = Field(1.0, ge=0, description="Longest gap in seconds that is bridged.")
    level_db: float = Field(-26.0, le=0, description="RMS (dBFS) to which clips are normalised.")
    spread_db: float = Field(12.0, ge=0, description="Levels around `level_db` to average; 0: one.")
    max_gain_db: float = Field(20.0, ge=0, description="Maximum gain, so that empty stems stay quiet.")
    min_duration: float = Field(0.1, ge=0, description="Shortest event in seconds.")

    @model_validator(mode="after")
    def _hysteresis(self) -> YamnetOptions:
        if self.offset > self.onset:
            raise ValueError("offset must not be higher than onset")
        return self


def mel_bank() -> np.ndarray:
    """Mel filter bank ``[257, 64]``: HTK scale, 125 to 7500 Hz, triangles of unit height, linear in Hz."""
    mel = 2595 * np.log10(1 + np.array([125.0, 7500.0]) / 700)
    edges = 700 * (10 ** (np.linspace(mel[0], mel[1], _BANDS + 2) / 2595) - 1)
    bins = (np.arange(_FFT // 2 + 1) * RATE / _FFT)[None]
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    return bank.T.astype(np.float32)


class Yamnet(Tagger):
    """Detects events by hysteresis thresholds; their scores are calibrated probabilities of being correct.

    Probabilities are means over three levels of the clip. Some classes (rustle, spray, hiss) have high
    probabilities in any clip with speech only; their log odds are lowered by those they reach there. The
    score of an event is its peak probability, mapped by a curve that was fitted on mixtures.

    A patch of 0.96 s gives the probability at its middle. Averaging over 0.48 s makes shorter events that
    long.
    """

    sample_rate = RATE
    revision = f"{store.revision('yamnet')}+3.{calibration.revision()}"
    needs = ("onnxruntime", "onnx", "scipy", "sead")
    extra = "cpu"
    Options = YamnetOptions

    def load(self) -> None:
        paths = store.locate("yamnet")
        with importing("onnx", "cpu"):
            import onnx
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            with zipfile.ZipFile(paths["weights"]) as archive:
                archive.extractall(folder)
            model = onnx.load(str(next(Path(folder).rglob("*.onnx"))))
        graph = model.graph
        self._session = onnx_session(batched(model))
        # The graph lacks quantise and dequantise nodes at its ends: they are applied here.
        constants: dict[str, Any] = {
            tensor.name: onnx.numpy_helper.to_array(tensor)
            for tensor in graph.initializer
            if tensor.name.startswith(("audio_", "class_scores_"))
        }
        self._scale_in, self._zero_in = (float(constants[f"audio_{n}"]) for n in ("scale", "zero_point"))
        self._scale_out, self._zero_out = (
            float(constants[f"class_scores_{n}"]) for n in ("scale", "zero_point")
        )
        with paths["labels"].open(encoding="utf-8", newline="") as file:
            self.labels = [row["display_name"] for row in csv.DictReader(file)]
        offsets = calibration.among_voices("yamnet")
        self._offsets = np.array([offsets.get(label, 0.0) for label in self.labels])
        self._calibrate = calibration.curve("tag.yamnet")
        self._bank = mel_bank()
        self._taper = np.pad(np.hanning(_LENGTH + 1)[:_LENGTH], (0, _FFT - _LENGTH)).astype(np.float32)

    def tag(self, clip: AudioInput) -> list[Span]:
        if clip.main.silent:
            return []
        edges, scores = self.probabilities(clip.main)
        for first in range(0, len(scores), _PATCHES):
            scores[first : first + _PATCHES] = self.beyond_voices(scores[first : first + _PATCHES])
        return label_spans(scores, edges, self.labels, self.options, self._calibrate)

    def probabilities(self, audio: Audio) -> tuple[np.ndarray, np.ndarray]:
        """Returns frame boundaries in seconds ``[n + 1]``, and probabilities ``[n, 521]``."""
        from scipy.ndimage import uniform_filter1d

        magnitudes = self._magnitudes(audio.samples)
        starts = [*range(0, len(magnitudes) - PATCH + 1, PATCH_HOP)]
        if starts[-1] + PATCH < len(magnitudes):
            starts.append(len(magnitudes) - PATCH)
        middles = np.array(starts) * _FRAME + PATCH * _FRAME / 2
        inner = (middles[1:] + middles[:-1]) / 2
        edges = np.concatenate([[0.0], inner, [audio.duration]])
        scores = np.zeros((len(starts), len(self.labels)))
        gains = self._gains(audio.rms)
        # Blocks bound the memory that long clips take.
        for first in range(0, len(starts), _PATCHES):
            chosen = starts[first : first + _PATCHES]
            block = magnitudes[chosen[0] : chosen[-1] + PATCH]
            for gain in gains:
                frames = self._quantised(np.log(gain * block + 1e-3))
                patches = np.stack([frames[at - chosen[0] : at - chosen[0] + PATCH] for at in chosen])
                scores[first : first + _PATCHES] += self._run(patches) / len(gains)
        for first in range(0, scores.shape[1], _LABELS):
            columns = scores[:, first : first + _LABELS]
            columns[:] = uniform_filter1d(columns, SMOOTHING, axis=0, mode="nearest")
        return edges, scores

    def _gains(self, rms: float) -> list[float]:
        spread = self.options.spread_db
        levels = [self.options.level_db + step for step in ((-spread, 0.0, spread) if spread else (0.0,))]
        most = self.options.max_gain_db
        return [10 ** (min(level - 20 * np.log10(max(rms, 1e-9)), most) / 20) for level in levels]

    def beyond_voices(self, scores: np.ndarray) -> np.ndarray:
        """Lowers the log odds of probabilities ``[n, 521]`` by those of clips with speech only."""
        return scores / (scores + (1 - scores) * np.exp(self._offsets))

    def _magnitudes(self, samples: np.ndarray) -> np.ndarray:
        """Mel magnitudes ``[frames, 64]``, at least one patch."""
        count = (max(len(samples), (PATCH - 1) * _HOP + _LENGTH) - _LENGTH) // _HOP + 1
        magnitudes = np.zeros((count, _BANDS), np.float32)
        # Blocks bound memory: the overlapping frames of an hour would take gigabytes.
        for at in range(0, count, _BLOCK):
            last = min(at + _BLOCK, count) - 1
            part = fit(samples[at * _HOP : last * _HOP + _FFT], (last - at) * _HOP + _FFT)
            frames = np.lib.stride_tricks.sliding_window_view(part, _FFT)[::_HOP]
            spectra = np.abs(np.fft.rfft(frames * self._taper)).astype(np.float32)
            magnitudes[at : last + 1] = spectra @ self._bank
            spool.release(samples)
        return magnitudes

    def _quantised(self, features: np.ndarray) -> np.ndarray:
        return np.clip(np.round(features / self._scale_in + self._zero_in), 0, 255).astype(np.uint8)

    def _run(self, patches: np.ndarray) -> np.ndarray:
        """Probabilities ``[n, 521]`` of quantised patches ``[n, 96, 64]``.

        The network computes in whole numbers, so results do not depend on batches.
        """
        parts = range(0, len(patches), BATCH)
        outputs = [self._session.run(None, {"audio": patches[at : at + BATCH, None]})[0] for at in parts]
        logits = np.concatenate(outputs).astype(np.float64)
        return 1 / (1 + np.exp((self._zero_out - logits) * self._scale_out))


def batched(model: Any) -> bytes:
    """A network that was exported for one patch, for any number of them."""
    import onnx

    graph = model.graph
    del graph.value_info[:]
    for tensor in (*graph.input, *graph.output):
        tensor.type.tensor_type.shape.dim[0].dim_param = "patches"
    shapes = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for tensor in graph.initializer:
        if tensor.name in shapes:
            sizes = onnx.numpy_helper.to_array(tensor).copy()
            sizes[0] = 0 if sizes[0] == 1 else sizes[0]  # 0: as in the input
            tensor.CopyFrom(onnx.numpy_helper.from_array(sizes, tensor.name))
    return model.SerializeToString()
