"""Whisper through openai-whisper, on CPU or GPU.

Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023. Decoding and
rejection are the same as in :mod:`paqa_builder.perception.backends.transcribe.faster_whisper`, which is
several times faster on a CPU.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pydantic import Field

from paqa_builder.audio import Audio
from paqa_builder.config.environment import UserPathText
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.perception.backends.base import AudioInput, Speech, Transcriber
from paqa_builder.perception.backends.transcribe._whisper import DECODING, Segment, WhisperOptions, sift
from paqa_builder.runtime import device
from paqa_builder.runtime.compat import importing
from paqa_builder.weights import ctranslate2, store
from paqa_builder.weights.table import TABLE

_EMBEDDED = "faster-whisper-base"


class OpenaiWhisperOptions(WhisperOptions):
    """Settings of openai-whisper."""

    model: UserPathText = Field(
        "", description="A size (see `paqa fetch --list`), or a .pt file; empty: base."
    )
    beam_size: int = Field(5, ge=1, description="Beam size; 1: greedy.")
    precision: device.Precision = Field("auto", description="auto: float16 on a GPU, float32 on the CPU.")


class OpenaiWhisper(Transcriber):
    """Transcribes one clip at a time at temperature 0, without sampling."""

    sample_rate = 16_000
    needs = ("torch", "openai-whisper")
    extra = "gpu"
    Options = OpenaiWhisperOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._name = f"whisper-{self.options.model}"
        if not self.options.model:
            self.revision = f"{store.revision(_EMBEDDED)}-pt+1"
        elif self._name in TABLE:
            self.revision = f"{store.revision(self._name)}+1"
        else:
            self.revision = f"{store.local_revision(Path(self.options.model))}+1"

    def load(self) -> None:
        torch, self._device = device.torch_on(self.options.device)
        kind = device.dtype(torch, self.options.precision, self._device)
        if kind is torch.bfloat16:
            raise ConfigError(
                "openai-whisper supports float16 and float32 only", fix="choose precision float32"
            )
        self._half = kind is torch.float16
        with importing("openai-whisper", "gpu"):
            import whisper
        path = self._checkpoint()
        self._whisper = whisper
        try:
            self._model = whisper.load_model(str(path), device=self._device)
            heads = torch.load(path, map_location="cpu", weights_only=True, mmap=True).get("alignment_heads")
        except Exception as error:  # unpickling raises any exception
            raise NotReadyError(
                f"{path}: not a checkpoint of openai-whisper ({error})",
                fix="name a size, or a complete .pt file",
            ) from error
        if heads is not None:
            self._align(torch, heads)
        elif self.options.model in whisper.available_models():
            # For a path, the package does not know the size and so not the heads.
            self._model.set_alignment_heads(whisper._ALIGNMENT_HEADS[self.options.model])

    def _checkpoint(self) -> Path:
        model = self.options.model
        if not model:
            return embedded_checkpoint()
        path = store.folder(self._name) / f"{model}.pt" if self._name in TABLE else Path(model)
        if not path.is_file():
            raise NotReadyError(
                f"{model}: neither a checkpoint nor a size of Whisper", fix="paqa fetch --list"
            )
        return path

    def _align(self, torch: Any, heads: list[list[int]]) -> None:
        """Sets the cross-attention heads that word times are read from, as (layer, head)."""
        mask = torch.zeros(self._model.dims.n_text_layer, self._model.dims.n_text_head, dtype=torch.bool)
        for layer, head in heads:
            mask[layer, head] = True
        self._model.register_buffer("alignment_heads", mask.to_sparse().to(self._device), persistent=False)

    def transcribe(self, clip: AudioInput) -> Speech:
        audio = clip.main
        if audio.silent:
            return Speech((), None, 0.0)
        language, probability = self._language(audio)
        result = self._whisper.transcribe(
            self._model,
            audio.samples,
            language=language,
            # None: greedy decoding, which is faster than a beam of one.
            beam_size=self.options.beam_size if self.options.beam_size > 1 else None,
            fp16=self._half,
            logprob_threshold=None,
            verbose=None,
            **DECODING,
        )
        segments = (
            Segment(
                [SimpleNamespace(**word) for word in s.get("words", ())],
                s["avg_logprob"],
                s["no_speech_prob"],
                s["compression_ratio"],
            )
            for s in result["segments"]
        )
        words, dropped = sift(segments, audio, self.options)
        if not words:
            return Speech((), None, 0.0, dropped)
        return Speech(tuple(words), language, probability, dropped)

    def _language(self, audio: Audio) -> tuple[str, float]:
        """Language of the first 30 s, and its probability."""
        if self.options.language:
            return self.options.language, 1.0
        if not self._model.is_multilingual:
            return "en", 1.0
        from whisper.audio import N_FRAMES, N_SAMPLES, log_mel_spectrogram, pad_or_trim

        mel = log_mel_spectrogram(audio.samples, self._model.dims.n_mels, padding=N_SAMPLES)
        mel = pad_or_trim(mel, N_FRAMES).to(self._device, self._model.encoder.conv1.weight.dtype)
        _, probabilities = self._model.detect_language(mel)
        best = max(probabilities, key=probabilities.__getitem__)
        return best, min(1.0, float(probabilities[best]))


def embedded_checkpoint() -> Path:
    """The embedded base model as a checkpoint of openai-whisper, converted in the cache on first use.

    Raises:
        NotReadyError: Its packages are not installed, or the cache cannot be written.
    """
    path = store.cache_dir() / "models" / f"whisper-base-{store.revision(_EMBEDDED)}-pt" / "base.pt"
    if not path.is_file():
        ctranslate2.whisper_checkpoint(store.folder(_EMBEDDED), path)
    return path
