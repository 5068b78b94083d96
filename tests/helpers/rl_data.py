"""Rows and trainers for the tests of stage II: tiny models, clips of noise, answers of one word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from trl import GRPOConfig

from recipes.data.rows import Row
from recipes.families import family
from recipes.pauses.pause import add_pause_token
from recipes.sections import PauseConfig
from recipes.trainers.grpo import AudioGRPOTrainer
from recipes.trainers.grpo_data import dataset

PAUSE = PauseConfig(n=3, window=4, tau=0.9, max_triggers=2, cooldown=5, min_tokens=2, reserve=3)
BUDGET = 24


def rows(n: int = 4) -> list[Row]:
    """Questions about noise of different lengths."""
    random = np.random.default_rng(0)
    return [
        Row(
            id=f"q{i}",
            clip_id=f"c{i}",
            audio=random.normal(0, 0.3, 16_000 + 2_000 * i).astype(np.float32),
            question="What is heard?" + " or" * i,
            choices=("dog", "rain"),
            answer="dog",
            trace="<THINK>secret</THINK>",
        )
        for i in range(n)
    ]


def some(completions: list[str], given: list[Row], tokens: list[int] | None = None) -> list[float]:
    """A reward that differs between completions."""
    return [sum(map(ord, text)) % 17 / 17 for text in completions]


def model_of(name: str) -> tuple[Any, Any, int]:
    """A tiny model that is not equally sure of everything, its processor, and PAUSE."""
    model, processor = family(name).tiny()
    identity = add_pause_token(model, processor)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        head = model.get_output_embeddings().weight
        head.copy_(torch.randn(head.shape, generator=generator))
    return model, processor, identity


def trainer(
    folder: Path,
    name: str = "qwen2_audio",
    *,
    pause: PauseConfig | None = PAUSE,
    made: tuple[Any, Any, int] | None = None,
    data: list[Row] | None = None,
    rewards: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    **changes: Any,
) -> AudioGRPOTrainer:
    """A trainer of four completions a prompt, eight rows a batch."""
    model, processor, _ = made or model_of(name)
    settings = {
        "output_dir": str(folder), "max_steps": 2, "per_device_train_batch_size": 8, "num_generations": 4,
        "max_completion_length": BUDGET, "learning_rate": 1e-3, "logging_steps": 1, "report_to": "none",
        "save_strategy": "no", "use_cpu": True, "bf16": False, "activation_checkpointing": False,
        "disable_tqdm": True, "seed": 0,
    }  # fmt: skip
    given = rewards or {"some": some}
    return AudioGRPOTrainer(
        model,
        family(name),
        given,
        dict.fromkeys(given, 1.0),
        GRPOConfig(**settings | changes),
        processing_class=processor,
        pause=pause,
        train_dataset=dataset(data or rows(), family(name)),
        **(options or {}),
    )


def inputs(n: int = 2, copies: int = 4) -> list[dict[str, Any]]:
    """What TRL hands over: each question as often as it is answered."""
    return [
        {"prompt": [{"role": "user", "content": ""}], "row": row} for row in rows(n) for _ in range(copies)
    ]
