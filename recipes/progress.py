"""What a training run tells while it goes on: progress, log, samples, and which checkpoints are whole."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

MARK = "complete.json"
"""The last file of a checkpoint: one without it was cut off while it was written."""


class Progress(TrainerCallback):
    """Tells how far training is, keeps its log, marks checkpoints, stops it when its time is up.

    Args:
        path: A JSON Lines file that gets every log entry; one of a later step is dropped on resume.
        max_minutes: Stop after so many; the count starts again on resuming.
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
        write(self.path, "".join(f"{line}\n" for line in kept))

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
            write(folder / MARK, json.dumps({"step": state.global_step}) + "\n")

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


def write(path: Path, text: str) -> None:
    """Writes a file that is either there as a whole or not at all."""
    aside = path.with_name(path.name + ".part")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest:02d} s"
