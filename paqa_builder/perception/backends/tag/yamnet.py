"""YAMNet: 521 classes of AudioSet, as intervals with onset and offset.

Plakal and Ellis, "YAMNet", 2020, TensorFlow Model Garden (MobileNet v1 on 0.96 s of log mel). The
weights here are quantised to 8 bits, so probabilities come in coarse steps and ties are common.
"""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from paqa_builder.audio import Audio
from paqa_builder.errors import NotReadyError
from paqa_builder.perception import calibration
from paqa_builder.perception.backends.base import AudioInput, Options, Span, Tagger
from paqa_builder.perception.backends.tag._intervals import intervals
from paqa_builder.runtime.threads import onnx_session
from paqa_builder.weights import store

RATE = 16_000
_LENGTH, _HOP, _FFT, _BANDS, _BLOCK = 400, 160, 512, 64, 6000
PATCH, PATCH_HOP = 96, 12
"""Feature frames (of 10 ms) per patch, and from patch to patch. YAMNet's own hop is 48; four times as
many patches, averaged over 0.48 s, soften the coarse steps of 8 bits and cost little."""
SMOOTHING = 4
_FRAME = _HOP / RATE


class YamnetOptions(Options):
    """When a probability counts as a sound."""

    onset: float = Field(0.03, gt=0, le=1, description="A sound starts where its probability reaches this.")
    offset: float = Field(0.02, gt=0, le=1, description="It ends where the probability falls below this.")
    max_gap: float = Field(1.0, ge=0, description="Pauses up to this many seconds are bridged.")
    level_db: float = Field(
        -26.0,
        le=0,
        description="Clips are brought to this RMS (dB re full scale) first: YAMNet is level-bound.",
    )
    spread_db: float = Field(
        12.0,
        ge=0,
        description="Clips are heard at `level_db`, and this much softer and louder. 0: once.",
    )
    max_gain_db: float = Field(
        20.0, ge=0, description="Most that a quiet clip is raised, so that an empty stem stays quiet."
    )
    min_duration: float = Field(0.1, ge=0, description="Shorter intervals, in seconds, are dropped.")

    @model_validator(mode="after")
    def _hysteresis(self) -> YamnetOptions:
        if self.offset > self.onset:
            raise ValueError("offset must not be higher than onset")
        return self


