"""Qwen2-Audio (Chu et al. 2024): Whisper large-v3 encoder and Qwen-7B."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from recipes.families import tiny
from recipes.families.base import RANDOM, Family

AUDIO = "<|audio_bos|><|AUDIO|><|audio_eos|>"
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
TEMPLATE = tiny.QWEN_TEMPLATE.replace("AUDIO", f"'Audio 1: {AUDIO}\\n'")
"""Chat template with the result of the processor's own for one clip.

The processor's own also counts text parts with ``audio: None``, which Arrow adds, as clips."""


class Qwen2Audio(Family):
    """``Qwen/Qwen2-Audio-7B-Instruct`` and models of its architecture."""

    name: ClassVar[str] = "qwen2_audio"
    model_class: ClassVar[str] = "Qwen2AudioForConditionalGeneration"
    processor_class: ClassVar[str] = "Qwen2AudioProcessor"

    def load_processor(self, path: str) -> Any:
        processor = super().load_processor(path)
        processor.chat_template = processor.chat_template or TEMPLATE
        return processor

    def published(self, path: str | None) -> Any:
        from transformers import Qwen2AudioConfig

        if path is None or not (path == RANDOM or path.startswith("Qwen/Qwen2-Audio-7B")):
            return None
        # The published config.json relies on defaults that have changed since.
        text = {
            "model_type": "qwen2", "hidden_size": 4096, "intermediate_size": 11008, "vocab_size": 156032,
            "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32,
            "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
        }  # fmt: skip
        return Qwen2AudioConfig(text_config=text)

    def tiny(self, seed: int = 0, lines: Sequence[str] = ()) -> tuple[Any, Any]:
        from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

        words = tiny.tokenizer(SPECIAL, lines, end="<|im_end|>", pad="<|endoftext|>")
        processor = Qwen2AudioProcessor(tiny.extractor(), words, chat_template=TEMPLATE)
        settings = Qwen2AudioConfig(
            audio_config={
                "model_type": "qwen2_audio_encoder",
                "num_mel_bins": tiny.MELS,
                "d_model": tiny.WIDTH,
                "encoder_layers": tiny.LAYERS,
                "encoder_attention_heads": tiny.HEADS,
                "encoder_ffn_dim": 2 * tiny.WIDTH,
                "max_source_positions": tiny.FRAMES // 2,
            },
            text_config={"model_type": "qwen2", **tiny.text_config(words)},
            audio_token_index=words.convert_tokens_to_ids("<|AUDIO|>"),
        )
        return tiny.finish(Qwen2AudioForConditionalGeneration, settings, words, seed), processor
