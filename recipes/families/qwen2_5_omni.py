"""Qwen2.5-Omni (Xu et al. 2025): the thinker, without the talker for speech output."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

from recipes.families import tiny
from recipes.families.base import Family

AUDIO = "<|audio_bos|><|AUDIO|><|audio_eos|>"
_NAMED = {
    "image_token": "<|IMAGE|>",
    "audio_token": "<|AUDIO|>",
    "video_token": "<|VIDEO|>",
    "vision_bos_token": "<|vision_bos|>",
    "vision_eos_token": "<|vision_eos|>",
    "audio_bos_token": "<|audio_bos|>",
    "audio_eos_token": "<|audio_eos|>",
}
_ENDS = (("start", "bos"), ("end", "eos"))
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *_NAMED.values())


@cache
def _processor_type() -> Any:
    from transformers import Qwen2_5OmniProcessor
    from transformers.processing_utils import ProcessorMixin

    class Qwen2_5OmniAudioProcessor(Qwen2_5OmniProcessor):  # noqa: N801 - named as its parent
        """The processor without images and videos, which need torchvision."""

        def __init__(self, feature_extractor: Any = None, tokenizer: Any = None, chat_template: Any = None):
            # The parent's __init__ requires all four parts.
            ProcessorMixin.__init__(self, feature_extractor, tokenizer, chat_template=chat_template)
            for kind in ("audio", "image", "video"):
                setattr(self, f"{kind}_token", getattr(tokenizer, f"{kind}_token"))
                setattr(self, f"{kind}_token_id", getattr(tokenizer, f"{kind}_token_id"))

    return Qwen2_5OmniAudioProcessor


class Qwen25Omni(Family):
    """The thinker of ``Qwen/Qwen2.5-Omni-3B`` and ``-7B``."""

    name: ClassVar[str] = "qwen2_5_omni"
    model_class: ClassVar[str] = "Qwen2_5OmniThinkerForConditionalGeneration"
    processor_class: ClassVar[str] = "Qwen2_5OmniProcessor"

    def processor_type(self) -> Any:
        return _processor_type()

    def tiny(self, seed: int = 0, lines: Sequence[str] = ()) -> tuple[Any, Any]:
        from transformers import Qwen2_5OmniThinkerConfig, Qwen2_5OmniThinkerForConditionalGeneration

        words = tiny.tokenizer(
            SPECIAL, lines, end="<|im_end|>", pad="<|endoftext|>", extra_special_tokens=_NAMED
        )
        template = tiny.QWEN_TEMPLATE.replace("AUDIO", f"'{AUDIO}'")
        processor = self.processor_type()(tiny.extractor(), words, chat_template=template)
        text = tiny.text_config(words)
        head = tiny.WIDTH // tiny.HEADS // 2
        text["rope_parameters"] = {
            "rope_type": "default",
            "rope_theta": 1e4,
            "mrope_section": [head - 2 * (head // 3), head // 3, head // 3],
        }
        id_of = words.convert_tokens_to_ids
        settings = Qwen2_5OmniThinkerConfig(
            audio_config={
                "num_mel_bins": tiny.MELS,
                "d_model": tiny.WIDTH,
                "encoder_layers": tiny.LAYERS,
                "encoder_attention_heads": tiny.HEADS,
                "encoder_ffn_dim": 2 * tiny.WIDTH,
                "max_source_positions": tiny.FRAMES // 2,
                "n_window": tiny.FRAMES // 4,
                "output_dim": tiny.WIDTH,
            },
            vision_config={
                "depth": 1, "hidden_size": tiny.WIDTH, "intermediate_size": tiny.WIDTH, "num_heads": 2,
                "out_hidden_size": tiny.WIDTH, "fullatt_block_indexes": [0],
            },
            text_config=text,
            audio_token_index=id_of("<|AUDIO|>"),
            image_token_index=id_of("<|IMAGE|>"),
            video_token_index=id_of("<|VIDEO|>"),
            audio_start_token_id=id_of("<|audio_bos|>"),
            audio_end_token_id=id_of("<|audio_eos|>"),
            **{f"vision_{end}_token_id": id_of(f"<|vision_{mark}|>") for end, mark in _ENDS},
        )  # fmt: skip
        return tiny.finish(Qwen2_5OmniThinkerForConditionalGeneration, settings, words, seed), processor
