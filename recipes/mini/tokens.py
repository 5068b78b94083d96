"""Tokenizer of the laptop recipe, with a few hundred entries.

Each tag of the grammar is one token, and so is a time such as ``2.5``; all other text is byte-level BPE. To
make copying easy for a small model, a word has the same token everywhere: text is lower-cased, and a space
belongs to the word before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from recipes.families import qwen2_audio, tiny

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, START, END, AUDIO, *_ = qwen2_audio.SPECIAL
_PIECES = r"\d+\.\d ?|\p{L}+ ?|\p{N} ?|[^\s\p{L}\p{N}]+ ?|\s+"


def train(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Trains a tokenizer.

    Args:
        texts: Texts to train on.
        size: Most entries; 256 bytes and the special tokens are always among them.
    """
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )  # fmt: skip
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.Lowercase()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(tiny.marks()),
        special_tokens=list(qwen2_audio.SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Tags are added as tokens below, so their letters must not take up entries.
    plain = (_without_tags(text) for text in texts)
    bpe.train_from_iterator(
        [*plain, "system user assistant Audio 1:\nYou are a helpful assistant.\n" * 50], trainer
    )
    # Not as special tokens, which decoding drops: the rewards read them.
    bpe.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in tiny.marks()])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        additional_special_tokens=[mark for mark in qwen2_audio.SPECIAL if mark not in (PAD, END)],
        clean_up_tokenization_spaces=False,
    )


def _without_tags(text: str) -> str:
    for tag in tiny.marks():
        text = text.replace(tag, "\n")
    return text
