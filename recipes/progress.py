"""Trainer callback for progress, log, sample completions, checkpoints and the time limit."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from paqa_builder.files import write_atomic
from paqa_builder.untrusted import byte_lines, json_files

MARK = "complete.json"
"""The last file written to a checkpoint; a checkpoint without it is incomplete."""


class Progress(TrainerCallback):
    """Reports progress, writes the log, marks complete checkpoints and enforces the time limit.

    Args:
        path: JSON lines file for the log. On resume, entries of later steps are removed.
        max_minutes: Stop after this many minutes, counted from the last start or resume.
        sample: Called every ``sample_steps`` steps; returns completions to print and save.
        state: Called with the folder of each checkpoint, to save further state in it.
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
            # An interrupted run may end in half a line, which is dropped.
            entries = ((line, json_files.decode(line)) for _, line in byte_lines(self.path))
            kept = [line for line, row in entries if isinstance(row, dict) and _step(row) <= self.first]
        write_atomic(self.path, b"".join(line + b"\n" for line in kept))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if not state.is_world_process_zero or not logs:
            return
        self._append(self.path, {"step": state.global_step, **logs})
        if "loss" in logs or "reward" in logs:
            self._print(state, logs)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.max_minutes is not None and time.monotonic() - self.began > 60 * self.max_minutes:
            control.should_training_stop = True
        if not (self.sample and self.sample_steps and state.is_world_process_zero):
            return
        if state.global_step % self.sample_steps == 0:
            for completion in self.sample():
                entry = {"step": state.global_step, **completion}
                self._append(self.path.with_suffix(".samples.jsonl"), entry)
                print(f"  {completion['id']}: {completion['completion']}", file=sys.stderr)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            end = {"step": state.global_step, "minutes": round((time.monotonic() - self.began) / 60, 2)}
            self._append(self.path, end | peak_memory())

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if self.state is not None:
            self.state(folder)
        if state.is_world_process_zero:
            write_atomic(folder / MARK, (json.dumps({"step": state.global_step}) + "\n").encode())

    def _append(self, path: Path, entry: dict[str, Any]) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def _print(self, state: Any, logs: dict[str, Any]) -> None:
        done, total = state.global_step - self.first, state.max_steps - self.first
        left = (time.monotonic() - self.began) / max(done, 1) * (total - done)
        titles = {"loss": "loss", "reward": "reward", "mean_token_accuracy": "token accuracy", "lr": "lr"}
        text = "  ".join(f"{title} {float(logs[name]):.3f}" for name, title in titles.items() if name in logs)
        print(f"step {state.global_step}/{state.max_steps}  {text}  {_span(left)} left", file=sys.stderr)


def peak_memory() -> dict[str, float]:
    """Peak memory of this process in GB: ``memory_gb``, and with a GPU ``gpu_memory_gb``."""
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    peak = {"memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 2)}
    if torch.cuda.is_available():
        peak["gpu_memory_gb"] = round(torch.cuda.max_memory_allocated() / 1e9, 2)
    return peak


def _step(entry: dict[str, Any]) -> float:
    step = entry.get("step", 0)
    return step if isinstance(step, int | float) else 0


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest:02d} s"
