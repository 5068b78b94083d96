"""The laptop's model: Qwen2-Audio's architecture with a pretrained ear and an untrained tongue.

The audio tower holds a pretrained Whisper encoder and stays as it is; projector and decoder start
from random numbers and learn everything else, the language included, from the rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recipes.families import qwen2_audio
from recipes.mini import tokens, weights

if TYPE_CHECKING:
    from transformers import Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

RATE = 16_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large the model is.

    Attributes:
        seconds: Window of the audio tower; 25 audio tokens a second.
        tower_layers: How many of the encoder's layers are used. The later ones hear words: of the sounds
            that a linear probe finds behind the third of Whisper base, it finds three in four behind
            the sixth (Gong et al. 2023, "Whisper-AT", found the same).
        hidden, layers, heads, feed_forward: Of the decoder.
        vocabulary: Entries of the tokenizer at most.
    """

    seconds: int = 5
    tower_layers: int = 3
    hidden: int = 192
    layers: int = 2
    heads: int = 4
    feed_forward: int = 768
    vocabulary: int = 800


def build(
    texts: Iterable[str],
    whisper: dict[str, Any] | None = None,
    sizes: Sizes | None = None,
    seed: int = 0,
) -> tuple[Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor]:
    """Makes model and processor.

    Args:
        texts: What the model will read and write; the tokenizer learns from them.
        whisper: Arrays of a Whisper encoder under openai-whisper's names; by default those of the
            Whisper that comes inside a Python package.
        seed: Of everything that starts random.

    Raises:
        NotReadyError: The package with the default weights is not installed.
    """
    import torch
    from transformers import (
        GenerationConfig,
        Qwen2AudioConfig,
        Qwen2AudioForConditionalGeneration,
        Qwen2AudioProcessor,
        WhisperFeatureExtractor,
    )

    sizes = sizes or Sizes()
    state, ear = weights.tower(whisper or weights.embedded_whisper(), sizes.seconds, sizes.tower_layers)
    tokenizer = tokens.train(texts, sizes.vocabulary)
    extractor = WhisperFeatureExtractor(
        feature_size=ear["num_mel_bins"],
        sampling_rate=RATE,
        chunk_length=sizes.seconds,
        return_attention_mask=True,
    )
    processor = Qwen2AudioProcessor(extractor, tokenizer, chat_template=qwen2_audio.TEMPLATE)
    config = Qwen2AudioConfig(
        audio_config={"model_type": "qwen2_audio_encoder", **ear},
        text_config={
            "model_type": "qwen2",
            "hidden_size": sizes.hidden,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "num_key_value_heads": sizes.heads,
            "intermediate_size": sizes.feed_forward,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 2048,
            "tie_word_embeddings": False,
            "bos_token_id": None,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        audio_token_index=tokenizer.vocab[tokens.AUDIO],
    )
    torch.manual_seed(seed)
    model = Qwen2AudioForConditionalGeneration(config)
    model.model.audio_tower.load_state_dict(state)
    model.generation_config = GenerationConfig(
        eos_token_id=[tokenizer.eos_token_id, tokenizer.pad_token_id], pad_token_id=tokenizer.pad_token_id
    )
    return model, processor
