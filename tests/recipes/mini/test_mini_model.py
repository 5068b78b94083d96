"""The model of the laptop recipe: audio tower, tokenizer, and the cache of the tower."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from paqa_builder.errors import ConfigError
from paqa_builder.questions.traces import grammar
from recipes.families import tiny
from recipes.layers.tower_cache import TowerCache, fingerprint
from recipes.mini import model, tokens, weights

SECONDS, MELS, WIDTH = 2, 16, 64
TEXTS = ["Which sound is heard first? - Dog - Rain", "<THINK><ENV>dog</ENV></THINK><RESPONSE>Dog</RESPONSE>"]


@pytest.fixture(scope="module")
def whisper() -> Any:
    """A random Whisper encoder by openai's own code; its window is two seconds."""
    made = pytest.importorskip("whisper.model").AudioEncoder(MELS, SECONDS * 50, WIDTH, 1, 2)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) / 8)
    return made.eval()


def arrays(encoder: Any) -> dict[str, np.ndarray]:
    return {f"encoder.{name}": value.numpy() for name, value in encoder.state_dict().items()}


@pytest.fixture(scope="module")
def small(whisper: Any) -> tuple[Any, Any]:
    sizes = model.Sizes(SECONDS, hidden=32, layers=1, heads=2, feed_forward=32, vocabulary=400)
    return model.build(TEXTS, arrays(whisper), sizes, seed=3)


