"""Base class of the model families: loading, batches, and the parts of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from paqa_builder.errors import ConfigError, NotReadyError
from recipes import config

RANDOM = "random"
"""As ``model.path``: the size of the family's published model, and random weights."""


class Family(ABC):
    """A family of audio language models of transformers.

    Attributes:
        name: Its name in the configuration.
        model_class: The class in transformers.
        processor_class: The processor's class in transformers, or here where transformers' own cannot
            make training batches.
        audio_keys: The audio tensors in a batch. The first dimension of each is the batch's: one clip
            of at most ``window_seconds`` a row.
        window_seconds: Audio that one encoder window holds.
    """

    plugin_kind: ClassVar[str] = "family"
    name: ClassVar[str]
    model_class: ClassVar[str]
    processor_class: ClassVar[str]
    audio_keys: ClassVar[tuple[str, ...]] = ("input_features", "feature_attention_mask")
    window_seconds: ClassVar[float] = 30.0

    # ---- loading

    def load(self, settings: config.Model) -> tuple[Any, Any]:
        """Loads model and processor.

        Raises:
            ConfigError: No path is set, or it holds a model of another family.
            NotReadyError: The path is neither a folder nor reachable on the Hub.
        """
        import torch

        from recipes.layers import attention

        if settings.path is None:
            raise ConfigError("model.path is not set", fix="--set model.path=FOLDER_OR_HUB_NAME")
        attention.register()
        if settings.path == RANDOM:
            return self.random(settings)
        options = {"dtype": getattr(torch, settings.dtype), "attn_implementation": settings.attention}
        try:
            model = self.model_type().from_pretrained(settings.path, **options)
            return model, self.load_processor(settings.path)
        except OSError as error:
            raise NotReadyError(
                f"{settings.path}: no model there ({str(error).splitlines()[0]})",
                fix="check model.path; a model of the Hub is fetched with `hf download NAME`",
            ) from error

    def load_processor(self, path: str) -> Any:
        """Loads the processor alone."""
        return self.processor_type().from_pretrained(path)

    def model_type(self) -> Any:
        """The model's class."""
        import transformers

        return getattr(transformers, self.model_class)

    def processor_type(self) -> Any:
        """The processor's class."""
        import transformers

        return getattr(transformers, self.processor_class)

    # ---- text and audio to tensors

    def messages(self, prompt: str, target: str | None = None, audio: Any = None) -> list[dict[str, Any]]:
        """A row as a chat: the clip and its question, and the answer where one is given."""
        heard = {"type": "audio"} if audio is None else {"type": "audio", "audio": audio}
        chat = [{"role": "user", "content": [heard, {"type": "text", "text": prompt}]}]
        if target is not None:
            chat.append({"role": "assistant", "content": [{"type": "text", "text": target}]})
        return chat

    def text(self, processor: Any, prompt: str, target: str | None = None) -> str:
        """A row as the text that the processor takes, with one placeholder for the clip."""
        return processor.apply_chat_template(
            self.messages(prompt, target), tokenize=False, add_generation_prompt=target is None
        )

    def process(
        self, processor: Any, texts: Sequence[str], audios: Sequence[np.ndarray], *, side: str = "left"
    ) -> Any:
        """Makes a batch.

        Args:
            texts: From :meth:`text`.
            audios: One clip a text, at :meth:`rate`.
            side: Where shorter rows are padded: ``left`` to generate, ``right`` to train.
        """
        return processor(
            text=list(texts),
            audio=[self.cut(processor, audio) for audio in audios],
            sampling_rate=self.rate(processor),
            text_kwargs={"padding": True, "padding_side": side, "add_special_tokens": False},
            audio_kwargs={"padding": "max_length"},
            return_tensors="pt",
        )

    def rate(self, processor: Any) -> int:
        """Samples a second that the audio tower wants."""
        return processor.feature_extractor.sampling_rate

    def cut(self, processor: Any, audio: np.ndarray) -> np.ndarray:
        """The clip's beginning, as much as one window holds: the tower would cut it silently."""
        return audio[: processor.feature_extractor.n_samples]

    # ---- parts of the model

    def core(self, model: Any) -> Any:
        """The model without wrappers of peft, DDP and the like."""
        while hasattr(model, "module"):
            model = model.module
        return model.get_base_model() if hasattr(model, "get_base_model") else model

    def tower(self, model: Any) -> Any:
        """The audio tower, without the projector."""
        return self.core(model).model.audio_tower

    def language_model(self, model: Any) -> Any:
        """The decoder, without the head."""
        return self.core(model).model.language_model

    def placeholder_id(self, model: Any) -> int:
        """The token that stands for a piece of audio in ``input_ids``."""
        return self.core(model).config.audio_token_id

    def end_ids(self, model: Any, processor: Any) -> list[int]:
        """The tokens that end an answer, the tokenizer's own first."""
        own = processor.tokenizer.eos_token_id
        found = getattr(self.core(model).generation_config, "eos_token_id", None)
        more = found if isinstance(found, list) else [found]
        return list(dict.fromkeys(end for end in (own, *more) if end is not None))

    # ---- for tests, estimates and try-outs

    def published(self, path: str | None) -> Any:
        """The configuration of a published model, known without the Hub; None where it is not.

        Args:
            path: A name on the Hub, or :data:`RANDOM`.
        """
        return None

    def random(self, settings: config.Model) -> tuple[Any, Any]:
        """The published model's size with random weights, to measure what training it takes.

        The tokenizer is the tiny model's, the audio window and everything else the real one's.

        Raises:
            ConfigError: The size of no model of this family is known here.
        """
        import torch
        from transformers import GenerationConfig

        described = self.published(RANDOM)
        if described is None:
            raise ConfigError(f"model.path={RANDOM}: the size of a {self.name} model is not known here")
        small, processor = self.tiny()
        audio = described.audio_config
        extractor = type(processor.feature_extractor)(
            feature_size=audio.num_mel_bins, sampling_rate=16_000, return_attention_mask=True
        )
        processor.feature_extractor = extractor
        described.audio_token_index = small.config.audio_token_id
        described._attn_implementation = settings.attention
        device = "cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu"
        before = torch.get_default_dtype()
        torch.set_default_dtype(getattr(torch, settings.dtype))
        try:
            with torch.device(device):
                model = self.model_type()(described)
        finally:
            torch.set_default_dtype(before)
        model.generation_config = GenerationConfig(**small.generation_config.to_diff_dict())
        return model, processor

    @abstractmethod
    def tiny(self, seed: int = 0, lines: Sequence[str] = ()) -> tuple[Any, Any]:
        """A random model of this family with some ten thousand parameters, and a processor.

        Args:
            lines: Texts that its tokenizer is trained on, beside the grammar's tags.
        """
