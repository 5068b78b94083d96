"""Whisper through faster-whisper and CTranslate2.

Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023. Whisper hallucinates
text without speech and repeats phrases; both are detected by the no-speech probability, the compression ratio
and repeated n-grams.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field

from paqa_builder.config.environment import UserPathText
from paqa_builder.errors import NotReadyError
from paqa_builder.perception import calibration
from paqa_builder.perception.backends.base import AudioInput, Speech, Transcriber
from paqa_builder.perception.backends.transcribe._whisper import DECODING, Segment, WhisperOptions, sift
from paqa_builder.runtime import device
from paqa_builder.runtime.compat import importing
from paqa_builder.weights import store
from paqa_builder.weights.table import TABLE


class FasterWhisperOptions(WhisperOptions):
    """Settings of faster-whisper."""

    model: UserPathText = Field(
        "", description="A size (see `paqa fetch --list`), or a model's folder; empty: base."
    )
    beam_size: int = Field(5, ge=1, description="Beam size.")
    compute_type: str = Field(
        "auto", description="CTranslate2's type (int8, float16, …); auto: int8 on a CPU, float16 on a GPU."
    )


class FasterWhisper(Transcriber):
    """Transcribes one clip at a time by beam search without sampling.

    The confidence of a word is the model's probability. For the embedded base model it is calibrated by a
    curve that was fitted on mixtures.
    """

    sample_rate = 16_000
    revision = f"{store.revision('faster-whisper-base')}+2.{calibration.revision()}"
    needs = ("faster-whisper",)  # and the embedded model's packages, unless the option `model` is set
    extra = "cpu"
    Options = FasterWhisperOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._name = f"faster-whisper-{self.options.model or 'base'}"
        if self._name in TABLE and self.options.model:
            self.revision = f"{store.revision(self._name)}+1"
        elif self.options.model:
            folder = Path(self.options.model)
            self.revision = f"{store.local_revision(folder, folder / 'model.bin')}+1"

    def load(self) -> None:
        path = store.folder(self._name) if self._name in TABLE else Path(self.options.model)
        self._calibrate = None if self.options.model else calibration.curve("word.whisper-base")
        if not (path / "model.bin").is_file():
            raise NotReadyError(
                f"{path}: no CTranslate2 Whisper model (model.bin)",
                fix="name the folder of a converted model, or leave the option `model` empty",
            )
        with importing("faster-whisper", "cpu"):
            from ctranslate2 import get_cuda_device_count
            from faster_whisper import WhisperModel
        chosen, _, number = device.choose(self.options.device, get_cuda_device_count()).partition(":")
        self._device = chosen
        arithmetic = self.options.compute_type
        if arithmetic == "auto":
            arithmetic = "int8" if chosen == "cpu" else "float16"
        self._model = WhisperModel(
            str(path),
            device=chosen,
            device_index=int(number or 0),
            compute_type=arithmetic,
            cpu_threads=1,
            num_workers=1,
            local_files_only=True,
        )

    def transcribe(self, clip: AudioInput) -> Speech:
        audio = clip.main
        if audio.silent:
            return Speech((), None, 0.0)
        segments, info = self._model.transcribe(
            audio.samples,
            language=self.options.language,
            beam_size=self.options.beam_size,
            vad_filter=False,
            log_prob_threshold=None,
            **DECODING,
        )
        candidates = (
            Segment(s.words or (), s.avg_logprob, s.no_speech_prob, s.compression_ratio) for s in segments
        )
        words, dropped = sift(candidates, audio, self.options)
        if not words:
            return Speech((), None, 0.0, dropped)
        if self._calibrate:
            words = [replace(word, confidence=self._calibrate(word.confidence)) for word in words]
        return Speech(tuple(words), info.language, float(info.language_probability), dropped)
