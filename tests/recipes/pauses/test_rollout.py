"""Rollouts against a reference with one forward pass a token: same tokens and log-probabilities."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.rollouts import BUDGET, SHORT, Made, make
from pause_controller import PauseController
from transformers import LogitsProcessor, LogitsProcessorList

from paqa_builder.errors import ConfigError
from recipes.families import FAMILIES
from recipes.pauses import rollout
from recipes.pauses.sampling import Sampling, Special
from recipes.sections import PauseConfig


@pytest.fixture(scope="module", params=list(FAMILIES))
def made(request: pytest.FixtureRequest) -> Made:
    return make(request.param)


@pytest.fixture(scope="module")
def qwen() -> Made:
    return make("qwen2_audio")


class Draw(LogitsProcessor):
    """Makes ``generate`` draw with the rollout's random numbers, so that both can be compared."""

    def __init__(self, chance: torch.Tensor, controller: PauseController) -> None:
        self.chance, self.controller = chance, controller
        self.count = torch.zeros(len(chance), dtype=torch.long)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        free = ~self.controller.forced_mask()[:, -1] & ~self.controller.done
        sums = scores.softmax(-1).double().cumsum(-1)
        point = self.chance[torch.arange(len(scores)), self.count.clamp(max=BUDGET - 1)].double()[:, None]
        token = torch.searchsorted(sums, point * sums[:, -1:], right=True).clamp(max=scores.shape[1] - 1)
        one = torch.full_like(scores, -torch.inf).scatter(1, token, 0.0)
        self.count += free.long()
        return torch.where(free[:, None], one, scores)


def slow(made: Made, config: PauseConfig, sampling: Sampling) -> tuple[list[list[int]], list[list[bool]]]:
    """What ``model.generate`` gives with a controller: tokens up to the end, and what was forced."""
    model, inputs, special = made
    controller = PauseController(config, special.forced or 0, special.eos, BUDGET)
    processors: list[LogitsProcessor] = [controller]
    if not sampling.greedy:
        chance = torch.rand(3, BUDGET, generator=torch.Generator().manual_seed(sampling.seed or 0))
        processors.append(Draw(chance, controller))
    out = model.generate(
        **inputs,
        max_new_tokens=BUDGET,
        do_sample=False,
        suppress_tokens=list(special.banned),
        eos_token_id=list(special.eos),
        pad_token_id=special.pad,
        logits_processor=LogitsProcessorList(processors),
    )[:, inputs["input_ids"].shape[1] :]
    tokens, forced = [], []
    for ids, mask in zip(out.tolist(), controller.forced_mask().tolist(), strict=True):
        end = next((i + 1 for i, token in enumerate(ids) if token in special.eos), len(ids))
        tokens.append(ids[:end])
        forced.append(mask[:end])
    return tokens, forced


@pytest.mark.parametrize("sampling", [Sampling(greedy=True), Sampling(seed=5)], ids=["greedy", "sampled"])
@pytest.mark.parametrize("extra", [{}, {"policy": "allow"}, {"abort_below": 0.55}], ids=str)
def test_one_forward_a_pause_gives_what_generate_gives(
    made: Made, sampling: Sampling, extra: dict[str, Any]
) -> None:
    model, inputs, special = made
    config = PauseConfig(**SHORT, **extra)
    fast = rollout.generate(model, inputs, special, BUDGET, sampling=sampling, pause=config)
    tokens, forced = slow(made, config, sampling)
    assert fast.tokens == tokens
    assert fast.forced == forced
    assert any(fast.triggers)
    own = sum(
        token == special.forced and not mask
        for ids, masks in zip(fast.tokens, fast.forced, strict=True)
        for token, mask in zip(ids, masks, strict=True)
    )
    assert own == round(3 * fast.stats["pause/by_policy"])
    if not sampling.greedy:
        assert (own > 0) == (config.policy == "allow")


@pytest.mark.parametrize("greedy", [True, False])
def test_log_probabilities_are_those_of_a_forward_over_the_whole(made: Made, greedy: bool) -> None:
    model, inputs, special = made
    source = [0, 0, 1, 1, 2, 2]
    fast = rollout.generate(
        model,
        inputs,
        special,
        BUDGET,
        sampling=Sampling(greedy=greedy, seed=3),
        pause=PauseConfig(**SHORT),
        source=source,
    )
    slowly = rollout.generate(
        model,
        inputs,
        special,
        BUDGET,
        sampling=Sampling(greedy=greedy, seed=3),
        pause=PauseConfig(**SHORT),
        source=source,
        block=False,
    )
    assert fast.tokens == slowly.tokens
    for row, (ids, logs) in enumerate(zip(fast.tokens, fast.logprobs, strict=True)):
        one = {k: v[source[row] : source[row] + 1] for k, v in inputs.items()}
        real = one.pop("attention_mask")[0].bool()
        prompt = one.pop("input_ids")[0, real]
        full = torch.cat([prompt, torch.tensor(ids)])[None]
        with torch.no_grad():
            out = model(input_ids=full, attention_mask=torch.ones_like(full), **one).logits[0]
        wanted = out.log_softmax(-1)[len(prompt) - 1 : -1].gather(1, full[0, len(prompt) :, None])[:, 0]
        free = ~torch.tensor(fast.forced[row])
        assert torch.allclose(torch.tensor(logs)[free], wanted[free], atol=2e-4)
        assert torch.allclose(torch.tensor(logs)[free], torch.tensor(slowly.logprobs[row])[free], atol=1e-4)


