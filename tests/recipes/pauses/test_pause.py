from __future__ import annotations

import pytest
import torch
from pause_controller import PauseController

from paqa_builder.errors import ConfigError
from recipes.families import family
from recipes.pauses.pause import PauseState, add_pause_token, confidence, forced_id, never_emitted
from recipes.sections import PauseConfig

PAUSE, EOS, WORDS = 9, 8, 8  # a vocabulary of eight words, an end and the pause


def sure(row: list[float]) -> torch.Tensor:
    """Logits under which word 0 has the given probability, the other words sharing the rest."""
    p = torch.tensor(row)[:, None]
    rest = ((1 - p) / (WORDS - 1)).expand(-1, WORDS - 1)
    dead = torch.full((len(row), 2), 1e-30)
    return torch.cat([p, rest, dead], 1).log()


def run(config: PauseConfig, probabilities: list[list[float]], budget: int = 64) -> PauseController:
    """Feeds a controller, one list of probabilities a step, as ``generate`` would with greedy choice."""
    controller = PauseController(config, PAUSE, [EOS], budget)
    ids = torch.zeros(len(probabilities[0]), 1, dtype=torch.long)
    for step in probabilities:
        scores = controller(ids, sure(step))
        ids = torch.cat([ids, scores.argmax(-1, keepdim=True)], 1)
    return controller


def test_pauses_where_the_window_is_unsure_and_only_there() -> None:
    config = PauseConfig(n=2, window=2, tau=0.6, max_triggers=1, min_tokens=1, cooldown=0, reserve=0)
    unsure = [0.9, 0.9, 0.2, 0.9, 0.9, 0.9]
    controller = run(config, [[p, 0.9] for p in unsure])
    # Mean of .9 and .2 is below tau before the third word; that step and the next are pauses.
    assert controller.forced_mask().tolist() == [[False, False, True, True, False, False], [False] * 6]


def test_the_window_is_a_mean_of_emitted_tokens() -> None:
    config = PauseConfig(n=1, window=4, tau=0.5, min_tokens=0, cooldown=0, reserve=0)
    single = run(config, [[0.9], [0.9], [0.9], [0.2], [0.9]])
    assert not single.forced_mask().any()
    several = run(config, [[0.9], [0.35], [0.35], [0.2], [0.9]])
    assert several.forced_mask()[0].tolist() == [False, False, False, True, False]


def test_a_pause_starts_the_window_anew_and_cools_down() -> None:
    config = PauseConfig(n=1, window=1, tau=0.5, max_triggers=9, min_tokens=0, cooldown=3, reserve=0)
    controller = run(config, [[0.1]] * 9)
    # Pause, three words to cool down, pause again.
    assert controller.forced_mask()[0].tolist() == [True, False, False, False] * 2 + [True]


def test_the_budget_bounds_number_and_place_of_pauses() -> None:
    config = PauseConfig(n=2, window=1, tau=0.5, max_triggers=2, min_tokens=0, cooldown=1, reserve=3)
    mask = run(config, [[0.1]] * 12, budget=12).forced_mask()[0].tolist()
    assert sum(mask) == 4
    late = run(config, [[0.9]] * 7 + [[0.1]] * 5, budget=12).forced_mask()
    assert not late.any()  # 7 + 2 + 3 tokens are the whole budget


def test_nothing_happens_after_the_end() -> None:
    config = PauseConfig(n=2, window=1, tau=0.5, min_tokens=0, cooldown=0, reserve=0)
    controller = PauseController(config, PAUSE, [EOS], 64)
    ids = torch.zeros(1, 1, dtype=torch.long)
    controller(ids, sure([0.9]))
    ended = torch.cat([ids, torch.tensor([[EOS]])], 1)
    for _ in range(3):
        scores = controller(ended, sure([0.1]))
        assert scores[0, PAUSE] < 0
    assert not controller.forced_mask().any()
    assert controller.state is not None
    assert controller.state.triggers.tolist() == [0]


def test_unstable_rows_end_once_they_have_no_pause_left() -> None:
    config = PauseConfig(
        n=1, window=2, tau=0.5, max_triggers=1, min_tokens=0, cooldown=0, reserve=0, abort_below=0.3
    )
    controller = run(config, [[0.2, 0.9]] * 6)
    assert controller.aborted.tolist() == [True, False]
    # Pause first, then a word, then the window is full and still unsure: the end, not chosen by the policy.
    assert controller.forced_mask().tolist()[0] == [True, False, True, False, False, False]
    assert controller.state is not None
    assert controller.state.lowest[0] == pytest.approx(0.2, abs=1e-4)


