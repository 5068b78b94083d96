"""The sections of a run's configuration, and what each setting means.

``recipes/configs`` holds one file a size; ``docs/recipes.md`` explains the choices. Unknown keys are
refused. :mod:`recipes.config` reads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Section(BaseModel):
    """A part of the configuration."""

    model_config = ConfigDict(extra="forbid")


class Data(Section):
    """What is trained and evaluated on."""

    path: str | None = Field(
        default=None, description="Folder of shards, Hub name (user/name), or JSON(L) file."
    )
    format: Literal["auto", "shards", "paqa", "avqa"] = Field(
        default="auto", description="By the path's look."
    )
    audio_root: Path | None = Field(default=None, description="Where the audio that a JSON file names lies.")
    train_split: str = Field(default="train", description="Split to learn from.")
    test_split: str = Field(default="test", description="Split for evaluation.")
    contribution: Literal["strong", "weak"] | None = Field(
        default=None, description="Only questions with this audio_contribution; all where the data has none."
    )
    trace: Literal["full", "terse"] = Field(
        default="full", description="The rows' traces, or short ones of them."
    )
    reflect: bool = Field(default=True, description="False: rows whose trace reflects are not learned from.")
    streaming: bool = Field(default=False, description="Read shards while training; needs stage1.max_steps.")
    shuffle_buffer: int = Field(default=1000, ge=1, description="Rows among which streaming shuffles.")
    limit: int | None = Field(default=None, ge=1, description="Only the first N rows of each split.")
    max_seconds: float = Field(
        default=30.0, gt=0, description="Longer audio is cut; one encoder window is 30 s."
    )
    mel_cache_mb: int = Field(default=512, ge=0, description="Memory for mel features of clips heard before.")


class Lora(Section):
    """Low-rank adapters on the language model (Hu et al. 2021)."""

    r: int = Field(default=32, ge=1)
    alpha: int = Field(default=64, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: list[str] = Field(
        default=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        description="Names of linear layers of the language model.",
    )


class Model(Section):
    """Which model, and what of it learns."""

    family: str = Field(default="qwen2_audio", description="One of recipes/families.")
    path: str | None = Field(
        default=None, description="Folder or Hub name; made by `recipes.mini` where it is None."
    )
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    autocast: bool | Literal["auto"] = Field(
        default=False,
        description="Train float32 weights in bfloat16: twice as fast on CPUs that have it, thirty times "
        "slower on the others. auto: where the CPU has it.",
    )
    attention: str = Field(
        default="sdpa",
        description="By its name in transformers, or lean: for small models on a CPU (layers/attention).",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="cuda: fail where there is none."
    )
    freeze_tower: bool = Field(default=True, description="The audio tower does not learn.")
    cache_tower: bool = Field(
        default=False, description="Keep a frozen tower's output by clip; for small models."
    )
    lora: Lora | None = None
    gradient_checkpointing: bool = False


class Pause(Section):
    """When generation pauses; the fields of ``recipes.pauses.pause.PauseConfig``."""

    token: str = "<PAUSE>"
    n: int = Field(default=4, ge=1, description="Latent steps a pause.")
    window: int = Field(default=16, ge=1, description="Emitted tokens whose mean confidence decides.")
    tau: float = Field(default=0.3, ge=0, le=1, description="Pause where the mean is below it.")
    signal: Literal["maxprob", "neg_entropy"] = "maxprob"
    max_triggers: int = Field(default=3, ge=0)
    min_tokens: int = Field(default=4, ge=0, description="Emitted tokens before the first pause.")
    cooldown: int = Field(default=16, ge=0, description="Emitted tokens between pauses.")
    reserve: int = Field(default=8, ge=0, description="Never pause in the last tokens of the budget.")
    policy: Literal["forbid", "allow"] = Field(
        default="forbid", description="allow: the policy may pause, too."
    )
    abort_below: float | None = Field(
        default=None, ge=0, le=1, description="End rollouts less confident than it."
    )
    trigger: Literal["confidence", "random"] = Field(
        default="confidence", description="random: for ablations."
    )
    rate: float = Field(default=0.05, ge=0, le=1, description="Pauses a token, where the trigger is random.")
    filler: str | None = Field(default=None, description="For ablations: a word in the pauses' place.")


class Insertion(Section):
    """Pauses in the targets of stage I."""

    enabled: bool = True
    bursts: tuple[int, int] = Field(default=(0, 3), description="Fewest and most pauses a row.")
    positions: Literal["likelihood", "random"] = Field(
        default="likelihood", description="Before tokens that the model finds unlikely, or anywhere."
    )
    random_share: float = Field(default=0.25, ge=0, le=1, description="Share placed anywhere all the same.")
    quantile: float = Field(
        default=0.2, gt=0, le=1, description="Unlikely: the lowest share of a row's tokens."
    )


class Optimiser(Section):
    """What both stages hand to transformers' trainer, under its own names where they differ."""

    max_steps: int = Field(default=-1, description="Optimiser steps; -1: by epochs.")
    epochs: float = Field(default=1.0, gt=0)
    batch: int = Field(default=8, ge=1, description="Rows a device and forward.")
    accumulate: int = Field(default=1, ge=1)
    optimiser: Literal["adamw", "muon"] = Field(
        default="adamw", description="muon: for the decoder's matrices; where they start from random numbers."
    )
    matrix_learning_rate: float = Field(default=0.02, gt=0, description="Muon's.")
    learning_rate: float = Field(default=1e-4, gt=0)
    scheduler: str = "cosine"
    warmup_steps: int = Field(default=10, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    save_steps: int = Field(default=0, ge=0, description="Steps between checkpoints; 0: none.")
    keep_checkpoints: int = Field(default=2, ge=1)
    log_steps: int = Field(default=10, ge=1)
    sample_steps: int = Field(default=0, ge=0, description="Steps between printed completions; 0: none.")
    max_minutes: float | None = Field(
        default=None, gt=0, description="Stop after so long, whatever max_steps says."
    )


class Stage1(Optimiser):
    """Supervised fine-tuning on traces."""

    pauses: Insertion = Insertion()
    audio_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the tower's output that a training step does not see."
    )
    workers: int = Field(default=0, ge=0, description="Processes that make batches.")


