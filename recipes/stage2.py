"""Stage II: GRPO (Shao et al. 2024) with PAUSE, from the model of stage I.

    python -m recipes.stage2 --config laptop --set data.path=shards

Writes ``runs/SIZE/stage2``: model and processor. The prompt has the clip and the question only. The rewards
compare the caption of a completion with the shard's records.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from trl import GRPOConfig

from paqa_builder.errors import ConfigError
from recipes import config, rewards, run, stage1
from recipes.data import audio, rows
from recipes.families import Family, family
from recipes.pauses import vllm
from recipes.pauses.pause import add_pause_token
from recipes.scoring.answering import Answerer
from recipes.trainers import practice, sharing, trainable
from recipes.trainers.grpo import AudioGRPOTrainer
from recipes.trainers.grpo_data import dataset

NAME = "stage2"
_SAMPLES = 2


def train(settings: config.Config, *, resume: bool = False) -> Path:
    """Trains stage II.

    Args:
        resume: Resume from the last checkpoint, if there is one.

    Returns:
        The folder of the trained model.

    Raises:
        PaqaError: The data, the model or the machine does not fit the configuration; names the fix.
    """
    stage = settings.stage2
    pause = settings.pause if stage.pause else None
    chosen = rewards.select(settings.rewards, stage.max_completion)
    _check(settings)
    if stage.rollout == "vllm":
        vllm.check(pause)
    folder = run.start(settings, NAME)
    work = folder / f"{NAME}.work"
    kind = family(settings.model.family)
    all_rows = _rows(settings)  # before the model, which may take minutes
    model, processor, pause_id = load(settings, kind, work)
    audio.cache_features(processor.feature_extractor, settings.data.mel_cache_mb << 20)
    tower = trainable.prepare(model, kind, settings)
    chosen_rows = all_rows if callable(all_rows) else _chosen(settings, kind, model, processor, all_rows)
    checkpoint = run.last_checkpoint(work) if resume else None
    engine: dict[str, Any] = {}
    if stage.rollout == "vllm":
        engine = {"use_vllm": True, "vllm_mode": "colocate"}
    trainer = AudioGRPOTrainer(
        model,
        kind,
        chosen,
        settings.rewards,
        GRPOConfig(
            **run.arguments(settings, stage, work),
            num_generations=stage.generations,
            max_completion_length=stage.max_completion,
            temperature=stage.temperature,
            top_p=stage.top_p,
            beta=stage.beta,
            num_iterations=stage.iterations,
            loss_type=stage.loss,
            scale_rewards=stage.scale_rewards,
            **engine,
        ),
        pause=pause,
        pause_token=settings.pause.token,
        max_seconds=settings.data.max_seconds,
        train_dataset=dataset(chosen_rows, kind),
        share_prompts=stage.share_prompts,
        **trainable.options(model, kind, processor, settings, stage, pause_id),
        **_roller(settings, kind),
    )
    return trainable.fit(
        trainer,
        kind,
        settings,
        NAME,
        checkpoint,
        tower,
        sample=partial(_samples, trainer),
        sample_steps=stage.sample_steps,
    )


def load(settings: config.Config, kind: Family, work: Path) -> tuple[Any, Any, int]:
    """Loads the model to start from; returns it with its processor and the id of the pause token.

    The model is ``stage2.start``, or that of stage I of the same run. A model without the pause token gets
    it, and with KL (``stage2.beta``) is saved with it, because TRL loads the reference model from disk.

    Raises:
        ConfigError: Stage I was not run.
    """
    stage = settings.stage2
    start = _start(settings)
    model, processor = kind.load(settings.model.model_copy(update={"path": start}))
    known = settings.pause.token in processor.tokenizer.get_vocab()
    pause_id = add_pause_token(model, processor, settings.pause.token)
    if not known and stage.beta:
        for part in (model, processor):
            part.save_pretrained(work / "start")
        model, processor = kind.load(settings.model.model_copy(update={"path": str(work / "start")}))
    return model, processor, pause_id


def _rows(settings: config.Config) -> list[rows.Row] | Callable[[], Iterator[rows.Row]]:
    """All rows, or for a stream a function that yields them epoch after epoch."""
    data, split = settings.data, settings.stage2.split or settings.data.train_split
    if not data.streaming:
        return rows.read(data, split)
    run.check_end(NAME, settings.stage2)
    return partial(rows.endless, data, split, seed=settings.run.seed)


def _chosen(
    settings: config.Config, kind: Family, model: Any, processor: Any, all_rows: list[rows.Row]
) -> list[rows.Row]:
    """The rows to train on: all, or with ``stage2.tries`` those with both right and wrong answers."""
    stage, seed = settings.stage2, settings.run.seed
    if not stage.tries:
        return all_rows
    answerer = Answerer(
        kind,
        model.eval().to(run.device(settings.model)),
        processor,
        max_new_tokens=stage.max_completion,
        pause=settings.pause if stage.pause else None,
        max_seconds=settings.data.max_seconds,
        pause_token=settings.pause.token,
    )
    tried = practice.sample(all_rows, stage.tried, seed)
    kept = practice.undecided(
        answerer, tried, tries=stage.tries, temperature=stage.temperature, batch=stage.batch, seed=seed
    )
    model.train()
    return kept


def _start(settings: config.Config) -> str:
    """The model to start from."""
    start = settings.stage2.start or str(settings.run.folder / stage1.NAME)
    if settings.stage2.start is None and not Path(start).is_dir():
        raise ConfigError(
            f"{start}: stage II starts from the model of stage I, which was not run",
            fix="python -m recipes.stage1 with the same configuration, or --set stage2.start=MODEL",
        )
    return start


def check(settings: config.Config) -> None:
    """Checks the settings of stage II, before data and model are prepared.

    Raises:
        ConfigError: A reward or a family is unknown, settings contradict each other, or stage I was not run.
    """
    rewards.select(settings.rewards, settings.stage2.max_completion)
    family(settings.model.family)
    _check(settings)
    _start(settings)


def _check(settings: config.Config) -> None:
    stage = settings.stage2
    if stage.tries and (settings.data.streaming or int(os.environ.get("WORLD_SIZE", "1")) > 1):
        raise ConfigError(
            "stage2.tries needs all questions in one process: no streaming, one rank",
            fix="--set stage2.tries=0",
        )
    if stage.share_prompts:
        sharing.check("stage2.share_prompts", "stage2.share_prompts=false", settings.model)
    at_once = stage.batch * stage.accumulate
    if at_once % stage.generations:
        raise ConfigError(
            f"stage2: batch x accumulate is {at_once}, not a multiple of generations ({stage.generations})",
            fix=f"--set stage2.batch={-(-stage.batch // stage.generations) * stage.generations}",
        )


def _roller(settings: config.Config, kind: Family) -> dict[str, Any]:
    if settings.stage2.rollout != "vllm":
        return {"block": settings.stage2.rollout == "block"}
    return {"roll": vllm.Roller(kind, settings.data.max_seconds)}


def _samples(trainer: AudioGRPOTrainer) -> list[dict[str, Any]]:
    """A few completions of the last batch, with their rewards."""
    step = max(1, len(trainer.samples) // _SAMPLES)
    return [
        {
            "id": sample["row"].id,
            "question": sample["row"].question,
            "answer": sample["row"].answer,
            "completion": sample["text"],
            "rewards": {
                name: round(float(value), 3) for name, value in sample.items() if name not in ("row", "text")
            },
        }
        for sample in trainer.samples[::step][:_SAMPLES]
    ]


if __name__ == "__main__":
    raise SystemExit(run.stage_command(NAME, train, __doc__, check))
