"""The GRPO trainer: audio inputs, masks of forced tokens, rewards and samples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import rl_data
from torch import Tensor
from trl import GRPOTrainer

from paqa_builder.errors import ConfigError
from recipes.data import prompts
from recipes.data.rows import Row
from recipes.families import FAMILIES, family
from recipes.sections import PauseConfig
from recipes.trainers.grpo import AudioGRPOTrainer
from recipes.trainers.grpo_data import dataset


def logps(trainer: AudioGRPOTrainer, out: dict[str, Any], **options: Any) -> Tensor:
    """Log-probabilities as training computes them."""
    trainer._clips = out["clip"]
    with torch.no_grad():
        return trainer._get_per_token_logps_and_entropies(
            trainer.model,
            torch.cat([out["prompt_ids"], out["completion_ids"]], 1),
            torch.cat([out["prompt_mask"], out["completion_mask"]], 1),
            out["completion_ids"].shape[1],
            **options,
        )[0]


def chosen(out: dict[str, Any]) -> Tensor:
    return (out["completion_mask"] * out["tool_mask"]).bool()


@pytest.mark.parametrize("name", list(FAMILIES))
def test_recomputed_log_probabilities_equal_the_rollouts_and_depend_on_the_audio(
    tmp_path: Path, name: str
) -> None:
    trainer = rl_data.trainer(tmp_path, name, temperature=0.8)
    out = trainer._generate_and_score_completions(rl_data.inputs())
    assert trainer.last is not None
    mask = chosen(out)
    rolled = torch.zeros(mask.shape)
    for row, logs in enumerate(trainer.last.logprobs):
        rolled[row, : len(logs)] = torch.tensor(logs)
    again = logps(trainer, out)
    assert torch.allclose(again[mask], rolled[mask], atol=2e-4)
    assert torch.allclose(logps(trainer, out, batch_size=3)[mask], again[mask], atol=1e-4)
    # What TRL does by itself, and what a mix-up of clips would do.
    features = trainer._audio[trainer._mode()]
    features["input_features"] = features["input_features"].roll(1, 2)
    assert (logps(trainer, out) - again)[mask].abs().max() > 1e-3


@pytest.mark.parametrize("name", list(FAMILIES))
def test_prompts_read_once_give_the_same_log_probabilities_and_gradients(tmp_path: Path, name: str) -> None:
    trainer = rl_data.trainer(tmp_path, name, temperature=0.8)
    out = trainer._generate_and_score_completions(rl_data.inputs())
    assert (out["prompt_mask"] == 0).any()  # prompts of several lengths

    def found(batch_size: int | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        trainer.model.zero_grad()
        trainer._clips = out["clip"]
        logs = trainer._get_per_token_logps_and_entropies(
            trainer.model,
            torch.cat([out["prompt_ids"], out["completion_ids"]], 1),
            torch.cat([out["prompt_mask"], out["completion_mask"]], 1),
            out["completion_ids"].shape[1],
            batch_size,
        )[0]
        (logs * chosen(out)).sum().backward()
        parts = trainer.model.named_parameters()
        return logs.detach()[chosen(out)], {k: p.grad.clone() for k, p in parts if p.grad is not None}

    wanted, gradients = found()
    trainer.share_prompts = True
    for batch_size in (None, 3):
        logs, mine = found(batch_size)
        assert torch.allclose(logs, wanted, atol=1e-4)
        assert mine.keys() == gradients.keys()
        for part, grad in gradients.items():
            assert torch.allclose(mine[part], grad, atol=2e-3, rtol=1e-3), part


def test_forced_tokens_are_marked_and_the_others_are_not(tmp_path: Path) -> None:
    made = rl_data.model_of("qwen2_audio")
    trainer = rl_data.trainer(tmp_path, made=made)
    out = trainer._generate_and_score_completions(rl_data.inputs())
    forced = (out["tool_mask"] == 0) & (out["completion_mask"] == 1)
    assert forced.any()
    assert (out["completion_ids"][forced] == made[2]).all()
    assert not (out["completion_ids"][chosen(out)] == made[2]).any()
    assert out["num_items_in_batch"] == chosen(out).sum()


def loss_and_gradient(trainer: AudioGRPOTrainer, out: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The loss, and its gradient by the log-probability of each token."""
    trainer.current_gradient_accumulation_steps = 1
    seen: list[Tensor] = []
    real = trainer._get_per_token_logps_and_entropies

    def spy(*args: Any, **options: Any) -> Any:
        found = real(*args, **options)
        found[0].retain_grad()
        found[1].retain_grad()
        seen.extend(found[:2])
        return found

    trainer._get_per_token_logps_and_entropies = spy  # type: ignore[method-assign]
    try:
        loss = trainer._compute_loss(trainer.model, out)
        loss.backward()
    finally:
        del trainer._get_per_token_logps_and_entropies
    by_entropy = seen[1].grad
    grad = seen[0].grad
    assert grad is not None
    return loss.detach(), grad if by_entropy is None else torch.stack([grad, by_entropy]).abs().sum(0)


