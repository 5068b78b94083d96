"""What both stages need around their training: run folder, progress, checkpoints, errors."""

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
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import TrainerCallback, set_seed

from paqa_builder.errors import ConfigError, ExitCode, NotReadyError, PaqaError
from recipes import config

log = logging.getLogger(__name__)

MARK = "complete.json"
"""The last file of a checkpoint: one without it was cut off while it was written."""
_PACKAGES = ("paqa-builder", "torch", "transformers", "trl", "accelerate", "peft", "datasets", "numpy")


def start(settings: config.Config, stage: str) -> Path:
    """Makes the run's folder, writes down what is about to run, and sets all seeds.

    Returns:
        The run's folder. ``STAGE.run.json`` in it holds configuration, versions, machine and git state.

    Raises:
        NotReadyError: The configuration asks for a GPU or a package that is not there.
    """
    check_device(settings.model)
    check_reporter(settings.run)
    folder = settings.run.folder
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "stage": stage,
        "config": settings.model_dump(mode="json"),
        "versions": {name: _version(name) for name in _PACKAGES} | {"python": platform.python_version()},
        "git": git_state(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
    }
    _write(folder / f"{stage}.run.json", json.dumps(about, indent=2) + "\n")
    _write(folder / "config.yaml", yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False))
    set_seed(settings.run.seed)
    return folder


def check_device(model: config.Model) -> None:
    """Raises NotReadyError where the configuration wants a GPU and there is none."""
    if model.device == "cuda" and not torch.cuda.is_available():
        raise NotReadyError(
            "the configuration wants a GPU, and torch finds none",
            mend="install a CUDA build of torch on a machine with a GPU, or --set model.device=auto",
        )


def check_reporter(settings: config.Run) -> None:
    """Raises NotReadyError where the package that training reports to is not installed."""
    if settings.report_to != "none" and find_spec(settings.report_to) is None:
        raise NotReadyError(
            f"run.report_to is {settings.report_to}, which is not installed",
            mend=f"pip install {settings.report_to}, or --report-to none",
        )


def git_state() -> dict[str, Any] | None:
    """Commit of the code, and whether it was changed since; None outside of a repository."""

    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        return subprocess.run(
            ["git", *arguments], cwd=here, capture_output=True, text=True, check=True
        ).stdout

    try:
        return {"commit": git("rev-parse", "HEAD").strip(), "changed": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None


def arguments(settings: config.Config, stage: config.Optimiser, folder: Path) -> dict[str, Any]:
    """What the trainers of both stages are given alike: arguments of ``TrainingArguments``.

    Args:
        folder: Where checkpoints go.
    """
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(settings.run.folder / "tensorboard" / folder.stem)
    on_cpu = settings.model.device == "cpu" or not torch.cuda.is_available()
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
        "bf16": settings.model.autocast or (not on_cpu and settings.model.dtype == "bfloat16"),
        "activation_checkpointing": settings.model.gradient_checkpointing,
        "remove_unused_columns": False,
        "disable_tqdm": True,
    }


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint; those cut off while they were written are removed."""
    complete = []
    for path in folder.glob("checkpoint-*"):
        if (path / MARK).is_file():
            complete.append(path)
        else:
            log.warning("%s: was not finished, removed", path)
            shutil.rmtree(path)
    return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


class Reloading:
    """A mixin for trainers: resumes from checkpoints that hold weights under other names than the model.

    transformers saves Qwen2-Audio and others under the names of an earlier layout. Its trainer looks for
    today's, finds none, says so in a warning, and goes on with untrained weights.
    """

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        trainer: Any = self
        core = trainer.accelerator.unwrap_model(model if model is not None else trainer.model)
        if trainer.is_fsdp_enabled or hasattr(core, "peft_config"):  # these use names of their own
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
            return
        saved = type(core).from_pretrained(resume_from_checkpoint, dtype=core.dtype)
        core.load_state_dict(saved.state_dict())


class Progress(TrainerCallback):
    """Tells how far training is, keeps its log, marks checkpoints, stops it when its time is up.

    Args:
        path: A JSON Lines file that gets every log entry; one of a later step is dropped on resume.
        max_minutes: Stop after so many; resuming starts anew.
        sample: Called every ``sample_steps`` steps; gives completions to print and keep.
        state: Called with each checkpoint's folder, to put more into it.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_minutes: float | None = None,
        sample: Callable[[], list[dict[str, str]]] | None = None,
        sample_steps: int = 0,
        state: Callable[[Path], None] | None = None,
    ) -> None:
        self.path, self.max_minutes, self.sample, self.sample_steps = path, max_minutes, sample, sample_steps
        self.state = state
        self.began = time.monotonic()
        self.first = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.began, self.first = time.monotonic(), state.global_step
        if not state.is_world_process_zero:
            return
        kept = []
        if self.first and self.path.is_file():
            entries = [line for line in self.path.read_text(encoding="utf-8").splitlines() if line]
            kept = [line for line in entries if json.loads(line).get("step", 0) <= self.first]
        _write(self.path, "".join(f"{line}\n" for line in kept))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": state.global_step, **logs}) + "\n")
        if "loss" in logs or "reward" in logs:
            self._tell(state, logs)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.max_minutes is not None and time.monotonic() - self.began > 60 * self.max_minutes:
            control.should_training_stop = True
        wanted = self.sample and self.sample_steps and state.global_step % self.sample_steps == 0
        if wanted and state.is_world_process_zero:
            assert self.sample is not None
            with self.path.with_suffix(".samples.jsonl").open("a", encoding="utf-8") as file:
                for one in self.sample():
                    file.write(json.dumps({"step": state.global_step, **one}, ensure_ascii=False) + "\n")
                    print(f"  {one['id']}: {one['completion']}", file=sys.stderr)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            end = {"step": state.global_step, "minutes": round((time.monotonic() - self.began) / 60, 2)}
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(end | peak_memory()) + "\n")

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if self.state is not None:
            self.state(folder)
        if state.is_world_process_zero:
            _write(folder / MARK, json.dumps({"step": state.global_step}) + "\n")

    def _tell(self, state: Any, logs: dict[str, Any]) -> None:
        done, total = state.global_step - self.first, state.max_steps - self.first
        left = (time.monotonic() - self.began) / max(done, 1) * (total - done)
        named = {"loss": "loss", "reward": "reward", "mean_token_accuracy": "tokens right", "lr": "lr"}
        told = "  ".join(f"{text} {float(logs[name]):.3f}" for name, text in named.items() if name in logs)
        print(f"step {state.global_step}/{state.max_steps}  {told}  {_span(left)} left", file=sys.stderr)


