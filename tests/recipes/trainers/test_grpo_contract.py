"""Parts of TRL that ``recipes/trainers/grpo.py`` relies on."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers import rl_data
from trl import GRPOConfig, GRPOTrainer
from trl.models import unwrap_model_for_generation
from trl.trainer.utils import shuffle_sequence_dict, split_tensor_dict

from recipes.families import family
from recipes.pauses import rollout
from recipes.trainers.grpo_data import dataset


def names(function: Any) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_overridden_methods_have_the_signatures_that_are_overridden() -> None:
    assert names(GRPOTrainer._generate_and_score_completions) == ["self", "inputs"]
    assert names(GRPOTrainer._compute_loss) == ["self", "model", "inputs"]
    assert names(GRPOTrainer._get_per_token_logps_and_entropies)[:6] == [
        "self", "model", "input_ids", "attention_mask", "logits_to_keep", "batch_size",
    ]  # fmt: skip
    assert "rollout_func" in names(GRPOTrainer.__init__)
    assert {"gather_deepspeed3_params", "gradient_checkpointing_kwargs"} <= set(
        names(unwrap_model_for_generation)
    )


def test_trl_alone_computes_log_probabilities_without_the_audio(tmp_path: Path) -> None:
    """The reason for the override. Should TRL learn to hear, the override can go."""
    trainer = rl_data.trainer(tmp_path)
    out = trainer._generate_and_score_completions(rl_data.inputs())
    ids = torch.cat([out["prompt_ids"], out["completion_ids"]], 1)
    mask = torch.cat([out["prompt_mask"], out["completion_mask"]], 1)
    keep = out["completion_ids"].shape[1]
    with torch.no_grad():
        ours = trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, keep)[0]
        theirs = GRPOTrainer._get_per_token_logps_and_entropies(trainer, trainer.model, ids, mask, keep)[0]
    assert (ours - theirs).abs().max() > 1e-3


def test_the_model_is_called_with_keywords_and_as_often_as_there_are_batches(tmp_path: Path) -> None:
    trainer = rl_data.trainer(tmp_path)
    out = trainer._generate_and_score_completions(rl_data.inputs())
    calls: list[dict[str, Any]] = []

    def model(**arguments: Any) -> Any:
        calls.append(arguments)
        return trainer.model(**arguments)

    ids = torch.cat([out["prompt_ids"], out["completion_ids"]], 1)
    mask = torch.cat([out["prompt_mask"], out["completion_mask"]], 1)
    with torch.no_grad():
        trainer._get_per_token_logps_and_entropies(model, ids, mask, 5, batch_size=4)
    assert len(calls) == 2
    assert {"input_ids", "attention_mask", "labels", "input_features", "fused_lm_head"} <= set(calls[0])


def test_rollout_func_gets_prompts_and_trainer_and_its_mask_and_fields_are_used(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    def reward(prompts: Any, completions: Any, completion_ids: Any, more: Any, **_: Any) -> list[float]:
        seen["more"] = more
        return [0.0, 1.0] * (len(prompts) // 2)

    def roll(prompts: Any, trainer: Any) -> dict[str, Any]:
        seen["trainer"] = trainer
        return {
            "prompt_ids": [[5, 6]] * len(prompts),
            "completion_ids": [[7, 8, 9]] * len(prompts),
            "logprobs": None,
            "env_mask": [[1, 0, 1]] * len(prompts),
            "more": list(range(len(prompts))),
        }

    model, processor, _ = rl_data.model_of("qwen2_audio")
    plain = GRPOTrainer(
        model,
        [reward],
        args=rl_data.trainer(tmp_path).args,
        processing_class=processor.tokenizer,
        train_dataset=dataset(rl_data.rows(), family("qwen2_audio")),
        rollout_func=roll,
    )
    plain.model.train()
    out = plain._generate_and_score_completions(rl_data.inputs())
    assert seen["trainer"] is plain
    assert seen["more"] == list(range(8))
    assert out["tool_mask"].tolist() == [[1, 0, 1]] * 8
    assert out["num_items_in_batch"] == 16
    assert plain._metrics["train"]["completions/mean_length"] == [2.0]


def test_added_tensors_are_shuffled_and_split_with_the_batch() -> None:
    batch = {"prompt_ids": torch.arange(6)[:, None], "clip": torch.arange(6), "whole": torch.tensor(3)}
    shuffled = shuffle_sequence_dict(batch)
    assert torch.equal(shuffled["prompt_ids"][:, 0], shuffled["clip"])
    for part in split_tensor_dict(shuffled, 2):
        assert torch.equal(part["prompt_ids"][:, 0], part["clip"])
        assert len(part["clip"]) == 3


def test_a_completion_without_any_reward_is_left_out_of_the_baseline(tmp_path: Path) -> None:
    trainer = rl_data.trainer(tmp_path)
    trainer.reward_funcs = [lambda **_: [None, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]
    out = trainer._generate_and_score_completions(rl_data.inputs())
    assert out["advantages"][0] == 0
    assert out["advantages"][1:4].sum().abs() < 1e-5


def test_an_image_token_is_still_asked_for(tmp_path: Path) -> None:
    """Once it is not, ``_with_image_token`` can go."""
    model, processor, _ = rl_data.model_of("qwen2_audio")
    with pytest.raises(AttributeError, match="image_token_id"):
        GRPOTrainer(
            model,
            [lambda **_: []],
            args=rl_data.trainer(tmp_path).args,
            processing_class=processor,
            train_dataset=dataset(rl_data.rows(), family("qwen2_audio")),
        )


def test_the_completions_of_a_prompt_come_one_after_the_other(tmp_path: Path) -> None:
    trainer = rl_data.trainer(tmp_path)
    batch = next(iter(trainer.get_train_dataloader()))
    ids = [one["row"].id for one in batch]
    assert len(ids) == 8
    assert len(set(ids[:4])) == len(set(ids[4:])) == 1


def test_the_configuration_has_the_fields_that_are_read() -> None:
    args = GRPOConfig("unused", report_to="none", use_cpu=True, bf16=False)
    for field in ("max_completion_length", "temperature", "top_p", "top_k", "min_p", "repetition_penalty"):
        assert hasattr(args, field)
    assert args.remove_unused_columns is False
    assert args.ds3_gather_for_generation is True


def test_the_heads_input_is_what_the_rollout_cuts(tmp_path: Path) -> None:
    """TRL replaces the model's forward; the rollout must still get logits of one position."""
    trainer = rl_data.trainer(tmp_path)
    seen: list[torch.Size] = []
    handle = trainer.model.get_output_embeddings().register_forward_hook(
        lambda module, given, out: seen.append(out.shape)
    )
    trainer.complete(rl_data.rows(2))
    handle.remove()
    assert {shape[1] for shape in seen} == {1}
    assert len(seen) == trainer.last.stats["rollout/forwards"]  # type: ignore[union-attr]
    assert isinstance(trainer.last, rollout.Rollout)