@pytest.mark.parametrize(
    "changes",
    [
        *({"loss_type": name} for name in ("grpo", "dapo", "dr_grpo", "bnpo")),
        {"loss_type": "dapo", "entropy_coef": 0.1},
        {"loss_type": "grpo", "importance_sampling_level": "sequence"},
    ],
    ids=str,
)
def test_forced_tokens_get_no_gradient_but_their_embedding_learns(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    made = rl_data.model_of("qwen2_audio")
    trainer = rl_data.trainer(tmp_path, made=made, **changes)
    out = trainer._generate_and_score_completions(rl_data.inputs())
    _, grad = loss_and_gradient(trainer, out)
    forced = (out["tool_mask"] == 0) & (out["completion_mask"] == 1)
    assert forced.any()
    assert (grad[forced] == 0).all()
    assert (grad[chosen(out)] != 0).any()
    embedding = made[0].get_input_embeddings().weight.grad
    assert embedding[made[2]].abs().sum() > 0  # latent steps are trained through what follows them
    # Without the mask a forced token would be reinforced as if it had been an action.
    trainer.model.zero_grad()
    _, bare = loss_and_gradient(trainer, {k: v for k, v in out.items() if k != "tool_mask"})
    assert (bare[forced] != 0).any()


def test_pauses_count_for_nothing_in_the_kl_term_and_the_normalisation(tmp_path: Path) -> None:
    trainer = rl_data.trainer(tmp_path, loss_type="grpo")
    out = trainer._generate_and_score_completions(rl_data.inputs())
    trainer.beta = 0.5
    out["ref_per_token_logps"] = logps(trainer, out) + torch.randn(
        out["completion_ids"].shape, generator=torch.Generator().manual_seed(0)
    )
    mask = chosen(out).float()
    ratio = out["ref_per_token_logps"] - logps(trainer, out)
    token = -out["advantages"][:, None] + 0.5 * (ratio.exp() - ratio - 1)
    wanted = ((token * mask).sum(1) / mask.sum(1)).mean()
    loss, grad = loss_and_gradient(trainer, out)
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-4)
    assert (grad[(out["tool_mask"] == 0)] == 0).all()


def test_the_policys_own_pause_is_an_action(tmp_path: Path) -> None:
    made = rl_data.model_of("qwen2_audio")
    head = made[0].get_output_embeddings()  # a model that is fond of pausing
    head.bias = torch.nn.Parameter(torch.zeros(len(head.weight)).index_fill(0, torch.tensor(made[2]), 5.0))
    pause = rl_data.PAUSE.model_copy(update={"tau": 0.0, "policy": "allow", "n": 3, "max_triggers": 3})
    trainer = rl_data.trainer(tmp_path, made=made, pause=pause, temperature=1.0)
    out = trainer._generate_and_score_completions(rl_data.inputs(4, 8))
    own = (out["completion_ids"] == made[2]) & chosen(out)
    forced = (out["completion_ids"] == made[2]) & ~chosen(out)
    assert own.any()
    assert forced.sum() == 2 * own.sum()
    _, grad = loss_and_gradient(trainer, out)
    assert (grad[own & (out["advantages"] != 0)[:, None]] != 0).all()
    assert (grad[forced] == 0).all()


