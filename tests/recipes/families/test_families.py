"""The interface of each family, on a tiny model with random weights and a real processor."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from paqa_builder.errors import ConfigError, NotReadyError
from recipes import config
from recipes.families import FAMILIES, family

NAMES = list(FAMILIES)


def clips() -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    return [(0.1 * chance.normal(size=n)).astype(np.float32) for n in (9_000, 24_000, 60_000)]


@pytest.fixture(params=NAMES)
def made(request: pytest.FixtureRequest) -> tuple:
    kind = family(request.param)
    return kind, *kind.tiny()


def test_one_clip_a_row_on_either_side_and_nothing_but_audio_beside_the_text(made: tuple) -> None:
    kind, model, processor = made
    texts = [kind.text(processor, question) for question in ("What?", "What is heard?", "Who speaks?")]
    for side in ("left", "right"):
        batch = kind.process(processor, texts, clips(), side=side)
        assert set(batch) == {"input_ids", "attention_mask", *kind.audio_keys}
        assert all(len(batch[key]) == 3 for key in batch)
        mask = batch["attention_mask"]
        edge = mask[:, 0] if side == "left" else mask[:, -1]
        assert edge.min() == 0
        heard = (batch["input_ids"] == kind.placeholder_id(model)).sum(1)
        assert (heard > 1).all()
        assert torch.isfinite(model(**batch).logits[mask.bool()]).all()


def test_outputs_depend_on_the_rows_own_clip_only(made: tuple) -> None:
    kind, model, processor = made
    texts = [kind.text(processor, "What?")] * 3
    time = np.arange(24_000) / 16_000
    low, high = (np.sin(2 * np.pi * hertz * time).astype(np.float32) / 2 for hertz in (300, 4_000))
    with torch.no_grad():
        plain = model(**kind.process(processor, texts, [low, low, low])).logits[:, -1]
        changed = model(**kind.process(processor, texts, [low, high, low])).logits[:, -1]
    assert torch.allclose(plain[[0, 2]], changed[[0, 2]], atol=1e-6)
    assert torch.allclose(plain[0], plain[1], atol=1e-6)
    assert (plain[1] - changed[1]).abs().max() > 1e-3


def test_padding_changes_nothing(made: tuple) -> None:
    kind, model, processor = made
    texts = [kind.text(processor, question) for question in ("What?", "What is heard in the recording?")]
    both = kind.process(processor, texts, clips()[:2])
    alone = kind.process(processor, texts[:1], clips()[:1])
    with torch.no_grad():
        assert torch.allclose(model(**both).logits[0, -1], model(**alone).logits[0, -1], atol=1e-4)


def test_saved_and_loaded_they_are_the_same(made: tuple, tmp_path: Path) -> None:
    kind, model, processor = made
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again, reader = kind.load(config.Model(family=kind.name, path=str(tmp_path)))
    text = kind.text(processor, "What?", "<THINK>a</THINK>")
    assert kind.text(reader, "What?", "<THINK>a</THINK>") == text
    one = kind.process(processor, [text], clips()[1:2])
    two = kind.process(reader, [text], clips()[1:2])
    assert all(torch.equal(one[key], two[key]) for key in one)
    with torch.no_grad():
        assert torch.equal(model(**one).logits, again(**two).logits)


def test_parts_and_ends(made: tuple) -> None:
    kind, model, processor = made
    names = dict(model.named_modules())
    assert kind.tower(model) in names.values()
    assert kind.language_model(model) in names.values()
    tower = {id(p) for p in kind.tower(model).parameters()}
    assert tower.isdisjoint(id(p) for p in kind.language_model(model).parameters())
    assert kind.end_ids(model, processor)[0] == processor.tokenizer.eos_token_id
    same, other = kind.tiny(), kind.tiny(seed=1)
    first = next(model.parameters())
    assert torch.equal(first, next(same[0].parameters()))
    assert any(not torch.equal(a, b) for a, b in zip(model.parameters(), other[0].parameters(), strict=True))


def test_a_message_has_one_clip_whatever_else_is_in_it(made: tuple) -> None:
    kind, _, processor = made
    plain = kind.text(processor, "What?")
    messages = kind.messages("What?")
    for part in messages[0]["content"]:  # what Arrow makes of parts with different keys
        part.setdefault("audio", None)
        if part["type"] == "audio":
            part.setdefault("text", None)
    again = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    assert again.replace("None", "") == plain


def test_wrong_names_and_paths_are_errors() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'qwen2_audio'"):
        family("qwen2-audio")
    with pytest.raises(ConfigError, match=r"model\.path"):
        family("qwen2_audio").load(config.Model())
    with pytest.raises(NotReadyError, match="no model there"):
        family("qwen2_audio").load(config.Model(path="/nowhere/at/all"))


def test_voxtral_reads_mistrals_own_tokenizer_file(tmp_path: Path) -> None:
    kind = family("voxtral")
    _, processor = kind.tiny()
    special = [
        {"rank": rank, "token_str": token, "is_control": True}
        for rank, token in enumerate(processor.tokenizer.convert_ids_to_tokens(range(26)))
    ]
    pieces = [bytes([n]) for n in range(256)] + [b"th", b"the"]
    words = [
        {"rank": rank, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
        for rank, piece in enumerate(pieces)
    ]
    pattern = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    sizes = {"default_vocab_size": 284, "default_num_special_tokens": 26, "version": "v7", "pattern": pattern}
    (tmp_path / "tekken.json").write_text(
        json.dumps({"config": sizes, "vocab": words, "special_tokens": special})
    )
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "voxtral"}))
    processor.feature_extractor.save_pretrained(tmp_path)
    found = kind.load_processor(str(tmp_path))
    tokenizer = found.tokenizer
    assert tokenizer.eos_token == "</s>"
    batch = kind.process(found, [kind.text(found, "the", "the end")], clips()[:1])
    ids = batch["input_ids"][0].tolist()
    assert ids[:3] == [1, 3, 25]  # <s>[INST][BEGIN_AUDIO]
    assert (ids.count(24), ids[-1]) == (25, 2)
    assert tokenizer.decode(ids[ids.index(4) + 1 : -1]) == "the end"
    assert tokenizer.convert_tokens_to_ids("the") == 26 + 257
    tokenizer.add_tokens(["<PAUSE>"], special_tokens=True)
    assert tokenizer.convert_tokens_to_ids("<PAUSE>") == 284
