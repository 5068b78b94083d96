"""Whisper through openai-whisper, on CPU or GPU.

Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023. Decoding and
rejection are the same as in :mod:`paqa_builder.perception.backends.transcribe.faster_whisper`, which is
several times faster on a CPU.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from paqa_builder.audio import Audio
from paqa_builder.config.environment import UserPathText
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.perception.backends.base import AudioInput, Speech, Transcriber
from paqa_builder.perception.backends.transcribe._whisper import Decoded, WhisperOptions, sift
from paqa_builder.perception.backends.transcribe._windows import (
    FRAMES,
    LONGEST,
    SURE_LANGUAGE,
    Progress,
    Window,
)
from paqa_builder.runtime import device
from paqa_builder.runtime.compat import importing
from paqa_builder.weights import ctranslate2, store
from paqa_builder.weights.table import TABLE

_EMBEDDED = "faster-whisper-base"
_FFT, _HOP = 400, 160
CPU_STEP, GPU_STEP = FRAMES, 6 * FRAMES
"""Lengths of windows are multiples of these: on a GPU few lengths, so that batches are full."""


class OpenaiWhisperOptions(WhisperOptions):
    """Settings of openai-whisper."""

    model: UserPathText = Field(
        "", description="A size (see `paqa fetch --list`), or a .pt file; empty: base."
    )
    beam_size: int = Field(5, ge=1, description="Beam size; 1: greedy.")
    batch_seconds: float = Field(
        240.0, gt=0, description="Maximum audio per batch on a GPU, in windows of 30 s."
    )
    precision: device.Precision = Field("auto", description="auto: float16 on a GPU, float32 on the CPU.")


class OpenaiWhisper(Transcriber):
    """Transcribes at temperature 0, without sampling: batches on a GPU, one window at a time on the CPU."""

    sample_rate = 16_000
    needs = ("torch", "openai-whisper")
    extra = "gpu"
    Options = OpenaiWhisperOptions

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self._name = f"whisper-{self.options.model}"
        if not self.options.model:
            self.revision = f"{store.revision(_EMBEDDED)}-pt+2"
        elif self._name in TABLE:
            self.revision = f"{store.revision(self._name)}+2"
        else:
            self.revision = f"{store.local_revision(Path(self.options.model))}+2"

    def load(self) -> None:
        torch, self._device = device.torch_on(self.options.device)
        kind = device.dtype(torch, self.options.precision, self._device)
        if kind is torch.bfloat16:
            raise ConfigError(
                "openai-whisper supports float16 and float32 only", fix="choose precision float32"
            )
        with importing("openai-whisper", "gpu"):
            import whisper

            from paqa_builder.perception.backends.transcribe._torch_whisper import TorchWhisper
        path = self._checkpoint()
        self._log_mel = whisper.log_mel_spectrogram
        try:
            model = whisper.load_model(str(path), device=self._device)
            heads = torch.load(path, map_location="cpu", weights_only=True, mmap=True).get("alignment_heads")
        except Exception as error:  # unpickling raises any exception
            raise NotReadyError(
                f"{path}: not a checkpoint of openai-whisper ({error})",
                fix="name a size, or a complete .pt file",
            ) from error
        if heads is not None:
            model.register_buffer("alignment_heads", _mask(torch, model, heads), persistent=False)
        elif self.options.model in whisper.available_models():
            # For a path, the package does not know the size and so not the heads.
            model.set_alignment_heads(whisper._ALIGNMENT_HEADS[self.options.model])
        model.alignment_heads = model.alignment_heads.to(self._device)
        self._torch = torch
        self._whisper = TorchWhisper(model, self.options.beam_size, kind is torch.float16)
        self._batches = device.Batches(
            "openai_whisper", LONGEST / FRAMES, self.options.batch_seconds, self._device
        )

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

    def transcribe(self, clip: AudioInput) -> Speech:
        return self.run([clip])[0]

    def run(self, clips: Sequence[AudioInput]) -> list[Speech]:
        """Transcribes a batch; windows of one length share batches of the network."""
        progresses = [None if clip.main.silent else self._progress(clip.main) for clip in clips]
        open_clips = [progress for progress in progresses if progress is not None]
        while open_clips:
            by_shape: dict[tuple[int, int], list[tuple[Progress, Window]]] = defaultdict(list)
            for progress in open_clips:
                if (window := progress.window()) is not None:
                    by_shape[window.shape].append((progress, window))
            for group in by_shape.values():
                results = self._batches.run(self._decode, group)
                for place, (result, language, probability, encoded) in zip(group, results, strict=True):
                    progress, window = place
                    progress.language, progress.language_probability = language, probability
                    self._accept(progress, window, result, encoded)
            open_clips = [progress for group in by_shape.values() for progress, _ in group]
        return [self._speech(clip.main, progress) for clip, progress in zip(clips, progresses, strict=True)]

    def _progress(self, audio: Audio) -> Progress:
        dims = self._whisper.model.dims
        mel = self._log_mel(audio.samples, dims.n_mels, padding=_FFT, device=self._device)
        frames = mel[:, : len(audio.samples) // _HOP].cpu().numpy()
        language = self.options.language if self._whisper.model.is_multilingual else "en"
        step = CPU_STEP if self._device == "cpu" else GPU_STEP
        return Progress(frames, step, self.options, self._whisper.tokenizer().timestamp_begin, language)

    def _decode(self, group: list[tuple[Progress, Window]]) -> list[tuple[Any, str, float, Any]]:
        """Decodes windows of one length: result, language, its probability and the encoded window."""
        features = self._torch.from_numpy(np.stack([window.features for _, window in group]))
        encoded = self._whisper.encode(features.to(self._device))
        known = all(progress.language is not None for progress, _ in group)
        detected = [] if known else self._whisper.languages(encoded)
        languages: list[tuple[str, float]] = []
        for n, (progress, window) in enumerate(group):
            if progress.language is not None:
                languages.append((progress.language, progress.language_probability))
            else:
                sure = detected[n][1] >= SURE_LANGUAGE
                languages.append(detected[n] if sure else self._language(window))
        names = [name for name, _ in languages]
        results = self._whisper.decode(encoded, names, group[0][1].max_tokens)
        return [
            (result, *language, window)
            for result, language, window in zip(results, languages, encoded, strict=True)
        ]

    def _language(self, window: Window) -> tuple[str, float]:
        features = self._torch.from_numpy(window.longest[None])
        return self._whisper.languages(self._whisper.encode(features.to(self._device)))[0]

    def _accept(self, progress: Progress, window: Window, result: Any, encoded: Any) -> None:
        language = progress.language or "en"
        decoded = Decoded(
            result.tokens, float(result.avg_logprob), float(result.no_speech_prob), result.compression_ratio
        )

        def align(parts: list[dict[str, Any]]) -> None:
            self._whisper.align(parts, language, encoded, window, progress.last_word)

        progress.accept(window, decoded, align, self._whisper.tokenizer(language).decode)

    def _speech(self, audio: Audio, progress: Progress | None) -> Speech:
        if progress is None:
            return Speech((), None, 0.0)
        words, dropped = sift(progress.segments, audio, self.options)
        if not words:
            return Speech((), None, 0.0, dropped)
        return Speech(tuple(words), progress.language, progress.language_probability, dropped)


def _mask(torch: Any, model: Any, heads: list[list[int]]) -> Any:
    """The cross-attention heads that word times are read from, given as (layer, head), as a sparse mask."""
    mask = torch.zeros(model.dims.n_text_layer, model.dims.n_text_head, dtype=torch.bool)
    for layer, head in heads:
        mask[layer, head] = True
    return mask.to_sparse()


def embedded_checkpoint() -> Path:
    """The embedded base model as a checkpoint of openai-whisper, converted in the cache on first use.

    Raises:
        NotReadyError: Its packages are not installed, or the cache cannot be written.
    """
    path = store.cache_dir() / "models" / f"whisper-base-{store.revision(_EMBEDDED)}-pt" / "base.pt"
    if not path.is_file():
        ctranslate2.whisper_checkpoint(store.folder(_EMBEDDED), path)
    return path