def test_of_aborted_rollouts_nothing_counts(tmp_path: Path) -> None:
    calls: list[list[Any]] = []

    def reward(completions: list[str], rows: list[Row], tokens: list[int]) -> list[float]:
        calls.append(tokens)
        return [float(i) for i in range(len(rows))]

    pause = rl_data.PAUSE.model_copy(update={"abort_below": 0.5})
    trainer = rl_data.trainer(tmp_path, pause=pause, rewards={"place": reward}, loss_type="grpo")
    out = trainer._generate_and_score_completions(rl_data.inputs())
    assert trainer.last is not None
    gone = torch.tensor(trainer.last.aborted)
    assert gone.any()
    assert not gone.all()
    assert (out["advantages"][gone] == 0).all()
    for group in range(2):
        kept = ~gone[4 * group : 4 * group + 4]
        if kept.sum() > 1:  # the mean of the others is their baseline
            mine = out["advantages"][4 * group : 4 * group + 4][kept]
            assert mine.mean().item() == pytest.approx(0, abs=1e-5)
            assert mine.abs().max() > 0.1
    _, grad = loss_and_gradient(trainer, out)
    assert (grad[gone] == 0).all()
    assert not chosen(out)[gone].any()


def test_rewards_see_the_policys_words_and_count_no_pauses(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def reward(completions: list[str], rows: list[Row], tokens: list[int]) -> list[float]:
        seen.update(completions=completions, rows=rows, tokens=tokens)
        return [0.0] * len(rows)

    trainer = rl_data.trainer(
        tmp_path, rewards={"look": reward}, pause=rl_data.PAUSE.model_copy(update={"filler": "."})
    )
    out = trainer._generate_and_score_completions(rl_data.inputs())
    tokenizer = trainer.processing_class.tokenizer
    mask = chosen(out)
    assert seen["tokens"] == mask.sum(1).tolist()
    assert [row.id for row in seen["rows"]] == ["q0"] * 4 + ["q1"] * 4
    said = [ids[m].tolist() for ids, m in zip(out["completion_ids"], mask, strict=True)]
    assert seen["completions"] == tokenizer.batch_decode(said, skip_special_tokens=True)
    assert len(trainer.samples) == 8
    assert trainer.samples[0]["look"] == 0.0


def test_prompts_hold_the_question_and_nothing_of_the_answer(tmp_path: Path) -> None:
    trainer = rl_data.trainer(tmp_path)
    out = trainer._generate_and_score_completions(rl_data.inputs(2, 4))
    tokenizer = trainer.processing_class.tokenizer
    row = rl_data.rows()[1]
    text = tokenizer.decode(out["prompt_ids"][4][out["prompt_mask"][4].bool()])
    assert prompts.prompt(row) in text
    assert "secret" not in text
    # Both choices are there as choices, the right one not once more.
    assert text.count("dog") == 1


def test_clips_stay_with_their_completions_through_trls_batching(tmp_path: Path) -> None:
    """Two steps a generation: TRL shuffles and splits."""
    trainer = rl_data.trainer(
        tmp_path, per_device_train_batch_size=4, gradient_accumulation_steps=2, num_iterations=2, max_steps=4
    )
    checked = []
    real = trainer._compute_loss

    def check(model: Any, batch: dict[str, Any]) -> Tensor:
        mask = chosen(batch)
        with torch.no_grad():
            again = logps(trainer, batch)
        if trainer.state.global_step == 0:  # the model that sampled them: a mix-up would show
            assert torch.allclose(batch["old_per_token_logps"][mask], again[mask], atol=1e-4)
            checked.append(len(batch["clip"].unique()))
        return real(model, batch)

    trainer._compute_loss = check  # type: ignore[method-assign]
    trainer.train()
    assert trainer.state.global_step == 4
    assert len(checked) == 2
    assert max(checked) > 1


def test_evaluation_in_the_midst_of_training(tmp_path: Path) -> None:
    data = rl_data.rows()
    trainer = rl_data.trainer(
        tmp_path,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        steps_per_generation=4,
        per_device_eval_batch_size=4,
        eval_strategy="steps",
        eval_steps=1,
        options={"eval_dataset": dataset(data[2:], family("qwen2_audio"))},
    )
    trainer.train()
    assert [log["eval_reward"] for log in trainer.state.log_history if "eval_reward" in log]


def test_kl_to_a_reference_that_was_saved_with_the_pause_token(tmp_path: Path) -> None:
    model, processor, identity = rl_data.model_of("qwen2_audio")
    for part in (model, processor):
        part.save_pretrained(tmp_path / "stage1")
    again = family("qwen2_audio").model_type().from_pretrained(tmp_path / "stage1")
    trainer = rl_data.trainer(tmp_path / "run", made=(again, processor, identity), beta=0.1)
    trainer.train()
    assert any(log.get("kl", 0) > 0 for log in trainer.state.log_history)


def test_an_adapter_trains_the_row_of_pause_and_no_other(tmp_path: Path) -> None:
    from peft import LoraConfig

    model, processor, identity = rl_data.model_of("qwen2_audio")
    before = model.get_input_embeddings().weight.clone()
    lora = LoraConfig(
        r=2,
        target_modules=r".*language_model.*\.(q_proj|v_proj)",
        trainable_token_indices={"embed_tokens": [identity]},
    )
    trainer = rl_data.trainer(
        tmp_path, made=(model, processor, identity), learning_rate=1e-2, options={"peft_config": lora}
    )
    trainer.train()
    after = trainer.model.merge_and_unload().get_input_embeddings().weight
    changed = (after - before).abs().amax(1) > 1e-6
    assert changed.nonzero().flatten().tolist() == [identity]


@pytest.mark.parametrize("name", list(FAMILIES))
def test_every_family_trains_and_its_reward_is_logged(tmp_path: Path, name: str) -> None:
    trainer = rl_data.trainer(tmp_path, name, save_strategy="steps", save_steps=2)
    before = {k: v.clone() for k, v in trainer.model.named_parameters()}
    trainer.train()
    log = trainer.state.log_history[0]
    assert log["rewards/some/std"] > 0
    assert log["pause/triggers"] > 0
    assert log["completions/mean_length"] + log["pause/tokens"] <= rl_data.BUDGET
    assert any(not torch.equal(before[k], v) for k, v in trainer.model.named_parameters())
    saved = json.loads((tmp_path / "checkpoint-2" / "config.json").read_text())
    own = json.loads(family(name).tiny()[0].config.to_json_string(use_diff=False))
    assert ("image_token_id" in saved) <= ("image_token_id" in own)  # what was lent to TRL is gone
    family(name).model_type().from_pretrained(tmp_path / "checkpoint-2")


def test_training_raises_the_reward(tmp_path: Path) -> None:
    def vowels(completions: list[str], rows: list[Row], tokens: list[int]) -> list[float]:
        return [sum(text.count(v) for v in "aeiou") / max(1, len(text)) for text in completions]

    trainer = rl_data.trainer(
        tmp_path, rewards={"vowels": vowels}, max_steps=12, learning_rate=1e-2, lr_scheduler_type="constant"
    )
    trainer.train()
    paid = [log["reward"] for log in trainer.state.log_history if "reward" in log]
    assert sum(paid[-3:]) / 3 > sum(paid[:3]) / 3 + 0.1


def test_plain_grpo_has_no_pauses(tmp_path: Path) -> None:
    made = rl_data.model_of("qwen2_audio")
    trainer = rl_data.trainer(tmp_path, made=made, pause=None)
    out = trainer._generate_and_score_completions(rl_data.inputs())
    assert out["tool_mask"].all()
    assert not (out["completion_ids"] == made[2]).any()


def test_a_stream_of_rows_trains(tmp_path: Path) -> None:
    trainer = rl_data.trainer(tmp_path)
    stream = dataset(lambda: iter(rl_data.rows()), family("qwen2_audio"))
    assert [one["row"].id for one in stream] == ["q0", "q1", "q2", "q3"]
    trainer = AudioGRPOTrainer(
        trainer.model,
        family("qwen2_audio"),
        {"some": rl_data.some},
        {"some": 1.0},
        trainer.args,
        processing_class=trainer.processing_class,
        pause=rl_data.PAUSE,
        train_dataset=stream,
    )
    trainer.train()
    assert trainer.state.global_step == 2


def test_repetition_penalty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="repetition_penalty"):
        rl_data.trainer(tmp_path, repetition_penalty=1.1)


def test_a_missing_pause_token_is_an_error(tmp_path: Path) -> None:
    model, processor = family("qwen2_audio").tiny()
    with pytest.raises(ConfigError, match="stage I"):
        rl_data.trainer(tmp_path, made=(model, processor, 0), pause=PauseConfig())


def test_it_is_a_trl_trainer() -> None:
    assert issubclass(AudioGRPOTrainer, GRPOTrainer)
    own = {
        name for name in vars(AudioGRPOTrainer) if hasattr(GRPOTrainer, name) and not name.startswith("__")
    }
    assert own == {
        "_tag_names",
        "_generate_and_score_completions",
        "_compute_loss",
        "_get_per_token_logps_and_entropies",
    }
