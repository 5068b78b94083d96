"""Rewards paid to the tokens that they judge."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers import rl_data

from recipes.data.rows import Row
from recipes.rewards import REWARDS
from recipes.trainers import credit

WORDS = ["<THINK>", "<CAPTION>", "dog", "</CAP", "TION>", "so", "dog"]


def places(completions: list[str], rows: list[Row], tokens: list[int]) -> list[float]:
    return [float(place % 3) for place in range(len(rows))]


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_the_parts_add_up_to_trls_advantages(tmp_path: Path, scale: str) -> None:
    pause = replace(rl_data.PAUSE, abort_below=0.5)
    trainer = rl_data.trainer(
        tmp_path,
        pause=pause,
        rewards={"perception": rl_data.some, "accuracy": places},
        scale_rewards=scale,
        reward_weights=[0.5, 2.0],
    )
    torch.manual_seed(3)
    out = trainer._generate_and_score_completions(rl_data.inputs())
    assert trainer.last is not None
    assert 0 < sum(trainer.last.aborted) < 6
    found = credit.parts(trainer._paid, trainer.reward_weights, 4, scale)
    assert found.abs().max() > 0.05
    torch.testing.assert_close(found.sum(1), out["advantages"], atol=1e-5, rtol=1e-5)


def test_what_is_heard_is_not_paid_for_what_is_concluded() -> None:
    given = torch.tensor([[1.0, 0.1, 0.01], [2.0, 0.2, 0.02]])
    found = credit.spread(given, ["perception", "accuracy", "format"], [2, None], 4)
    torch.testing.assert_close(found, torch.tensor([[1.01, 1.01, 0.11, 0.11], [2.22] * 4]))
    assert set(credit.JUDGED) <= set(REWARDS)


@pytest.mark.parametrize(
    ("forced", "end"),
    [((), 5), ((0,), 6), ((2, 3), 7), ((9,), 5)],
)
def test_caption_ends_behind_its_tag_however_it_is_cut_and_whatever_was_forced(
    forced: tuple[int, ...], end: int
) -> None:
    """Tags may take several tokens; forced ones, -1, stand at these places."""
    tokens, mask = list(range(len(WORDS))), [False] * len(WORDS)
    for place in forced:
        tokens.insert(place, -1)
        mask.insert(place, True)
    read = lambda ids: "".join(WORDS[number] for number in ids)  # noqa: E731
    assert credit.caption_end(tokens, mask, read) == end
    assert credit.caption_end(tokens[:3], mask[:3], read) is None


def test_only_the_tokens_that_a_reward_judges_are_moved_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credit, "caption_end", lambda tokens, forced, read: 3)
    trainer = rl_data.trainer(
        tmp_path, rewards={"perception": rl_data.some}, pause=None, options={"by_element": True}
    )
    seen = []
    real = trainer._compute_loss

    def look(model: object, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        seen.append(inputs["advantages"])
        return real(model, inputs)

    trainer._compute_loss = look  # type: ignore[method-assign]
    trainer.train()
    assert seen
    for advantages in seen:
        assert advantages[:, :3].any()
        assert not advantages[:, 3:].any()
