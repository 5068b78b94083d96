"""Tokenizers and sizes of the tiny models, with which every family is tested."""

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
"""ChatML, as all Qwen models have it; ``AUDIO`` is to be replaced by a literal."""


def tokenizer(
    special: Sequence[str], lines: Sequence[str], *, end: str, pad: str, tags: bool = True, **names: Any
) -> Any:
    """A byte-level BPE tokenizer trained on a few lines.

    Args:
        special: Control tokens, in the order of their ids.
        lines: Texts to train on, beside some of our own.
        end: The token that ends an answer.
        pad: The token that fills rows up.
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
    if tags:  # no special tokens: these must survive decoding
        marks = [mark for tag in grammar.TAGS for mark in (f"<{tag}>", f"</{tag}>")]
        bpe.add_tokens([AddedToken(mark, normalized=False) for mark in marks])
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
    """A Whisper feature extractor for two seconds of audio."""
    from transformers import WhisperFeatureExtractor

    settings = {"feature_size": MELS, "sampling_rate": 16000, "chunk_length": SECONDS}
    return WhisperFeatureExtractor(**settings | {"return_attention_mask": True} | changes)


def text_config(words: Any, **changes: Any) -> dict[str, Any]:
    """A decoder of two layers for a tokenizer."""
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
    """The random model of a configuration; the same seed gives the same one."""
    import torch
    from transformers import GenerationConfig

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = model_class(settings)
    model.generation_config = GenerationConfig(
        eos_token_id=[words.eos_token_id, words.pad_token_id], pad_token_id=words.pad_token_id
    )
    return model.eval()
