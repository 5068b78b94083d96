"""Stage II on tiny models after stage I: every family, resume, and errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from helpers.recipe_data import shards  # noqa: F401

from paqa_builder.errors import ConfigError, NotReadyError
from recipes import config, stage1, stage2
from recipes.data import prompts, rows
from recipes.families import FAMILIES, family
from recipes.sections import PauseConfig

FAST = [
    "run.report_to=none", "data.trace=terse", "run.size=tiny", "stage1.max_steps=2", "stage1.batch=2",
    "stage1.warmup_steps=0", "stage2.max_steps=2", "stage2.batch=8", "stage2.generations=4",
    "stage2.log_steps=1", "stage2.max_completion=32", "stage2.learning_rate=1e-2",
    "stage2.warmup_steps=0", "stage2.scheduler=constant", "pause.n=3", "pause.window=3",
    "pause.tau=0.9", "pause.cooldown=5", "pause.reserve=3",
]  # fmt: skip


@pytest.fixture(scope="module")
def models(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """A folder with a tiny model of every family."""
    folder = tmp_path_factory.mktemp("models")
    found = rows.read(config.Data(path=str(shards)), "train")
    lines = [prompts.prompt(row) + prompts.target(row, "terse") for row in found]
    for name in FAMILIES:
        for part in family(name).tiny(lines=lines):
            part.save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="module")
def after_stage1(shards: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """The run's folder after stage I of one family."""
    out = tmp_path_factory.mktemp("run")
    stage1.train(settings(shards, models, out))
    return out


def settings(shards: Path, models: Path, out: Path, *more: str, name: str = "qwen2_audio") -> config.Config:  # noqa: F811
    changes = [f"data.path={shards}", f"model.family={name}", f"model.path={models / name}", f"run.out={out}"]
    return config.load(None, [*FAST, *changes, *more])