def test_tower_output_equals_whispers(whisper: Any, small: tuple[Any, Any]) -> None:
    tower = small[0].model.audio_tower.eval()
    mel = torch.randn(1, MELS, SECONDS * 100, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        heard = tower(mel).last_hidden_state
        # What Whisper itself makes of it, up to its last norm, which comes after the pooling here.
        seen: list[torch.Tensor] = []
        hook = whisper.ln_post.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        whisper(mel)
        hook.remove()
        pooled = torch.nn.functional.avg_pool1d(seen[0].transpose(1, 2), 2).transpose(1, 2)
        expected = whisper.ln_post(pooled)
    assert heard.shape == (1, SECONDS * 25, WIDTH)
    torch.testing.assert_close(heard, expected, atol=1e-4, rtol=1e-4)


def test_shorter_window_takes_the_first_positions(whisper: Any) -> None:
    state, sizes = weights.tower(arrays(whisper), 1)
    assert sizes["max_source_positions"] == 50
    expected = whisper.positional_embedding[:50]
    torch.testing.assert_close(state["embed_positions.weight"], expected)


def test_a_tower_may_have_the_first_layers_only() -> None:
    made = pytest.importorskip("whisper.model").AudioEncoder(MELS, SECONDS * 50, WIDTH, 1, 3)
    state, sizes = weights.tower(arrays(made), SECONDS, layers=2)
    assert sizes["encoder_layers"] == 2
    assert {name.split(".")[1] for name in state if name.startswith("layers.")} == {"0", "1"}
    torch.testing.assert_close(state["layers.1.fc1.weight"], made.blocks[1].mlp[0].weight.detach())


def test_longer_window_and_foreign_weights_are_refused(whisper: Any) -> None:
    with pytest.raises(ConfigError, match="not within 1 to 2 s"):
        weights.tower(arrays(whisper), 3)
    with pytest.raises(ConfigError, match=r"decoder\.ln"):
        weights.tower({"decoder.ln": np.zeros(1)}, 1)


def test_tags_and_times_are_one_token_each_and_text_survives() -> None:
    tokenizer = tokens.train([*TEXTS, "from 2.5 s to 3.0 s"] * 20, 500)
    assert len(tokenizer) <= 500
    for tag in tiny.marks():
        assert len(tokenizer.encode(tag)) == 1
    assert len(tokenizer.encode("2.5 ")) == 1
    text = "<ENV>Ünïcode, dog</ENV>\n<ASR>“2.5”</ASR>"
    read = tokenizer.decode(tokenizer.encode(text), skip_special_tokens=True)
    assert read == "<ENV>ünïcode, dog</ENV>\n<ASR>“2.5”</ASR>"
    assert tokenizer.eos_token == "<|im_end|>"
    assert {f"<{tag}>" for tag in grammar.TAGS} <= set(tokenizer.get_vocab())


def test_a_word_is_the_same_token_wherever_it_stands() -> None:
    tokenizer = tokens.train(["Crying baby, rain", "- Crying baby\n- Rain\n"] * 20, 500)
    asked, heard = (tokenizer.encode(text) for text in ("- Crying baby\n", "<ENV>rain, crying baby</ENV>"))
    name = tokenizer.encode("Crying baby")
    assert asked[1:-1] == name
    assert heard[-len(name) - 1 : -1] == name


def test_control_tokens_keep_their_case() -> None:
    tokenizer = tokens.train(TEXTS, 500)
    ids = tokenizer.encode("<|AUDIO|><|im_end|>")
    assert tokenizer.convert_ids_to_tokens(ids) == ["<|AUDIO|>", "<|im_end|>"]


def test_same_seed_same_model(whisper: Any, small: tuple[Any, Any]) -> None:
    sizes = model.Sizes(SECONDS, hidden=32, layers=1, heads=2, feed_forward=32, vocabulary=400)
    again, other = (model.build(TEXTS, arrays(whisper), sizes, seed=seed)[0] for seed in (3, 4))
    mine = small[0].model.language_model.embed_tokens.weight
    assert torch.equal(mine, again.model.language_model.embed_tokens.weight)
    assert not torch.equal(mine, other.model.language_model.embed_tokens.weight)


@pytest.fixture
def frozen(small: tuple[Any, Any]) -> Any:
    tower = small[0].model.audio_tower.eval()
    tower.requires_grad_(False)
    yield tower
    tower.__dict__.pop("forward", None)


def test_tower_is_asked_once_a_clip_and_the_folder_remembers(frozen: Any, tmp_path: Path) -> None:
    mel = torch.randn(3, MELS, SECONDS * 100, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        plain = frozen(mel).last_hidden_state
    cache = TowerCache(frozen, tmp_path)
    twice = frozen(torch.cat([mel, mel[:1]])).last_hidden_state
    assert (cache.misses, cache.hits) == (3, 1)
    # bfloat16 within, float16 kept: small differences, and the same ones whoever asks.
    torch.testing.assert_close(twice[:3], plain, atol=0.15, rtol=0.1)
    assert torch.equal(twice[3], twice[0])
    with torch.autocast("cpu", torch.bfloat16):  # as the trainers call it
        assert torch.equal(frozen(mel).last_hidden_state, twice[:3])
    assert torch.equal(frozen(mel[1:2]).last_hidden_state[0], twice[1])
    cache.save()
    cache.remove()
    torch.testing.assert_close(frozen(mel).last_hidden_state, plain)
    other = TowerCache(frozen, tmp_path)
    assert torch.equal(frozen(mel).last_hidden_state, twice[:3])
    assert (other.misses, other.hits) == (0, 3)
    other.remove()


def test_the_mask_is_part_of_the_cache_key(frozen: Any) -> None:
    mel = torch.randn(1, MELS, SECONDS * 100, generator=torch.Generator().manual_seed(5))
    cache = TowerCache(frozen)
    size = SECONDS * 50
    mask = torch.ones(1, 1, size, size, dtype=torch.bool)
    whole = frozen(mel).last_hidden_state
    assert torch.equal(frozen(mel, attention_mask=mask).last_hidden_state, whole)
    assert cache.misses == 1  # a mask that hides nothing is none
    mask[..., size // 2 :] = False
    half = frozen(mel, attention_mask=mask).last_hidden_state
    assert cache.misses == 2
    assert not torch.allclose(half, whole)
    cache.remove()


def test_tower_that_learns_is_not_remembered(small: tuple[Any, Any]) -> None:
    tower = small[0].model.audio_tower
    tower.requires_grad_(True)
    with pytest.raises(ValueError, match="not frozen"):
        TowerCache(tower)


def test_fingerprint_follows_the_weights(small: tuple[Any, Any]) -> None:
    tower = small[0].model.audio_tower
    before = fingerprint(tower)
    assert fingerprint(tower) == before
    with torch.no_grad():
        tower.conv1.bias[0] += 1
    assert fingerprint(tower) != before
    with torch.no_grad():
        tower.conv1.bias[0] -= 1
