"""Audio Flamingo 3 (Goel et al. 2025): AF-Whisper encoder and Qwen2.5-7B."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from recipes.families import tiny
from recipes.families.base import Family

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<sound>")


class AudioFlamingo3(Family):
    """``nvidia/audio-flamingo-3-hf``; only the first 30 s window of the audio is used."""

    name: ClassVar[str] = "audio_flamingo3"
    model_class: ClassVar[str] = "AudioFlamingo3ForConditionalGeneration"
    processor_class: ClassVar[str] = "AudioFlamingo3Processor"
    audio_keys: ClassVar[tuple[str, ...]] = ("input_features", "input_features_mask")

    def tiny(self, seed: int = 0, lines: Sequence[str] = ()) -> tuple[Any, Any]:
        from transformers import (
            AudioFlamingo3Config,
            AudioFlamingo3ForConditionalGeneration,
            AudioFlamingo3Processor,
        )

        words = tiny.tokenizer(SPECIAL, lines, end="<|im_end|>", pad="<|endoftext|>")
        template = tiny.QWEN_TEMPLATE.replace("AUDIO", "'<sound>'")
        processor = AudioFlamingo3Processor(tiny.extractor(), words, chat_template=template)
        settings = AudioFlamingo3Config(
            audio_config={
                "model_type": "audioflamingo3_encoder",
                "num_mel_bins": tiny.MELS,
                "hidden_size": tiny.WIDTH,
                "num_hidden_layers": tiny.LAYERS,
                "num_attention_heads": tiny.HEADS,
                "intermediate_size": 2 * tiny.WIDTH,
                "max_source_positions": tiny.FRAMES // 2,
            },
            text_config={"model_type": "qwen2", **tiny.text_config(words)},
            audio_token_id=words.convert_tokens_to_ids("<sound>"),
        )
        return tiny.finish(AudioFlamingo3ForConditionalGeneration, settings, words, seed), processor