def test_a_pause_costs_one_forward(qwen: Made) -> None:
    model, inputs, special = qwen
    one = {key: value[:1] for key, value in inputs.items()}
    config = PauseConfig(**SHORT | {"n": 8, "tau": 1.0})

    def forwards(pause: PauseConfig | None, block: bool) -> tuple[int, rollout.Rollout]:
        made = rollout.generate(
            model, one, special, BUDGET, sampling=Sampling(greedy=True), pause=pause, block=block
        )
        return int(made.stats["rollout/forwards"]), made

    fast, made = forwards(config, True)
    slowly, _ = forwards(config, False)
    assert made.triggers == [2]
    assert slowly == len(made.tokens[0])
    assert fast == slowly - 2 * 7


def test_rows_do_not_depend_on_other_rows(qwen: Made) -> None:
    """With rows that pause at different times, in any order of doing things."""
    model, inputs, special = qwen
    config = PauseConfig(**SHORT, abort_below=0.65)
    source = [0, 1, 2] * 8
    made = [
        rollout.generate(
            model, inputs, special, BUDGET, sampling=Sampling(seed=9), pause=config, source=source, **way
        )
        for way in ({"together": True}, {"together": False}, {"block": False})
    ]
    assert made[0].tokens == made[1].tokens == made[2].tokens
    forwards = [one.stats["rollout/forwards"] for one in made]
    assert forwards[0] < forwards[2]
    few = rollout.generate(
        model, inputs, special, BUDGET, sampling=Sampling(seed=9), pause=config, source=source[:2]
    )
    assert few.tokens == made[0].tokens[:2]  # the first random numbers are theirs, whoever else is there
    assert len(set(made[0].triggers)) > 1
    assert any(made[0].aborted)
    assert not all(made[0].aborted)
    assert len({tuple(row) for row in made[0].tokens}) > 20  # copies of a prompt differ


def test_without_pauses_it_is_generate(made: Made) -> None:
    model, inputs, special = made
    banned = (*special.banned, special.forced or 0)
    fast = rollout.generate(
        model,
        inputs,
        Special(special.pad, special.eos, banned=banned),
        BUDGET,
        sampling=Sampling(greedy=True),
    )
    out = model.generate(
        **inputs, max_new_tokens=BUDGET, do_sample=False, suppress_tokens=list(banned),
        eos_token_id=list(special.eos), pad_token_id=special.pad,
    )[:, inputs["input_ids"].shape[1] :]  # fmt: skip
    for row, ids in zip(fast.tokens, out.tolist(), strict=True):
        assert ids[: len(row)] == row
    assert not any(map(any, fast.forced))


def test_aborted_rows_end_and_say_so(qwen: Made) -> None:
    model, inputs, special = qwen
    config = PauseConfig(**SHORT | {"max_triggers": 0}, abort_below=1.0)
    made = rollout.generate(model, inputs, special, BUDGET, sampling=Sampling(seed=1), pause=config)
    assert made.aborted == [True] * 3
    for ids, forced in zip(made.tokens, made.forced, strict=True):
        assert (len(ids), ids[-1]) == (5, special.eos[0])
        assert forced == [False] * 4 + [True]


def test_draws_follow_the_distribution() -> None:
    probabilities = torch.tensor([0.5, 0.0, 0.3, 0.2])
    loop = object.__new__(rollout._Loop)
    loop.sampling, loop.kinds = Sampling(), {False}
    loop.chance = torch.rand(20_000, 1, generator=torch.Generator().manual_seed(0))
    loop.count = torch.zeros(20_000, dtype=torch.long)
    drawn = loop._draw(probabilities.log().expand(20_000, -1), torch.arange(20_000))
    shares = torch.bincount(drawn, minlength=4) / 20_000
    assert shares[1] == 0
    assert torch.allclose(shares, probabilities, atol=0.015)


@pytest.mark.parametrize("sampling", [Sampling(top_k=1, seed=1), Sampling(top_p=1e-6, seed=1)], ids=str)
def test_warpers_leave_the_likeliest_token(qwen: Made, sampling: Sampling) -> None:
    model, inputs, special = qwen
    greedy = rollout.generate(model, inputs, special, 12, sampling=Sampling(greedy=True))
    assert rollout.generate(model, inputs, special, 12, sampling=sampling).tokens == greedy.tokens


