"""The shipped configurations and accelerate's files are valid."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from recipes import config, rewards

FILES = sorted(config.CONFIGS.glob("*.yaml"))


@pytest.mark.parametrize("size", ["laptop", "gpu", "cluster"])
def test_every_size_is_valid_and_named_after_its_file(size: str) -> None:
    settings = config.load(size)
    assert settings.run.size == size
    assert rewards.select(settings.rewards, settings.stage2.max_completion)
    assert settings.pause.n + settings.pause.reserve < settings.stage2.max_completion
    assert (settings.stage2.batch * settings.stage2.accumulate) % settings.stage2.generations == 0
    assert (settings.model.path is None) == (size == "laptop")


def test_no_file_is_left_unread() -> None:
    assert {file.stem for file in FILES} == {"laptop", "gpu", "cluster"}


@pytest.mark.parametrize(("name", "kind"), [("fsdp2", "FSDP"), ("zero3", "DEEPSPEED")])
def test_accelerate_takes_its_files(name: str, kind: str) -> None:
    from accelerate.commands.config.config_args import load_config_from_file

    found = load_config_from_file(str(config.CONFIGS / "accelerate" / f"{name}.yaml"))
    assert found.distributed_type.value == kind
    assert found.num_processes == 8


def test_slurm_example_is_a_script() -> None:
    file = config.CONFIGS / "slurm.sh"
    subprocess.run(["bash", "-n", str(file)], check=True)
    assert Path("recipes/configs/accelerate/fsdp2.yaml").name in file.read_text()
