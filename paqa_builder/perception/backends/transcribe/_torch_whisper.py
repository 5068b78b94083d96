"""Decoding of openai-whisper's models from encoded windows of any length, in batches.

The package encodes windows of 30 s only, once to detect the language, once to decode and once to align words,
and its beam search takes one window at a time. Needs torch and openai-whisper when it is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu
from whisper.decoding import DecodingOptions, DecodingResult, DecodingTask
from whisper.timing import add_word_timestamps
from whisper.tokenizer import Tokenizer, get_tokenizer

from paqa_builder.perception.backends.transcribe._windows import Window


class TorchWhisper:
    """A model of openai-whisper with its tokenizers.

    Args:
        model: As :func:`whisper.load_model` returns it.
        beam_size: 1: greedy decoding.
        half: float16 for the weights and activations, except layer normalisation and softmax.
    """

    def __init__(self, model: Any, beam_size: int, half: bool) -> None:
        self.model = model
        self._beam_size = beam_size
        self._half = half
        if half:  # in advance; the package's layers convert their weights at every call
            for layer in model.modules():
                if isinstance(layer, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Embedding):
                    layer.half()

    def tokenizer(self, language: str | None = None) -> Tokenizer:
        return get_tokenizer(
            self.model.is_multilingual,
            num_languages=self.model.num_languages,
            language=language,
            task="transcribe",
        )

    @torch.inference_mode()
    def encode(self, features: Tensor) -> Tensor:
        """Encodes spectrograms ``[windows, mels, frames]`` to ``[windows, frames / 2, width]``."""
        encoder = self.model.encoder
        x = features.half() if self._half else features
        x = gelu(encoder.conv2(gelu(encoder.conv1(x)))).permute(0, 2, 1)
        x = (x + encoder.positional_embedding[: x.shape[1]]).to(x.dtype)
        for block in encoder.blocks:
            x = block(x)
        return encoder.ln_post(x)

    @torch.inference_mode()
    def languages(self, encoded: Tensor) -> list[tuple[str, float]]:
        """The most probable language of each window, and its probability among all languages."""
        if not self.model.is_multilingual:
            return [("en", 1.0)] * len(encoded)
        tokenizer = self.tokenizer()
        start = torch.full((len(encoded), 1), tokenizer.sot, device=encoded.device)
        logits = self.model.decoder(start, encoded)[:, 0, list(tokenizer.all_language_tokens)]
        best = logits.softmax(dim=-1).max(dim=-1)
        codes = tokenizer.all_language_codes
        return [
            (codes[n], float(p)) for n, p in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        ]

    def decode(self, encoded: Tensor, languages: Sequence[str], max_tokens: int) -> list[DecodingResult]:
        """Decodes windows at temperature 0. A window's result does not depend on the others."""
        options = DecodingOptions(
            language=languages[0],
            # None: greedy decoding, which is faster than a beam of one.
            beam_size=self._beam_size if self._beam_size > 1 else None,
            sample_len=max_tokens,
            fp16=self._half,
        )
        return _Task(self.model, options, languages).run(encoded)

    def align(
        self, parts: list[dict[str, Any]], language: str, encoded: Tensor, window: Window, last_word: float
    ) -> None:
        """Adds ``words`` with times to the segments of a window."""
        add_word_timestamps(
            segments=parts,
            model=_FromEncoded(self.model),
            tokenizer=self.tokenizer(language),
            mel=encoded,
            num_frames=window.frames,
            last_speech_timestamp=last_word,
        )


class _Task(DecodingTask):
    """Decodes encoded windows, each in its language."""

    def __init__(self, model: Any, options: DecodingOptions, languages: Sequence[str]) -> None:
        super().__init__(model, options)
        self._languages = list(languages)

    def _get_audio_features(self, mel: Tensor) -> Tensor:
        return mel.repeat_interleave(self.n_group, dim=0)  # one row for each hypothesis

    def _detect_language(self, audio_features: Tensor, tokens: Tensor) -> tuple[list[str], None]:
        if self.model.is_multilingual:
            for row, language in zip(tokens, self._languages, strict=True):
                row[self.sot_index + 1] = self.tokenizer.to_language_token(language)
        return self._languages, None


class _FromEncoded:
    """A model for :func:`whisper.timing.find_alignment` that takes an encoded window as spectrogram."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def __call__(self, encoded: Tensor, tokens: Tensor) -> Tensor:
        return self._model.decoder(tokens, encoded)