def test_the_policy_can_pause_only_where_it_may() -> None:
    forbidden = PauseState(PauseConfig(), PAUSE, 1, 64)
    row = torch.tensor([0])
    wants = torch.zeros(1, 10).index_fill(1, torch.tensor([PAUSE]), 5.0)
    assert forbidden.forbid(wants, row)[0, PAUSE] == -torch.inf
    allowed = PauseState(PauseConfig(policy="allow", max_triggers=1, n=3), PAUSE, 1, 64)
    assert allowed.forbid(wants, row)[0, PAUSE] == 5.0
    allowed.decide(wants, row)
    assert allowed.took(torch.tensor([PAUSE]), row).tolist() == [True]
    assert (allowed.length.item(), allowed.by_policy.item()) == (3, 1)
    assert allowed.forbid(wants, row)[0, PAUSE] == -torch.inf  # that was the only one


def test_the_policys_own_pause_is_an_action_and_the_rest_of_it_is_not() -> None:
    config = PauseConfig(n=3, tau=0.0, policy="allow", max_triggers=1, min_tokens=0, reserve=0)
    controller = PauseController(config, PAUSE, [EOS], 64)
    ids = torch.zeros(1, 1, dtype=torch.long)
    wants = torch.zeros(1, 10).index_fill(1, torch.tensor([PAUSE]), 5.0)
    for _ in range(4):
        ids = torch.cat([ids, controller(ids, wants).argmax(-1, keepdim=True)], 1)
    assert ids[0, 1:].tolist() == [PAUSE, PAUSE, PAUSE, 0]
    assert controller.forced_mask()[0].tolist() == [False, True, True, False]


def test_random_pauses_do_not_look_at_the_model() -> None:
    config = PauseConfig(
        trigger="random", rate=0.3, n=1, window=1, max_triggers=99, min_tokens=0, cooldown=0, reserve=0
    )
    masks = [run(config, [[p] * 50] * 40).forced_mask() for p in (0.05, 0.95)]
    assert torch.equal(*masks)
    assert 0.2 < masks[0].float().mean() < 0.4


@pytest.mark.parametrize("signal", ["maxprob", "neg_entropy"])
def test_confidence_runs_from_none_to_full(signal: str) -> None:
    flat, peaked = torch.zeros(1, 5), torch.zeros(1, 5).index_fill(1, torch.tensor([2]), 50.0)
    assert confidence(flat, signal).item() == pytest.approx(0.2 if signal == "maxprob" else 0.0, abs=1e-5)
    assert confidence(peaked, signal).item() == pytest.approx(1.0, abs=1e-5)
    banned = torch.tensor([[0.0, 0.0, -torch.inf, -torch.inf]])
    assert confidence(banned, signal).item() == pytest.approx(0.5 if signal == "maxprob" else 0.0, abs=1e-5)


def test_the_token_is_added_once_and_embeddings_never_shrink() -> None:
    model, processor = family("qwen2_audio").tiny()
    before = model.get_input_embeddings().weight.clone()
    identity = add_pause_token(model, processor)
    after = model.get_input_embeddings().weight
    assert torch.equal(after[: len(before)], before)
    assert torch.allclose(after[identity], before.mean(0), atol=1e-6)
    assert add_pause_token(model, processor) == identity
    assert processor.tokenizer.decode([5, identity, 5], skip_special_tokens=True).count("PAUSE") == 0
    model.resize_token_embeddings(len(before) + 40)  # spare rows, as some published models have them
    add_pause_token(model, processor, "<OTHER>")
    assert model.get_input_embeddings().weight.shape[0] == len(before) + 40


def test_a_filler_is_one_token_and_a_missing_token_says_what_to_do() -> None:
    _, processor = family("qwen2_audio").tiny()
    dot = processor.tokenizer.encode(".", add_special_tokens=False)
    assert [forced_id(PauseConfig(filler="."), processor)] == dot
    with pytest.raises(ConfigError, match="must be one"):
        forced_id(PauseConfig(filler="well, let me see"), processor)
    with pytest.raises(ConfigError, match="stage I"):
        forced_id(PauseConfig(), processor)


def test_the_pause_token_is_never_emitted_without_pauses() -> None:
    model, processor = family("qwen2_audio").tiny()
    ids = {token: add_pause_token(model, processor, token) for token in ("<PAUSE>", "<OTHER>")}
    assert never_emitted(None, processor) == (ids["<PAUSE>"],)
    assert never_emitted(None, processor, "<OTHER>") == (ids["<OTHER>"],)
    assert never_emitted(PauseConfig(token="<OTHER>"), processor, "<OTHER>") == ()
    assert never_emitted(PauseConfig(token="<OTHER>", filler="."), processor) == (ids["<OTHER>"],)
