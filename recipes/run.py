"""Infrastructure of the stages: run folder, trainer arguments, checkpoints, and the command line."""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import set_seed

from paqa_builder import registry
from paqa_builder.errors import ConfigError, ExitCode, NotReadyError, PaqaError
from paqa_builder.files import write_atomic
from paqa_builder.text.visible import VisibleFormatter, visible
from recipes import config, progress

log = logging.getLogger(__name__)

_PACKAGES = ("paqa-builder", "torch", "transformers", "trl", "accelerate", "peft", "datasets", "numpy")


def start(settings: config.Config, stage: str) -> Path:
    """Creates the run's folder, records the run, and sets all seeds.

    Returns:
        The run's folder. ``STAGE.run.json`` in it has configuration, versions, machine and git state.

    Raises:
        NotReadyError: The configuration needs a GPU or a package that is missing.
    """
    check_device(settings.model)
    check_reporter(settings.run)
    folder = settings.run.folder
    folder.mkdir(parents=True, exist_ok=True)
    settings_data = settings.model_dump(mode="json")
    about = {
        "stage": stage,
        "config": settings_data,
        "versions": {name: _version(name) for name in _PACKAGES} | {"python": platform.python_version()},
        "git": git_state(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
    }
    write_atomic(folder / f"{stage}.run.json", (json.dumps(about, indent=2) + "\n").encode())
    write_atomic(folder / "config.yaml", yaml.safe_dump(settings_data, sort_keys=False).encode())
    set_seed(settings.run.seed)
    return folder


def check_device(model: config.Model) -> None:
    """Raises NotReadyError if the configuration needs a GPU and there is none."""
    if model.device == "cuda" and not torch.cuda.is_available():
        raise NotReadyError(
            "the configuration needs a GPU, and torch finds none",
            fix="install a CUDA build of torch on a machine with a GPU, or --set model.device=auto",
        )


def device(model: config.Model) -> str:
    """The device of a model: ``cuda`` or ``cpu``.

    Raises:
        NotReadyError: The configuration needs a GPU and there is none.
    """
    check_device(model)
    return "cuda" if model.device != "cpu" and torch.cuda.is_available() else "cpu"


def check_reporter(settings: config.Run) -> None:
    """Raises NotReadyError if the package for ``run.report_to`` is not installed."""
    if settings.report_to != "none" and find_spec(settings.report_to) is None:
        raise NotReadyError(
            f"run.report_to is {settings.report_to}, which is not installed",
            fix=f"pip install {settings.report_to}, or --report-to none",
        )


def git_state() -> dict[str, Any] | None:
    """Commit of the code, and whether it has uncommitted changes; None outside of a repository."""

    def git(*arguments: str) -> str:
        command, here = ["git", *arguments], Path(__file__).parent
        return subprocess.run(command, cwd=here, capture_output=True, text=True, check=True).stdout

    try:
        return {"commit": git("rev-parse", "HEAD").strip(), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def arguments(settings: config.Config, stage: config.Optimiser, folder: Path) -> dict[str, Any]:
    """Arguments of ``TrainingArguments`` that both stages share.

    Args:
        folder: Folder for checkpoints.
    """
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(settings.run.folder / "tensorboard" / folder.stem)
    on_cpu = device(settings.model) == "cpu"
    return {
        "output_dir": str(folder),
        "max_steps": stage.max_steps,
        "num_train_epochs": stage.epochs,
        "per_device_train_batch_size": stage.batch,
        "gradient_accumulation_steps": stage.accumulate,
        "learning_rate": stage.learning_rate,
        "lr_scheduler_type": stage.scheduler,
        "warmup_steps": stage.warmup_steps,
        "weight_decay": stage.weight_decay,
        "max_grad_norm": stage.max_grad_norm,
        "logging_steps": stage.log_steps,
        "save_strategy": "steps" if stage.save_steps else "no",
        "save_steps": stage.save_steps or 500,
        "save_total_limit": stage.keep_checkpoints,
        "seed": settings.run.seed,
        "report_to": settings.run.report_to,
        "use_cpu": on_cpu,
        "bf16": autocasts(settings.model) or (not on_cpu and settings.model.dtype == "bfloat16"),
        "activation_checkpointing": settings.model.gradient_checkpointing,
        "remove_unused_columns": False,
        "disable_tqdm": True,
    }


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies in bfloat16. Others emulate it, about thirty times slower."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))


def autocasts(model: config.Model) -> bool:
    """Whether a model with float32 weights computes in bfloat16."""
    return cpu_has_bfloat16() if model.autocast == "auto" else model.autocast


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint, or None. Incomplete checkpoints are deleted."""
    complete = []
    for path in folder.glob("checkpoint-*"):
        if (path / progress.MARK).is_file():
            complete.append(path)
        else:
            log.warning("%s: incomplete, deleted", path)
            shutil.rmtree(path)
    return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


class Reloading:
    """Mixin for trainers that loads checkpoints through ``from_pretrained``.

    transformers saves Qwen2-Audio and others under the parameter names of an earlier layout. Its trainer
    matches none of them to the model and continues with untrained weights after a warning.
    """

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        trainer: Any = self
        core = trainer.accelerator.unwrap_model(model if model is not None else trainer.model)
        if trainer.is_fsdp_enabled or hasattr(core, "peft_config"):  # these have other parameter names
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        saved = type(core).from_pretrained(resume_from_checkpoint, dtype=core.dtype)
        core.load_state_dict(saved.state_dict())


@contextlib.contextmanager
def memory_advice(stage: str, settings: config.Optimiser) -> Iterator[None]:
    """Context manager that adds a fix to out-of-memory errors.

    Raises:
        NotReadyError: Memory ran out within the block.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        smaller = max(1, settings.batch // 2)
        fix = f"--set {stage}.batch={smaller} --set {stage}.accumulate={settings.accumulate * 2}"
        if settings.batch == 1:
            fix = "--set model.gradient_checkpointing=true, or an adapter: --set model.lora.r=16"
        first = (str(error).splitlines() or ["out of memory"])[0]
        raise NotReadyError(f"{stage}: memory ran out ({first})", fix=fix) from error


def check_end(stage: str, settings: config.Optimiser) -> None:
    """Raises ConfigError if training on a stream has no number of steps."""
    if settings.max_steps <= 0:
        raise ConfigError("data.streaming needs a number of steps", fix=f"--set {stage}.max_steps=N")


def stage_command(
    stage: str,
    train: Callable[..., Path],
    about: str | None,
    check: Callable[[config.Config], None] | None = None,
) -> int:
    """Runs the command line of a training stage; returns the exit code.

    Args:
        stage: ``stage1`` or ``stage2``.
        train: Function of the configuration and ``resume`` that returns the model's folder.
        about: Help text; its first line is used.
        check: Checks the configuration before data are prepared, which may take minutes.
    """

    def main(settings: config.Config, flags: argparse.Namespace) -> None:
        if flags.estimate:
            from recipes.estimate import report

            print(report(settings, stage))
        else:
            print(train(settings, resume=flags.resume), file=sys.stderr)

    return command(main, about, check=check)


def command(
    run: Callable[[config.Config, argparse.Namespace], None],
    about: str | None,
    more: Callable[[argparse.ArgumentParser], None] | None = None,
    check: Callable[[config.Config], None] | None = None,
) -> int:
    """Runs a command line with the options of all recipes; returns the exit code.

    Args:
        run: Function of the configuration and the parsed flags.
        about: Help text; its first line is used.
        more: Adds flags to the parser in place of ``--resume`` and ``--estimate``.
        check: Checks the configuration before data are prepared. ``--estimate`` skips it.
    """
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--config", default="laptop", help="a YAML file, or a name in recipes/configs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as stage1.batch=4"
    )
    parser.add_argument(
        "--plugin", action="append", default=[], metavar="FILE", help="a Python file with rewards or families"
    )
    parser.add_argument("--report-to", choices=["none", "tensorboard", "trackio", "wandb"])
    if more is not None:
        more(parser)
    else:
        parser.add_argument("--resume", action="store_true", help="resume from the last checkpoint")
        parser.add_argument(
            "--estimate", action="store_true", help="print an estimate of memory and time only"
        )
    flags = parser.parse_args()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(VisibleFormatter("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    changes = [*flags.set, *([f"run.report_to={flags.report_to}"] if flags.report_to else [])]
    try:
        for file in flags.plugin:
            registry.load_plugin(file)
        settings = config.load(flags.config, changes)
        if check is not None and not getattr(flags, "estimate", False):
            check(settings)
        if settings.model.path is None:
            from recipes import mini

            settings = mini.ready(settings)
        run(settings, flags)
        return ExitCode.DONE
    except PaqaError as error:
        print(f"error: {visible(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; --resume continues from the last checkpoint", file=sys.stderr)
        return ExitCode.INTERRUPTED


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
