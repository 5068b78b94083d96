"""Whisper through faster-whisper and CTranslate2.

Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023. Whisper hallucinates
text without speech and repeats phrases; both are detected by the no-speech probability, the compression ratio
and repeated n-grams.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import Field

from paqa_builder.config.environment import UserPathText
from paqa_builder.errors import NotReadyError
from paqa_builder.perception import calibration
from paqa_builder.perception.backends.base import AudioInput, Speech, Transcriber
from paqa_builder.perception.backends.transcribe._whisper import (
    APPENDED,
    MAX_INITIAL_TIMESTAMP,
    PREPENDED,
    Decoded,
    WhisperOptions,
    compression,
    invented,
    sift,
)
from paqa_builder.perception.backends.transcribe._windows import (
    FRAMES,
    SURE_LANGUAGE,
    Progress,
    Window,
)
from paqa_builder.runtime import device
from paqa_builder.runtime.compat import importing
from paqa_builder.weights import store
from paqa_builder.weights.table import TABLE

STEP = FRAMES
"""Windows are whole seconds long."""


class FasterWhisperOptions(WhisperOptions):
    """Settings of faster-whisper."""

    model: UserPathText = Field(
        "", description="A size (see `paqa fetch --list`), or a model's folder; empty: base."
    )
    beam_size: int = Field(5, ge=1, description="Beam size.")
    streams: int = Field(4, ge=1, description="Clips that a GPU transcribes at the same time.")
    compute_type: str = Field(
        "auto", description="CTranslate2's type (int8, float16, …); auto: int8 on a CPU, float16 on a GPU."
    )


class FasterWhisper(Transcriber):
    """Transcribes one clip at a time by beam search without sampling.

    The confidence of a word is the model's probability. For the embedded base model it is calibrated by a
    curve that was fitted on mixtures.
    """

    sample_rate = 16_000
    revision = f"{store.revision('faster-whisper-base')}+3.{calibration.revision()}"
    needs = ("faster-whisper",)  # and the embedded model's packages, unless the option `model` is set
    extra = "cpu"
    Options = FasterWhisperOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._name = f"faster-whisper-{self.options.model or 'base'}"
        if self._name in TABLE and self.options.model:
            self.revision = f"{store.revision(self._name)}+2"
        elif self.options.model:
            folder = Path(self.options.model)
            self.revision = f"{store.local_revision(folder, folder / 'model.bin')}+2"

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
            from faster_whisper.transcribe import get_suppressed_tokens
        chosen, _, number = device.choose(self.options.device, get_cuda_device_count()).partition(":")
        self._device = chosen
        arithmetic = self.options.compute_type
        if arithmetic == "auto":
            arithmetic = "int8" if chosen == "cpu" else "float16"
        self._streams = 1 if chosen == "cpu" else self.options.streams
        self._model = WhisperModel(
            str(path),
            device=chosen,
            device_index=int(number or 0),
            compute_type=arithmetic,
            cpu_threads=1,
            num_workers=self._streams,
            local_files_only=True,
        )
        self._tokenizers: dict[str, Any] = {}
        self._suppressed = list(get_suppressed_tokens(self._tokenizer("en"), [-1]))

    def _tokenizer(self, language: str) -> Any:
        if language not in self._tokenizers:
            from faster_whisper.tokenizer import Tokenizer

            tokenizer = self._model.hf_tokenizer
            self._tokenizers[language] = Tokenizer(
                tokenizer, self._model.model.is_multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]

    def run(self, clips: Sequence[AudioInput]) -> list[Speech]:
        if self._streams == 1:
            return [self.transcribe(clip) for clip in clips]
        with ThreadPoolExecutor(self._streams) as pool:
            return list(pool.map(self.transcribe, clips))

    def transcribe(self, clip: AudioInput) -> Speech:
        audio = clip.main
        if audio.silent:
            return Speech((), None, 0.0)
        mel = self._model.feature_extractor(audio.samples)[:, :-1]
        language = self.options.language if self._model.model.is_multilingual else "en"
        progress = Progress(mel, STEP, self.options, self._tokenizer("en").timestamp_begin, language)
        while (window := progress.window()) is not None:
            self._decode(progress, window)
        words, dropped = sift(progress.segments, audio, self.options)
        if not words:
            return Speech((), None, 0.0, dropped)
        if self._calibrate:
            words = [replace(word, confidence=self._calibrate(word.confidence)) for word in words]
        return Speech(tuple(words), progress.language, progress.language_probability, dropped)

    def _language(self, encoded: Any) -> tuple[str, float]:
        token, probability = self._model.model.detect_language(encoded)[0][0]
        return token[2:-2], float(probability)

    def _decode(self, progress: Progress, window: Window) -> None:
        encoded = self._model.encode(window.features)
        if progress.language is None:
            language, probability = self._language(encoded)
            if probability < SURE_LANGUAGE:
                language, probability = self._language(self._model.encode(window.longest))
            progress.language, progress.language_probability = language, probability
        tokenizer = self._tokenizer(progress.language)
        decoded = self._generate(encoded, window, tokenizer)
        # In a short window the decoder loops more often than in one of 30 s.
        if (
            invented(decoded, self.options) == "compression"
            and decoded.no_speech <= self.options.max_no_speech
        ):
            whole = self._model.encode(window.longest)
            again = self._generate(whole, window, tokenizer)
            if invented(again, self.options) is None:
                encoded, decoded = whole, again

        def align(parts: list[dict[str, Any]]) -> None:
            self._model.add_word_timestamps(
                [parts], tokenizer, encoded, window.frames, PREPENDED, APPENDED, progress.last_word
            )

        progress.accept(window, decoded, align, tokenizer.decode)

    def _generate(self, encoded: Any, window: Window, tokenizer: Any) -> Decoded:
        result = self._model.model.generate(
            encoded,
            [list(tokenizer.sot_sequence)],
            beam_size=self.options.beam_size,
            max_length=2 * window.max_tokens,  # CTranslate2 generates half of it
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
            max_initial_timestamp_index=MAX_INITIAL_TIMESTAMP,
        )[0]
        tokens = result.sequences_ids[0]
        log_probability = result.scores[0] * len(tokens) / (len(tokens) + 1)
        text = tokenizer.decode(tokens).strip()
        return Decoded(tokens, log_probability, result.no_speech_prob, compression(text))
