"""Whisper through faster-whisper and CTranslate2: words, their times, the language.

Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023. Whisper
invents text where nobody speaks and repeats itself where it is lost; what gives that away (the
no-speech probability, text that compresses too well, repeated n-grams) is used to drop it.
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
from paqa_builder.weights import store
from paqa_builder.weights.table import TABLE


class FasterWhisperOptions(WhisperOptions):
    """Settings of faster-whisper."""

    model: str = Field(
        "",
        description="A size (large-v3: see `paqa fetch --list`), or a CTranslate2 Whisper model's folder; "
        "empty: the embedded base.",
    )
    beam_size: int = Field(5, ge=1, description="Hypotheses kept while decoding.")
    compute_type: str = Field(
        "auto",
        description="CTranslate2's arithmetic (int8, float16, ...); auto: int8 on a CPU, float16 on a GPU.",
    )


class FasterWhisper(Transcriber):
    """Hears one clip at a time, greedily reproducible: beam search at temperature 0, no sampling.

    A word's confidence is how often such a word is right, by a curve fitted on mixtures, where the model
    is the embedded base; of any other model it is the probability that the model itself gives.
    """

    sample_rate = 16_000
    revision = f"{store.revision('faster-whisper-base')}+2.{calibration.revision()}"
    needs = ("faster-whisper",)  # and the embedded model's packages, unless the option `model` is set
    extra = "cpu"
    Options = FasterWhisperOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        if name := _fetched(self.options.model):
            self.revision = f"{store.revision(name)}+1"
        elif self.options.model:
            self.revision = f"{_fingerprint(Path(self.options.model))}+1"

    def load(self) -> None:
        path = _folder(self.options.model)
        self._sureness = None if self.options.model else calibration.curve("word.whisper-base")
        if not (path / "model.bin").is_file():
            raise NotReadyError(
                f"{path}: no CTranslate2 Whisper model (model.bin) there",
                fix="name the folder of a converted model, or leave the option `model` empty",
            )
        try:
            from ctranslate2 import get_cuda_device_count
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise NotReadyError(
                f"faster-whisper does not import ({error})", fix="pip install 'paqa-builder[cpu]'"
            ) from error
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

    def transcribe(self, heard: AudioInput) -> Speech:
        audio = heard.main
        if audio.silent:
            return Speech((), None, 0.0)
        segments, info = self._model.transcribe(
            audio.samples,
            language=self.options.language,
            beam_size=self.options.beam_size,
            # One temperature: the usual ladder samples at random, and a clip would not give the
            # same words twice.
            temperature=0.0,
            condition_on_previous_text=False,
            word_timestamps=True,
            vad_filter=False,
            no_speech_threshold=None,
            compression_ratio_threshold=None,
            log_prob_threshold=None,
        )
        found = (
            Segment(s.words or (), s.avg_logprob, s.no_speech_prob, s.compression_ratio) for s in segments
        )
        words, dropped = sift(found, audio, self.options)
        if not words:
            return Speech((), None, 0.0, dropped)
        if self._sureness:
            words = [replace(word, confidence=self._sureness(word.confidence)) for word in words]
        return Speech(tuple(words), info.language, float(info.language_probability), dropped)


def _fetched(model: str) -> str | None:
    """The name under which ``paqa fetch`` knows a size, or None for a folder."""
    name = f"faster-whisper-{model}"
    return name if name in TABLE else None


def _folder(model: str) -> Path:
    if not model:
        return store.folder("faster-whisper-base")
    name = _fetched(model)
    return store.folder(name) if name else Path(model)


def _fingerprint(folder: Path) -> str:
    """Names a model folder by what is in it: its name, and the size of its weights.

    The content is not hashed (models have gigabytes); a folder that is not there yet has size 0.
    """
    weights = folder / "model.bin"
    return f"{folder.name}-{weights.stat().st_size if weights.is_file() else 0}"
