"""The model of the laptop recipe: a small Qwen2-Audio with pretrained encoder and untrained decoder.

The audio tower has the weights of a Whisper encoder and is frozen. Projector and decoder have random initial
weights and are trained from scratch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from recipes.families import qwen2_audio, tiny
from recipes.mini import tokens, weights

if TYPE_CHECKING:
    from transformers import Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

RATE = 16_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the model.

    Attributes:
        seconds: Window of the audio tower; a second has 25 audio tokens.
        tower_layers: Number of encoder layers to use. Later layers represent words more than sounds: after
            the sixth layer of Whisper base a linear probe finds three quarters of the sounds that it finds
            after the third (see also Gong et al. 2023, "Whisper-AT").
        hidden, layers, heads, feed_forward: Sizes of the decoder.
        vocabulary: Most entries of the tokenizer.
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
    """Builds model and processor.

    Args:
        texts: Texts to train the tokenizer on.
        whisper: Arrays of a Whisper encoder under openai-whisper's names; by default those of
            :func:`recipes.mini.weights.embedded_whisper`.
        seed: Seed of the random weights.

    Raises:
        NotReadyError: The package with the default weights is not installed.
    """
    from transformers import (
        Qwen2AudioConfig,
        Qwen2AudioForConditionalGeneration,
        Qwen2AudioProcessor,
        WhisperFeatureExtractor,
    )

    sizes = sizes or Sizes()
    state, encoder = weights.tower(whisper or weights.embedded_whisper(), sizes.seconds, sizes.tower_layers)
    tokenizer = tokens.train(texts, sizes.vocabulary)
    extractor = WhisperFeatureExtractor(
        feature_size=encoder["num_mel_bins"],
        sampling_rate=RATE,
        chunk_length=sizes.seconds,
        return_attention_mask=True,
    )
    processor = Qwen2AudioProcessor(extractor, tokenizer, chat_template=qwen2_audio.TEMPLATE)
    config = Qwen2AudioConfig(
        audio_config={"model_type": "qwen2_audio_encoder", **encoder},
        text_config={
            "model_type": "qwen2",
            **tiny.text_config(
                tokenizer,
                hidden_size=sizes.hidden,
                num_hidden_layers=sizes.layers,
                num_attention_heads=sizes.heads,
                num_key_value_heads=sizes.heads,
                intermediate_size=sizes.feed_forward,
            ),
        },
        audio_token_index=tokenizer.vocab[tokens.AUDIO],
    )
    model = tiny.finish(Qwen2AudioForConditionalGeneration, config, tokenizer, seed)
    model.model.audio_tower.load_state_dict(state)
    return model, processor
