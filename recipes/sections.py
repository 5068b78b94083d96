"""Schema of a run's configuration. Unknown keys are errors.

``recipes/configs`` has one file for each size of hardware; ``docs/recipes.md`` explains the choices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from paqa_builder.config.environment import UserPath, UserPathText


class Section(BaseModel):
    """Base class of the sections."""

    model_config = ConfigDict(extra="forbid")


class Data(Section):
    """Data for training and evaluation."""

    path: UserPathText | None = Field(
        default=None, description="Folder of shards, Hub name (user/name), or JSON(L) file."
    )
    format: Literal["auto", "shards", "paqa", "avqa"] = Field(
        default="auto", description="Format of the data; auto: by the path's extension."
    )
    audio_root: UserPath | None = Field(
        default=None,
        description="Folder that audio paths in a JSON file are relative to; the file's by default.",
    )
    train_split: str = Field(default="train", description="Split for training.")
    test_split: str = Field(default="test", description="Split for evaluation.")
    contribution: Literal["strong", "weak"] | None = Field(
        default=None,
        description="Only questions with this audio_contribution, and those without audio_contribution.",
    )
    trace: Literal["full", "terse"] = Field(
        default="full", description="Targets of stage I: the traces, or short forms of them."
    )
    reflect: bool = Field(default=True, description="False: drop traces with REFLECT from stage I.")
    streaming: bool = Field(default=False, description="Stream shards during training; needs max_steps.")
    shuffle_buffer: int = Field(default=1000, ge=1, description="Size of the shuffle buffer of a stream.")
    limit: int | None = Field(default=None, ge=1, description="Only the first N rows of each split.")
    max_seconds: float = Field(
        default=30.0, gt=0, description="Longer audio is cut; one encoder window is 30 s."
    )
    mel_cache_mb: int = Field(default=512, ge=0, description="Size of the cache of mel features.")


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
    """The model, and which parts of it are trained."""

    family: str = Field(default="qwen2_audio", description="A family of recipes/families or of a plugin.")
    path: UserPathText | None = Field(
        default=None, description="Folder or Hub name; None: `recipes.mini` builds a small model."
    )
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    autocast: bool | Literal["auto"] = Field(
        default=False,
        description="Compute in bfloat16 with float32 weights: twice as fast on CPUs that support bfloat16, "
        "thirty times slower on others. auto: if the CPU supports it.",
    )
    attention: str = Field(
        default="sdpa",
        description="Name in transformers, or lean for small models on a CPU (recipes/layers/attention.py).",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="cuda: fail if there is no GPU."
    )
    freeze_tower: bool = Field(default=True, description="Do not train the audio tower.")
    cache_tower: bool = Field(
        default=False, description="Cache the output of a frozen tower by clip; for small models."
    )
    lora: Lora | None = None
    gradient_checkpointing: bool = False


class PauseConfig(Section):
    """When to pause in generation, and when to abort a rollout."""

    token: str = Field(default="<PAUSE>", description="Text of the pause token.")
    n: int = Field(default=4, ge=1, description="Tokens (latent steps) of a pause.")
    window: int = Field(
        default=16,
        ge=1,
        description="Emitted tokens that the mean confidence is over, including the next one.",
    )
    tau: float = Field(default=0.3, ge=0, le=1, description="Pause if the mean confidence is below it.")
    signal: Literal["maxprob", "neg_entropy"] = Field(
        default="maxprob",
        description="Confidence of a step: the largest probability, or 1 - H / log V (neg_entropy).",
    )
    max_triggers: int = Field(default=3, ge=0, description="Most pauses in a completion.")
    min_tokens: int = Field(
        default=4,
        ge=0,
        description="Emitted tokens before the first pause and before each later one.",
    )
    cooldown: int = Field(default=16, ge=0, description="Emitted tokens between pauses.")
    reserve: int = Field(default=8, ge=0, description="Tokens of the budget that a pause must leave.")
    policy: Literal["forbid", "allow"] = Field(
        default="forbid",
        description="allow: the policy may begin a pause itself, whose other n - 1 tokens are forced.",
    )
    abort_below: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="End a completion without pauses left if the mean of its full window is below it, with a "
        "forced end-of-sequence token.",
    )
    trigger: Literal["confidence", "random"] = Field(
        default="confidence", description="random: for ablations."
    )
    rate: float = Field(default=0.05, ge=0, le=1, description="Pauses a token with the random trigger.")
    filler: str | None = Field(
        default=None, description="For ablations: text of a single token to use in place of the pause token."
    )

    @model_validator(mode="after")
    def _check_filler(self) -> PauseConfig:
        if self.filler is not None and self.policy == "allow":
            raise ValueError("policy=allow cannot be combined with a filler")
        return self


class Insertion(Section):
    """Pauses in the targets of stage I."""

    enabled: bool = True
    bursts: tuple[int, int] = Field(default=(0, 3), description="Fewest and most pauses a row.")
    positions: Literal["likelihood", "random"] = Field(
        default="likelihood", description="Before tokens with a low likelihood, or at random."
    )
    random_share: float = Field(
        default=0.25, ge=0, le=1, description="Share of pauses at random positions with likelihood."
    )
    quantile: float = Field(
        default=0.2, gt=0, le=1, description="Share of a row's tokens that count as unlikely."
    )


class Optimiser(Section):
    """Training arguments that both stages share."""

    max_steps: int = Field(default=-1, description="Optimiser steps; -1: by epochs.")
    epochs: float = Field(default=1.0, gt=0)
    batch: int = Field(default=8, ge=1, description="Rows of a forward pass on each device.")
    accumulate: int = Field(default=1, ge=1, description="Forward passes of an optimiser step.")
    optimiser: Literal["adamw", "muon"] = Field(
        default="adamw", description="muon: for the matrices of a decoder with random initial weights."
    )
    matrix_learning_rate: float = Field(default=0.02, gt=0, description="Learning rate of Muon.")
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
        default=None, gt=0, description="Stop after so many minutes, before max_steps."
    )


class Stage1(Optimiser):
    """Supervised fine-tuning on traces."""

    pauses: Insertion = Insertion()
    audio_dropout: float = Field(
        default=0.0, ge=0, lt=1, description="Dropout on the output of the audio tower."
    )
    workers: int = Field(default=0, ge=0, description="Processes of the data loader.")


class Stage2(Optimiser):
    """GRPO (Shao et al. 2024) with PAUSE."""

    start: str | None = Field(
        default=None, description="Model to start from; None: that of stage I of the same run."
    )
    split: str | None = Field(default=None, description="Split for stage II; None: data.train_split.")
    learning_rate: float = Field(default=1e-5, gt=0)
    generations: int = Field(default=8, ge=2, description="Completions a prompt.")
    max_completion: int = Field(default=768, ge=8, description="Most tokens of a completion with pauses.")
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    beta: float = Field(default=0.0, ge=0, description="Weight of KL to the model of stage I.")
    iterations: int = Field(default=1, ge=1, description="Updates for each batch of rollouts.")
    loss: str = Field(default="dapo", description="loss_type of TRL's GRPOConfig.")
    scale_rewards: Literal["group", "batch", "none"] = Field(
        default="group", description="Scope of the standard deviation that divides advantages."
    )
    pause: bool = Field(default=True, description="False: plain GRPO.")
    rollout: Literal["block", "sequential", "vllm"] = "block"
    tries: int = Field(
        default=0,
        ge=0,
        description="Sampled answers to each question before training, to train only on questions with right "
        "and wrong answers; 0: train on all.",
    )
    tried: int | None = Field(
        default=None, ge=1, description="Size of the random sample of questions for tries; None: all."
    )
    share_prompts: bool = Field(
        default=False,
        description="Read each prompt once for the log-probabilities of its group; takes more memory.",
    )

    @field_validator("tries")
    @classmethod
    def _check_tries(cls, tries: int) -> int:
        if tries == 1:
            raise ValueError("one answer cannot be both right and wrong: 0, or 2 and more")
        return tries


class Evaluate(Section):
    """Evaluation after each stage."""

    limit: int | None = Field(default=None, ge=1, description="Only the first N test questions.")
    batch: int = Field(default=16, ge=1, description="Completions at a time.")
    max_new_tokens: int = Field(default=768, ge=8, description="Most tokens of a completion with pauses.")
    temperature: float = Field(default=1.0, gt=0)
    samples: int = Field(default=1, ge=1, description="Sampled answers to a question beside the greedy one.")


class Run(Section):
    """Output folder, seed and reporting of a run."""

    size: str = Field(default="laptop", description="Name of the run's folder.")
    out: UserPath = Field(default=Path("runs"), description="Runs go to OUT/SIZE.")
    seed: int = 0
    report_to: Literal["none", "tensorboard", "trackio", "wandb"] = "tensorboard"

    @property
    def folder(self) -> Path:
        """The run's folder, ``out/size``."""
        return self.out / self.size


class Config(Section):
    """The configuration of a run."""

    data: Data = Data()
    model: Model = Model()
    stage1: Stage1 = Stage1()
    pause: PauseConfig = PauseConfig()
    stage2: Stage2 = Stage2()
    rewards: dict[str, float] = Field(
        default_factory=lambda: {"accuracy": 1.0, "format": 0.2, "perception": 0.5, "agreement": 0.2},
        description="Weight of each reward, by name.",
    )
    evaluate: Evaluate = Evaluate()
    run: Run = Run()