def mel_bank() -> np.ndarray:
    """HTK triangles of unit height, ``[257, 64]``, straight in hertz from 125 to 7500 Hz."""
    mel = 2595 * np.log10(1 + np.array([125.0, 7500.0]) / 700)
    edges = 700 * (10 ** (np.linspace(mel[0], mel[1], _BANDS + 2) / 2595) - 1)
    bins = (np.arange(_FFT // 2 + 1) * RATE / _FFT)[None]
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    return bank.T.astype(np.float32)


class Yamnet(Tagger):
    """Thresholds probabilities with hysteresis; a span's score says how often such a tag is right.

    Some classes are heard in any clip in which only people talk: rustle, spray, hiss are what room tone
    and a separator's residue sound like. Their log odds are lowered by what they reach there, so that
    what counts is how much more is heard than voices explain. The score is the peak probability,
    through a curve fitted on mixtures.

    Probabilities are means over three levels of the same sound: each hears other details through the
    network's 8 bits, and the means rank sounds better.

    Each patch of 0.96 s speaks for the moment around its middle (the first and the last also for the
    clip's ends), and probabilities are averaged over 0.48 s: shorter events come out that long.
    """

    sample_rate = RATE
    revision = f"{store.revision('yamnet')}+3.{calibration.revision()}"
    needs = ("onnxruntime", "onnx", "scipy", "sead")
    extra = "cpu"
    Options = YamnetOptions

    def load(self) -> None:
        found = store.locate("yamnet")
        try:
            import onnx
        except ImportError as error:
            raise NotReadyError(
                f"onnx does not import ({error})", fix="pip install 'paqa-builder[cpu]'"
            ) from error
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            with zipfile.ZipFile(found["weights"]) as archive:
                archive.extractall(folder)
            path = next(Path(folder).rglob("*.onnx"))
            self._session = onnx_session(path)
            graph = onnx.load(str(path), load_external_data=False).graph
        # The file has no quantise and dequantise nodes at its ends: the caller applies them.
        constants: dict[str, Any] = {
            tensor.name: onnx.numpy_helper.to_array(tensor)
            for tensor in graph.initializer
            if tensor.name.startswith(("audio_", "class_scores_"))
        }
        self._scale_in, self._zero_in = (float(constants[f"audio_{n}"]) for n in ("scale", "zero_point"))
        self._scale_out, self._zero_out = (
            float(constants[f"class_scores_{n}"]) for n in ("scale", "zero_point")
        )
        with found["labels"].open(encoding="utf-8", newline="") as file:
            self.labels = [row["display_name"] for row in csv.DictReader(file)]
        usual = calibration.among_voices("yamnet")
        self._usual = np.array([usual.get(label, 0.0) for label in self.labels])
        self._sureness = calibration.curve("tag.yamnet")
        self._bank = mel_bank()
        self._taper = np.pad(np.hanning(_LENGTH + 1)[:_LENGTH], (0, _FFT - _LENGTH)).astype(np.float32)

    def tag(self, heard: AudioInput) -> list[Span]:
        if heard.main.silent:
            return []
        edges, scores = self.probabilities(heard.main)
        scores = self.beyond_voices(scores)
        limits = self.options.model_dump(include={"onset", "offset", "max_gap", "min_duration"})
        spans = [
            Span(start, end, self.labels[index], self._sureness(peak))
            for index in np.flatnonzero(scores.max(axis=0) >= self.options.onset)
            if self.labels[index] != "Silence"
            for start, end, peak in intervals(scores[:, index], edges, **limits)
        ]
        return sorted(spans, key=lambda span: (span.start, span.end, span.name))

    def probabilities(self, audio: Audio) -> tuple[np.ndarray, np.ndarray]:
        """Returns the borders between patches in seconds ``[n + 1]``, and ``[n, 521]`` in [0, 1]."""
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
        for gain in gains:
            features = np.log(gain * magnitudes + 1e-3)
            scores += np.stack([self._run(features[at : at + PATCH]) for at in starts]) / len(gains)
        return edges, uniform_filter1d(scores, SMOOTHING, axis=0, mode="nearest")

    def _gains(self, rms: float) -> list[float]:
        spread = self.options.spread_db
        levels = [self.options.level_db + step for step in ((-spread, 0.0, spread) if spread else (0.0,))]
        most = self.options.max_gain_db
        return [10 ** (min(level - 20 * np.log10(max(rms, 1e-9)), most) / 20) for level in levels]

    def beyond_voices(self, scores: np.ndarray) -> np.ndarray:
        """Lowers probabilities ``[n, 521]`` by the log odds that each class reaches among voices alone."""
        return scores / (scores + (1 - scores) * np.exp(self._usual))

    def _magnitudes(self, samples: np.ndarray) -> np.ndarray:
        """Mel magnitudes ``[frames, 64]``; at least one patch of them."""
        samples = np.pad(samples, (0, max(0, (PATCH - 1) * _HOP + _LENGTH - len(samples)) + _FFT - _LENGTH))
        frames = np.lib.stride_tricks.sliding_window_view(samples, _FFT)[::_HOP]
        # In blocks: the frames overlap, and an hour of them would take gigabytes at once.
        blocks = [
            np.abs(np.fft.rfft(frames[at : at + _BLOCK] * self._taper)).astype(np.float32) @ self._bank
            for at in range(0, len(frames), _BLOCK)
        ]
        return np.concatenate(blocks)

    def _run(self, patch: np.ndarray) -> np.ndarray:
        quantised = np.clip(np.round(patch / self._scale_in + self._zero_in), 0, 255).astype(np.uint8)
        logits = self._session.run(None, {"audio": quantised[None, None]})[0][0].astype(np.float64)
        return 1 / (1 + np.exp((self._zero_out - logits) * self._scale_out))
