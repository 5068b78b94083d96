"""Base class of model families: loading, batches, and parts of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from paqa_builder.errors import ConfigError, NotReadyError
from recipes import config

RANDOM = "random"
"""Value of ``model.path`` for random weights in the size of the family's published model."""


class Family(ABC):
    """A family of audio language models of transformers.

    Attributes:
        name: Name in the configuration.
        model_class: Name of the model's class in transformers.
        processor_class: Name of the processor's class in transformers.
        audio_keys: Names of the audio tensors in a batch. Their first dimension is the batch, with one clip
            of at most ``window_seconds`` in each row.
        window_seconds: Length of an encoder window in seconds.
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
        """Loads the processor."""
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
        """A row as a chat: the clip and its question, and the answer if there is a target."""
        clip = {"type": "audio"} if audio is None else {"type": "audio", "audio": audio}
        chat = [{"role": "user", "content": [clip, {"type": "text", "text": prompt}]}]
        if target is not None:
            chat.append({"role": "assistant", "content": [{"type": "text", "text": target}]})
        return chat

    def text(self, processor: Any, prompt: str, target: str | None = None) -> str:
        """A row in the chat format, with one placeholder for the clip."""
        return processor.apply_chat_template(
            self.messages(prompt, target), tokenize=False, add_generation_prompt=target is None
        )

    def process(
        self, processor: Any, texts: Sequence[str], audios: Sequence[np.ndarray], *, side: str = "left"
    ) -> Any:
        """Converts texts and audio to the model's inputs.

        Args:
            texts: Results of :meth:`text`.
            audios: One clip for each text, at :meth:`rate`.
            side: Padding side: ``left`` for generation, ``right`` for training.
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
        """Sampling rate of the audio tower in Hz."""
        return processor.feature_extractor.sampling_rate

    def cut(self, processor: Any, audio: np.ndarray) -> np.ndarray:
        """The first encoder window of a clip."""
        return audio[: processor.feature_extractor.n_samples]

    # ---- parts of the model

    def core(self, model: Any) -> Any:
        """The model without the wrappers of PEFT, DDP and other libraries."""
        while hasattr(model, "module"):
            model = model.module
        return model.get_base_model() if hasattr(model, "get_base_model") else model

    def tower(self, model: Any) -> Any:
        """The audio tower, without the projector."""
        return self.core(model).model.audio_tower

    def language_model(self, model: Any) -> Any:
        """The decoder without the head."""
        return self.core(model).model.language_model

    def placeholder_id(self, model: Any) -> int:
        """The id of the audio placeholder in ``input_ids``."""
        return self.core(model).config.audio_token_id

    def end_ids(self, model: Any, processor: Any) -> list[int]:
        """The ids of end-of-answer tokens: the tokenizer's first, then those of the generation config."""
        first = processor.tokenizer.eos_token_id
        others = getattr(self.core(model).generation_config, "eos_token_id", None)
        others = others if isinstance(others, list) else [others]
        return list(dict.fromkeys(end for end in (first, *others) if end is not None))

    # ---- for tests, estimates and experiments

    def published(self, path: str | None) -> Any:
        """The configuration of a published model if it is built in, else None.

        Args:
            path: A name on the Hub, or :data:`RANDOM`.
        """
        return None

    def random(self, settings: config.Model) -> tuple[Any, Any]:
        """A model of the published size with random weights, to measure the cost of training.

        The tokenizer is that of the tiny model; the audio window and all other sizes are the published ones.

        Raises:
            ConfigError: No published configuration of this family is built in.
        """
        import torch
        from transformers import GenerationConfig

        described = self.published(RANDOM)
        if described is None:
            raise ConfigError(f"model.path={RANDOM}: not available for {self.name}")
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
        """A model of this family with random weights and about ten thousand parameters, and its processor.

        Args:
            lines: Texts to train the tokenizer on, beside the grammar's tags.
        """