class Stage2(Optimiser):
    """GRPO (Shao et al. 2024) with PAUSE."""

    start: str | None = Field(
        default=None, description="Model to start from; None: stage I's of the same run."
    )
    split: str | None = Field(
        default=None, description="Split to practise on; None: data.train_split, which stage I has learned."
    )
    learning_rate: float = Field(default=1e-5, gt=0)
    generations: int = Field(default=8, ge=2, description="Completions a prompt.")
    max_completion: int = Field(default=768, ge=8, description="Tokens, pauses included.")
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    beta: float = Field(default=0.0, ge=0, description="Weight of KL to the model of stage I.")
    iterations: int = Field(default=1, ge=1, description="Updates a batch of rollouts.")
    loss: str = Field(default="dapo", description="loss_type of TRL's GRPOConfig.")
    scale_rewards: Literal["group", "batch", "none"] = Field(
        default="group", description="Whose standard deviation of rewards divides advantages."
    )
    pause: bool = Field(default=True, description="False: plain GRPO.")
    rollout: Literal["block", "sequential", "vllm"] = "block"
    tries: int = Field(
        default=0,
        ge=0,
        description="Answer each question so often before training, and practise on those that are right now "
        "and then; 0: practise on all.",
    )
    tried: int | None = Field(
        default=None, ge=1, description="Try so many questions, drawn at random; None: all."
    )
    share_prompts: bool = Field(
        default=False,
        description="Read a group's prompt once for all its log-probabilities; needs their memory.",
    )

    @field_validator("tries")
    @classmethod
    def _tells_apart(cls, tries: int) -> int:
        if tries == 1:
            raise ValueError("one try cannot be right now and then: 0, or 2 and more")
        return tries


class Evaluate(Section):
    """What is measured after each stage."""

    limit: int | None = Field(default=None, ge=1)
    batch: int = Field(default=16, ge=1)
    max_new_tokens: int = Field(default=768, ge=8)
    temperature: float = Field(default=1.0, gt=0)
    samples: int = Field(default=1, ge=1, description="Sampled answers a question, beside the greedy one.")


class Run(Section):
    """Where a run writes, and how it reports."""

    size: str = Field(default="laptop", description="Name of the run's folder.")
    out: Path = Field(default=Path("runs"), description="Runs go to OUT/SIZE.")
    seed: int = 0
    report_to: Literal["none", "tensorboard", "trackio", "wandb"] = "tensorboard"

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.out / self.size


class Config(Section):
    """Everything that decides what a run does."""

    data: Data = Data()
    model: Model = Model()
    stage1: Stage1 = Stage1()
    pause: Pause = Pause()
    stage2: Stage2 = Stage2()
    rewards: dict[str, float] = Field(
        default_factory=lambda: {"accuracy": 1.0, "format": 0.2, "perception": 0.5, "agreement": 0.2},
        description="Name of a reward to its weight.",
    )
    evaluate: Evaluate = Evaluate()
    run: Run = Run()
