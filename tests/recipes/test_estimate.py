"""Estimates of memory and time."""

from __future__ import annotations

from pathlib import Path

import pytest

from paqa_builder.errors import ConfigError
from recipes import config
from recipes.estimate import count, estimate, report
from recipes.families import FAMILIES, family

SEVEN_B = ["model.path=Qwen/Qwen2-Audio-7B-Instruct", "model.dtype=bfloat16", "model.lora.r=32"]


def size(module: object) -> int:
    return sum(parameter.numel() for parameter in module.parameters())  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", list(FAMILIES))
def test_parameters_are_those_of_the_model(name: str, tmp_path: Path) -> None:
    kind = family(name)
    model, processor = kind.tiny()
    model.save_pretrained(tmp_path)
    parts = count(config.Model(family=name, path=str(tmp_path), lora=config.Lora(r=4)))
    assert parts.total == size(model)
    assert parts.tower == size(kind.tower(model))
    assert parts.embeddings == 2 * len(processor.tokenizer) * parts.width
    from recipes.trainers.trainable import lora  # heavy

    settings = config.load(None, [f"model.family={name}", "model.lora.r=4"])
    from peft import get_peft_model

    adapted = get_peft_model(model, lora(model, kind, settings, pause_id=7))
    assert parts.adapters == sum(p.numel() for p in adapted.parameters() if p.requires_grad)


def test_seven_billion_are_counted_without_the_hub_and_fit_where_they_are_known_to() -> None:
    found = estimate(
        config.load(None, [*SEVEN_B, "stage1.batch=1", "model.gradient_checkpointing=true"]), "stage1"
    )
    assert found.parts.total == pytest.approx(8.4e9, rel=0.01)
    assert found.parts.tower == pytest.approx(0.64e9, rel=0.01)
    assert 17e9 < found.total < 40e9
    full = estimate(config.load(None, [*SEVEN_B, "model.lora=null"]), "stage1")
    assert full.total > 80e9


def test_settings_act_on_it_in_the_direction_that_they_are_set_for() -> None:
    plain = estimate(config.load(None, SEVEN_B), "stage1")
    smaller = estimate(config.load(None, [*SEVEN_B, "stage1.batch=4"]), "stage1")
    saving = estimate(config.load(None, [*SEVEN_B, "model.gradient_checkpointing=true"]), "stage1")
    assert smaller.memory["activations"] < plain.memory["activations"]
    assert smaller.operations == pytest.approx(plain.operations / 2)
    assert saving.memory["activations"] < plain.memory["activations"] / 3
    assert saving.operations > plain.operations
    assert "key-value cache" in estimate(config.load(None, SEVEN_B), "stage2").memory


def test_what_rows_share_is_counted_once() -> None:
    once = [*SEVEN_B, "stage2.share_prompts=true"]
    plain, shared = (
        estimate(config.load(None, SEVEN_B), "stage2"),
        estimate(config.load(None, once), "stage2"),
    )
    assert shared.memory["activations"] < plain.memory["activations"]
    assert shared.operations < plain.operations


def test_report_and_error_without_a_configuration() -> None:
    text = report(config.load(None, SEVEN_B), "stage1")
    assert "8.397 B" in text
    assert "GB" in text
    assert "H100" in text
    with pytest.raises(ConfigError, match=r"model\.path"):
        report(config.load(None), "stage1")
    with pytest.raises(ConfigError, match="no configuration of the model"):
        report(config.load(None, ["model.path=/nowhere/at/all"]), "stage1")