def test_a_model_in_training_stays_in_training(qwen: Made) -> None:
    model, inputs, special = qwen
    model.train()
    rollout.generate(model, inputs, special, 4)
    assert model.training
    assert not model.get_output_embeddings()._forward_pre_hooks
    model.eval()


def test_sliding_windows_are_refused(qwen: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    model, inputs, special = qwen
    text = model.config.get_text_config()
    monkeypatch.setattr(text, "layer_types", ["sliding_attention", "full_attention"])
    with pytest.raises(ConfigError, match="full attention"):
        rollout.generate(model, inputs, special, 4)


RANK = """
import os, sys
import torch
import recipes
from helpers.rollouts import SHORT, make
from recipes.pauses import rollout
from recipes.sections import PauseConfig
from recipes.pauses.sampling import Sampling
torch.set_num_threads(1)
rank = int(os.environ["RANK"])
store = "file://" + os.environ["MEET"]
torch.distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
model, inputs, special = make("qwen2_audio")
calls = []
model.register_forward_pre_hook(lambda *_: calls.append(1))
options = {"sampling": Sampling(seed=2), "pause": PauseConfig(**SHORT), "source": [0, 1, 2][: rank + 1]}
together = rollout.generate(model, inputs, special, (6, 30)[rank], synced=True, **options)
forwards = len(calls)
alone = rollout.generate(model, inputs, special, (6, 30)[rank], **options)
assert together.tokens == alone.tokens
counts = [torch.zeros(1, dtype=torch.long) for _ in range(2)]
torch.distributed.all_gather(counts, torch.tensor([forwards]))
assert counts[0] == counts[1], counts
assert (len(calls) - forwards < forwards) == (rank == 0)
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


def test_ranks_make_as_many_forwards_as_each_other(tmp_path: Path) -> None:
    """As parameters that are scattered over ranks need it; the one that is done first keeps company."""
    tests = Path(__file__).parents[2]
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", RANK],
            env=os.environ
            | {
                "RANK": str(rank),
                "MEET": str(tmp_path / "meet"),
                "GLOO_SOCKET_IFNAME": "lo",
                "PYTHONPATH": os.pathsep.join(map(str, (tests, tests.parent))),
                "OMP_NUM_THREADS": "1",
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    told = [rank.communicate(timeout=300)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], "\n".join(told)


def test_some_rows_may_be_greedy(made: Made) -> None:
    model, inputs, special = made
    options: dict[str, Any] = {"pause": PauseConfig(**SHORT), "source": [0, 0, 1, 1, 2, 2]}
    drawn = Sampling(temperature=1.3, seed=3)
    mixed = rollout.generate(
        model, inputs, special, BUDGET, sampling=drawn, greedy=[True, False] * 3, **options
    )
    likeliest = rollout.generate(
        model, inputs, special, BUDGET, sampling=Sampling(greedy=True, seed=3), **options
    )
    sampled = rollout.generate(model, inputs, special, BUDGET, sampling=drawn, **options)
    for row, one in enumerate((likeliest, sampled) * 3):
        assert mixed.tokens[row] == one.tokens[row]
        assert np.allclose(mixed.logprobs[row], one.logprobs[row], atol=1e-4)
    assert mixed.tokens[0] != mixed.tokens[1]


def test_prompts_read_in_bfloat16_are_gone_on_from_in_float32(made: Made) -> None:
    model, inputs, special = made
    wanted = {"sampling": Sampling(greedy=True), "source": [0, 1, 2, 2]}
    exact = rollout.generate(model, inputs, special, 8, **wanted)
    found = rollout.generate(model, inputs, special, 8, **wanted, autocast=True)
    assert found.tokens[2] == found.tokens[3]
    for one, other, own, others in zip(
        exact.tokens, found.tokens, exact.logprobs, found.logprobs, strict=True
    ):
        apart = [n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]]
        until = apart[0] if apart else min(len(one), len(other))
        assert until  # the first token, at least, whose logits are a prompt's
        np.testing.assert_allclose(own[:until], others[:until], atol=0.2)
    assert not np.allclose(exact.logprobs[0][:1], found.logprobs[0][:1], atol=1e-7, rtol=0)


def test_a_trainer_may_have_it_all_in_bfloat16(made: Made) -> None:
    model, inputs, special = made
    with torch.autocast("cpu", torch.bfloat16):
        found = rollout.generate(
            model, inputs, special, BUDGET, sampling=Sampling(seed=3), pause=PauseConfig(**SHORT)
        )
    assert all(map(len, found.tokens))
    assert np.isfinite(np.concatenate(found.logprobs)).all()
