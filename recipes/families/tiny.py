"""Building blocks of tiny models: tokenizer, feature extractor, and decoder configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paqa_builder.questions.traces import grammar

WIDTH, LAYERS, HEADS, MELS, SECONDS = 32, 2, 4, 16, 2
FRAMES = SECONDS * 100
_LINES = (
    "What is heard in the recording? - dog - rain - siren - bird",
    "listen none one two three together speech and sound so",
    "You are a helpful assistant. system user assistant Audio 1:",
)
QWEN_TEMPLATE = (
    "{%- for m in messages -%}"
    "{%- if loop.first and m['role'] != 'system' -%}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{%- endif -%}"
    "{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{%- if m['content'] is string -%}{{ m['content'] }}{%- else -%}"
    "{%- for c in m['content'] -%}"
    "{%- if c['type'] == 'audio' -%}{{ AUDIO }}"
    "{%- elif 'text' in c -%}{{ c['text'] }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '<|im_end|>\n' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
)
"""ChatML template of the Qwen models, with ``AUDIO`` in place of the audio placeholder's literal."""


def marks() -> list[str]:
    """The grammar's tags as they are written, opening and closing."""
    return [f"<{slash}{tag}>" for tag in grammar.TAGS for slash in ("", "/")]


def tokenizer(
    special: Sequence[str], lines: Sequence[str], *, end: str, pad: str, tags: bool = True, **names: Any
) -> Any:
    """A byte-level BPE tokenizer trained on a few lines.

    Args:
        special: Control tokens, in the order of their ids.
        lines: Texts to train on, beside built-in ones.
        end: End-of-answer token.
        pad: Padding token.
        tags: Whether each of the grammar's tags is one token.
        names: Further arguments of ``PreTrainedTokenizerFast``.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([*_LINES, *lines], trainer)
    if tags:  # not as special tokens, which decoding drops
        bpe.add_tokens([AddedToken(mark, normalized=False) for mark in marks()])
    others = [token for token in special if token not in (end, pad)]
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=end,
        pad_token=pad,
        padding_side="left",
        additional_special_tokens=others,
        **names,
    )


def extractor(**changes: Any) -> Any:
    """A Whisper feature extractor for 2 s of audio."""
    from transformers import WhisperFeatureExtractor

    settings = {"feature_size": MELS, "sampling_rate": 16000, "chunk_length": SECONDS}
    return WhisperFeatureExtractor(**settings | {"return_attention_mask": True} | changes)


def text_config(words: Any, **changes: Any) -> dict[str, Any]:
    """The configuration of a decoder for a tokenizer, with two layers unless ``changes`` say otherwise."""
    return {
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS // 2,
        "intermediate_size": 2 * WIDTH,
        "vocab_size": len(words),
        "max_position_embeddings": 2048,
        "tie_word_embeddings": False,
        "bos_token_id": None,
        "eos_token_id": words.eos_token_id,
        "pad_token_id": words.pad_token_id,
    } | changes


def finish(model_class: Any, settings: Any, words: Any, seed: int) -> Any:
    """A model with random weights from its configuration; the same seed gives the same weights."""
    import torch
    from transformers import GenerationConfig

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model_class(settings)
    model.generation_config = GenerationConfig(
        eos_token_id=[words.eos_token_id, words.pad_token_id], pad_token_id=words.pad_token_id
    )
    return model.eval()
