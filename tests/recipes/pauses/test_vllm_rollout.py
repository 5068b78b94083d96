"""Rollouts in segments, with transformers as the engine in place of vLLM."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

import pytest
import torch
from helpers.rollouts import BUDGET, SHORT, Made, make

from paqa_builder.errors import ConfigError, NotReadyError
from recipes.pauses import rollout
from recipes.pauses.sampling import Sampling
from recipes.pauses.vllm import Segment, check, in_segments
from recipes.sections import PauseConfig


@pytest.fixture(scope="module")
def qwen() -> Made:
    return make("qwen2_audio")


def greedy(made: Made, row: int, ids: Sequence[int], most: int) -> Segment:
    """What a greedy engine adds to one completion."""
    model, inputs, special = made
    banned = [*special.banned, special.forced]
    one = {key: value[row : row + 1] for key, value in inputs.items()}
    real = one["attention_mask"][0].bool()
    sofar = torch.tensor([*one["input_ids"][0, real].tolist(), *ids])[None]
    one |= {"input_ids": sofar, "attention_mask": torch.ones_like(sofar)}
    tokens, logs, sure = [], [], []
    with torch.no_grad():
        for _ in range(most):
            scores = model(**one).logits[0, -1]
            raw = scores.log_softmax(-1)
            scores[banned] = -torch.inf
            token = int(scores.argmax())
            tokens.append(token)
            logs.append(raw[token].item())
            sure.append(scores.softmax(-1).max().item())
            one["input_ids"] = torch.cat([one["input_ids"], torch.tensor([[token]])], 1)
            one["attention_mask"] = torch.ones_like(one["input_ids"])
            if token in special.eos:
                break
    return Segment(tokens, logs, sure)


@pytest.mark.parametrize("extra", [{}, {"abort_below": 0.55}], ids=str)
@pytest.mark.parametrize("segment", [1, 7, 100])
def test_segments_give_what_the_rollout_gives(qwen: Made, segment: int, extra: dict[str, float]) -> None:
    model, inputs, special = qwen
    pause = PauseConfig(**SHORT, **extra)

    def extend(numbers: Sequence[int], so_far: Sequence[Sequence[int]], room: Sequence[int]) -> list[Segment]:
        return [greedy(qwen, *one) for one in zip(numbers, so_far, room, strict=True)]

    made = in_segments(extend, 3, special, BUDGET, pause, segment=segment)
    wanted = rollout.generate(model, inputs, special, BUDGET, sampling=Sampling(greedy=True), pause=pause)
    assert made.tokens == wanted.tokens
    assert made.forced == wanted.forced
    assert made.aborted == wanted.aborted
    assert made.triggers == wanted.triggers
    assert any(made.triggers)
    for mine, theirs in zip(made.logprobs, wanted.logprobs, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-3)


def test_without_pauses_it_asks_once(qwen: Made) -> None:
    asked = []

    def extend(numbers: Sequence[int], so_far: Sequence[Sequence[int]], room: Sequence[int]) -> list[Segment]:
        asked.append(list(room))
        return [greedy(qwen, *one) for one in zip(numbers, so_far, room, strict=True)]

    made = in_segments(extend, 3, qwen[2], 8, None)
    assert asked == [[8, 8, 8]]
    assert not any(map(any, made.forced))


def test_what_it_cannot_do_is_refused() -> None:
    for config in (PauseConfig(signal="neg_entropy"), PauseConfig(policy="allow")):
        with pytest.raises(ConfigError, match="must be maxprob"):
            in_segments(lambda *_: [], 1, rollout.Special(0, (1,), 2), 8, config)


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_without_vllm_it_says_what_to_do() -> None:
    with pytest.raises(NotReadyError, match="not installed") as caught:
        check(PauseConfig())
    assert "stage2.rollout=block" in str(caught.value)
