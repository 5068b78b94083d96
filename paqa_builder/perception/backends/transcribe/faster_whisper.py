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

from paqa_builder.errors import NotReadyError
from paqa_builder.perception import calibration
from paqa_builder.perception.backends.base import AudioInput, Speech, Transcriber
from paqa_builder.perception.backends.transcribe._whisper import Segment, WhisperOptions, sift
from paqa_builder.runtime import device
from paqa_builder.runtime.compat import importing
from paqa_builder.weights import store
from paqa_builder.weights.table import TABLE


class FasterWhisperOptions(WhisperOptions):
    """Settings of faster-whisper."""

    model: str = Field("", description="A size (see `paqa fetch --list`), or a model's folder; empty: base.")
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
        if self.options.model:
            name, folder = _known(self.options.model), Path(self.options.model)
            known = store.revision(name) if name else store.local_revision(folder, folder / "model.bin")
            self.revision = f"{known}+1"

    def load(self) -> None:
        name = _known(self.options.model)
        path = store.folder(name) if name else Path(self.options.model)
        self._calibrate = None if self.options.model else calibration.curve("word.whisper-base")
        if not (path / "model.bin").is_file():
            raise NotReadyError(
                f"{path}: no CTranslate2 Whisper model (model.bin) there",
                fix="name the folder of a converted model, or leave the option `model` empty",
            )
        with importing("faster-whisper", "cpu"):
            from ctranslate2 import get_cuda_device_count
            from faster_whisper import WhisperModel
        chosen, _, number = device.choose(self.options.device, get_cuda_device_count()).partition(":")
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
            # A single temperature: the default fallback samples at random.
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            vad_filter=False,
            no_speech_threshold=None,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
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


def _known(model: str) -> str | None:
    """Name in the table of weights for a size; None for a folder."""
    name = f"faster-whisper-{model or 'base'}"
    return name if name in TABLE else None
