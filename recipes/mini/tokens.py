"""A tokenizer of a few hundred entries, trained on the rows that it will read.

The grammar's tags are one token each, so is a time such as ``2.5``; the rest is byte-level BPE, so
that nothing is unknown. A small model learns to copy before it learns anything else, so what is the same
word is the same token wherever it stands: text is read in lower case, and a space belongs to the word
before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from paqa_builder.questions.traces import grammar
from recipes.families import qwen2_audio

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, START, END, AUDIO, *_ = qwen2_audio.SPECIAL
_PIECES = r"\d+\.\d ?|\p{L}+ ?|\p{N} ?|[^\s\p{L}\p{N}]+ ?|\s+"


def tags() -> list[str]:
    """The grammar's tags, opening and closing."""
    return [f"<{slash}{tag}>" for tag in grammar.TAGS for slash in ("", "/")]


def train(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """Trains a tokenizer.

    Args:
        texts: What it will read and write.
        size: Entries at most; 256 bytes and the special tokens are always among them.
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

    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(tags()),
        special_tokens=list(qwen2_audio.SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    # Without the tags: they are tokens of their own, and their letters would take up entries.
    plain = (_without_tags(text) for text in texts)
    made.train_from_iterator(
        [*plain, "system user assistant Audio 1:\nYou are a helpful assistant.\n" * 50], trainer
    )
    # Not special: decoding keeps them, and the rewards read them.
    made.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in tags()])
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        additional_special_tokens=[mark for mark in qwen2_audio.SPECIAL if mark not in (PAD, END)],
        clean_up_tokenization_spaces=False,
    )


def _without_tags(text: str) -> str:
    for tag in tags():
        text = text.replace(tag, "\n")
    return text