def logs(out: Path) -> list[dict[str, float]]:
    lines = (out / "tiny/stage2.log.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if "reward" in entry]


@pytest.mark.parametrize("name", list(FAMILIES))
@pytest.mark.parametrize("more", [[], ["model.lora.r=4", "stage2.beta=0.1"]], ids=["full", "lora"])
def test_every_family_goes_through_both_stages(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
    name: str,
    more: list[str],
) -> None:
    chosen = settings(shards, models, tmp_path, *more, name=name)
    first, second = stage1.train(chosen), stage2.train(chosen)
    assert [entry["step"] for entry in logs(tmp_path)] == [1, 2]
    assert logs(tmp_path)[0]["pause/triggers"] > 0
    kind = family(name)
    before, _ = kind.load(chosen.model.model_copy(update={"path": str(first)}))
    after, processor = kind.load(chosen.model.model_copy(update={"path": str(second)}))
    assert "<PAUSE>" in processor.tokenizer.get_vocab()
    assert before.get_input_embeddings().weight.shape == after.get_input_embeddings().weight.shape
    for one, two in zip(kind.tower(before).parameters(), kind.tower(after).parameters(), strict=True):
        assert torch.equal(one, two)


def test_samples_have_completions_and_rewards(
    shards: Path,  # noqa: F811
    models: Path,
    after_stage1: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(after_stage1, tmp_path, dirs_exist_ok=True)
    stage2.train(settings(shards, models, tmp_path, "stage2.sample_steps=1"))
    assert "{'loss'" not in capsys.readouterr().out  # Progress tells it in a line
    told = [
        json.loads(line) for line in (tmp_path / "tiny/stage2.log.samples.jsonl").read_text().splitlines()
    ]
    assert len(told) == 4
    assert set(told[0]["rewards"]) == {"accuracy", "format", "perception", "agreement"}
    assert "<PAUSE>" not in told[0]["completion"]


def test_it_goes_on_from_the_last_checkpoint(
    shards: Path,  # noqa: F811
    models: Path,
    after_stage1: Path,
    tmp_path: Path,
) -> None:
    shutil.copytree(after_stage1, tmp_path, dirs_exist_ok=True)
    stage2.train(settings(shards, models, tmp_path, "stage2.save_steps=1"))
    stage2.train(settings(shards, models, tmp_path, "stage2.save_steps=1", "stage2.max_steps=4"), resume=True)
    assert [entry["step"] for entry in logs(tmp_path)] == [1, 2, 3, 4]
    kept = sorted(path.name for path in (tmp_path / "tiny/stage2.work").glob("checkpoint-*"))
    assert kept == ["checkpoint-3", "checkpoint-4"]


def test_stage_two_alone_gives_the_model_its_pause_token(shards: Path, models: Path, tmp_path: Path) -> None:  # noqa: F811
    start = f"stage2.start={models / 'qwen2_audio'}"
    stage2.train(settings(shards, models, tmp_path, start, "stage2.beta=0.1"))
    assert logs(tmp_path)[0]["pause/triggers"] > 0
    assert all("kl" in entry for entry in logs(tmp_path))


@pytest.mark.parametrize(
    ("more", "there"),
    [
        (["stage2.pause=false"], False),
        (["pause.trigger=random", "pause.rate=0.5"], True),
        (["pause.filler=."], True),
        (["stage2.rollout=sequential"], True),
        (["stage2.share_prompts=true", "stage2.tries=2", "stage2.tried=4", "stage2.optimiser=muon"], True),
    ],
    ids=str,
)
def test_ablations_are_settings(
    shards: Path,  # noqa: F811
    models: Path,
    after_stage1: Path,
    tmp_path: Path,
    more: list[str],
    there: bool,
) -> None:
    shutil.copytree(after_stage1, tmp_path, dirs_exist_ok=True)
    stage2.train(settings(shards, models, tmp_path, *more))
    assert (logs(tmp_path)[0].get("pause/tokens", 0) > 0) == there


def test_it_practises_on_a_split_of_its_own(
    shards: Path,  # noqa: F811
    models: Path,
    after_stage1: Path,
    tmp_path: Path,
) -> None:
    shutil.copytree(after_stage1, tmp_path, dirs_exist_ok=True)
    more = ["stage2.split=test", "stage2.scale_rewards=batch", "stage2.sample_steps=1"]
    stage2.train(settings(shards, models, tmp_path, *more))
    lines = (tmp_path / "tiny/stage2.log.samples.jsonl").read_text().splitlines()
    held_out = {row.id for row in rows.read(config.Data(path=str(shards)), "test")}
    assert {json.loads(line)["id"] for line in lines} <= held_out


def test_it_needs_stage_one(shards: Path, models: Path, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match="stage I, which was not run") as caught:
        stage2.train(settings(shards, models, tmp_path))
    assert caught.value.fix is not None
    assert "recipes.stage1" in caught.value.fix


def test_groups_must_fit_into_batches(shards: Path, models: Path, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match="not a multiple of generations") as caught:
        stage2.train(settings(shards, models, tmp_path, "stage2.batch=6"))
    assert caught.value.fix == "--set stage2.batch=8"


@pytest.mark.parametrize(
    "more",
    [
        ["stage2.share_prompts=true", "model.gradient_checkpointing=true"],
        ["stage2.tries=2", "data.streaming=true"],
    ],
    ids=str,
)
def test_settings_that_exclude_each_other_are_refused_at_once(
    shards: Path,  # noqa: F811
    models: Path,
    tmp_path: Path,
    more: list[str],
) -> None:
    with pytest.raises(ConfigError) as caught:
        stage2.train(settings(shards, models, tmp_path, *more))
    assert caught.value.fix is not None
    assert "=false" in caught.value.fix or "=0" in caught.value.fix


def test_unknown_rewards_are_refused_at_once(shards: Path, models: Path, tmp_path: Path) -> None:  # noqa: F811
    with pytest.raises(ConfigError, match="Did you mean 'accuracy'"):
        stage2.train(settings(shards, models, tmp_path, "rewards.acuracy=1.0"))


def test_a_gpu_is_asked_for_in_vain(shards: Path, models: Path, tmp_path: Path) -> None:  # noqa: F811
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(NotReadyError, match="GPU"):
        stage2.train(settings(shards, models, tmp_path, "model.device=cuda"))


def test_the_section_pause_is_the_controllers_configuration() -> None:
    chosen = config.load(None, ["pause.n=7", "pause.policy=allow", "pause.abort_below=0.2"])
    assert chosen.pause == PauseConfig(n=7, policy="allow", abort_below=0.2)
    assert config.Config().pause == PauseConfig()