def peak_memory() -> dict[str, float]:
    """Most memory that this process held, in GB: ``memory_gb``, and ``gpu_memory_gb`` where there is one."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    found = {"memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 2)}
    if torch.cuda.is_available():
        found["gpu_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return found


@contextlib.contextmanager
def memory_advice(stage: str, settings: config.Optimiser) -> Iterator[None]:
    """Turns "out of memory" into advice.

    Raises:
        NotReadyError: Memory ran out within the block.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        smaller = max(1, settings.batch // 2)
        mend = f"--set {stage}.batch={smaller} --set {stage}.accumulate={settings.accumulate * 2}"
        if settings.batch == 1:
            mend = "--set model.gradient_checkpointing=true, or an adapter: --set model.lora.r=16"
        first = (str(error).splitlines() or ["out of memory"])[0]
        raise NotReadyError(f"{stage}: memory ran out ({first})", mend=mend) from error


def command(
    run: Callable[[config.Config, argparse.Namespace], None],
    about: str | None,
    more: Callable[[argparse.ArgumentParser], None] | None = None,
) -> int:
    """The command line of a stage: reads the configuration, runs, and gives the exit code.

    Args:
        run: The stage. Gets the configuration and the flags (``resume``, ``estimate``).
        more: Adds flags in place of those two.
    """
    parser = argparse.ArgumentParser(description=(about or "").splitlines()[0])
    parser.add_argument("--config", default="laptop", help="a YAML file, or a name in recipes/configs")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as stage1.batch=4"
    )
    parser.add_argument("--report-to", choices=["none", "tensorboard", "trackio", "wandb"])
    if more is not None:
        more(parser)
    else:
        parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
        parser.add_argument("--estimate", action="store_true", help="say what it would take, and stop")
    flags = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    changes = [*flags.set, *([f"run.report_to={flags.report_to}"] if flags.report_to else [])]
    try:
        settings = config.load(flags.config, changes)
        if settings.model.path is None:
            from recipes import mini

            settings = mini.ready(settings)
        run(settings, flags)
        return ExitCode.DONE
    except PaqaError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; --resume goes on from the last checkpoint", file=sys.stderr)
        return ExitCode.INTERRUPTED


def rows_with_traces(rows: Sequence[Any], where: str) -> list[Any]:
    """The rows that stage I can learn from.

    Raises:
        ConfigError: None has a trace.
    """
    kept = [row for row in rows if row.trace]
    if not kept:
        raise ConfigError(f"{where}: no question has a trace, so there is nothing for stage I to learn")
    if len(kept) < len(rows):
        log.warning("left out %d questions without a trace", len(rows) - len(kept))
    return kept


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest:02d} s"
