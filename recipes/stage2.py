"""Stage II: GRPO (Shao et al. 2024) with PAUSE, on what stage I left.

    python -m recipes.stage2 --config laptop --set data.path=shards

leaves ``runs/SIZE/stage2``: model and processor. The prompt holds the clip and the question, never the
transcript or a label; what the policy claims to have heard is compared with the shard's records.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from transformers import PrinterCallback
from trl import GRPOConfig

from paqa_builder.errors import ConfigError
from recipes import config, progress, rewards, run, stage1
from recipes.data import audio, rows
from recipes.families import Family, family
from recipes.pauses import vllm
from recipes.pauses.pause import PauseConfig, add_pause_token
from recipes.scoring.answering import Answerer
from recipes.trainers import practice, sharing, trainable
from recipes.trainers.grpo import AudioGRPOTrainer
from recipes.trainers.grpo_data import dataset

NAME = "stage2"
_SAMPLES = 2


def train(settings: config.Config, *, resume: bool = False) -> Path:
    """Runs stage II.

    Args:
        resume: Go on from the last checkpoint; from the beginning where there is none.

    Returns:
        The folder of the trained model.

    Raises:
        PaqaError: Data, model or machine are not as they must be; says what to change.
    """
    stage = settings.stage2
    pause = PauseConfig.of(settings.pause) if stage.pause else None
    chosen = rewards.select(settings.rewards, stage.max_completion)
    _check(settings)
    if stage.rollout == "vllm":
        vllm.check(pause)
    folder = run.start(settings, NAME)
    work, out = folder / f"{NAME}.work", folder / NAME
    kind = family(settings.model.family)
    given = _rows(settings)  # before the model, which may take minutes
    model, processor, pause_id = load(settings, kind, work)
    audio.cache_features(processor.feature_extractor, settings.data.mel_cache_mb << 20)
    tower = trainable.prepare(model, kind, settings)
    practised = given if callable(given) else _chosen(settings, kind, model, processor, given)
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
        processing_class=processor,
        pause=pause,
        max_seconds=settings.data.max_seconds,
        train_dataset=dataset(practised, kind),
        peft_config=trainable.lora(model, kind, settings, pause_id),
        optimizers=(trainable.optimiser(model, kind, settings, stage), None),
        share_prompts=stage.share_prompts,
        **_roller(settings, kind),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(
        progress.Progress(
            folder / f"{NAME}.log.jsonl",
            max_minutes=stage.max_minutes,
            sample=partial(_samples, trainer),
            sample_steps=stage.sample_steps,
        )
    )
    with run.memory_advice(NAME, stage):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if tower is not None:
        tower.save()
        tower.remove()
    trainable.save(trainer, kind, processor, out)
    return out


def load(settings: config.Config, kind: Family, work: Path) -> tuple[Any, Any, int]:
    """The model to start from, its processor, and the id of the pause token.

    That is stage I's of the same run, or ``stage2.start``. One that never saw the pause token gets it,
    and is saved with it, because TRL reads the reference model from disk.

    Raises:
        ConfigError: Stage I was not run.
    """
    stage = settings.stage2
    start = stage.start or str(settings.run.folder / stage1.NAME)
    if stage.start is None and not Path(start).is_dir():
        raise ConfigError(
            f"{start}: stage II starts from stage I, which was not run",
            fix="python -m recipes.stage1 with the same configuration, or --set stage2.start=MODEL",
        )
    model, processor = kind.load(settings.model.model_copy(update={"path": start}))
    known = settings.pause.token in processor.tokenizer.get_vocab()
    pause_id = add_pause_token(model, processor, settings.pause.token)
    if not known and stage.beta:
        for part in (model, processor):
            part.save_pretrained(work / "start")
        model, processor = kind.load(settings.model.model_copy(update={"path": str(work / "start")}))
    return model, processor, pause_id


def _rows(settings: config.Config) -> list[rows.Row] | Callable[[], Iterator[rows.Row]]:
    """The questions, or what gives them without end."""
    data, split = settings.data, settings.stage2.split or settings.data.train_split
    if not data.streaming:
        return rows.read(data, split)
    if settings.stage2.max_steps <= 0:
        raise ConfigError("a stream has no end", fix="--set stage2.max_steps=N")

    def forever() -> Iterator[rows.Row]:
        epoch = 0
        while True:
            yield from rows.stream(data, split, seed=settings.run.seed, epoch=epoch)
            epoch += 1

    return forever


def _chosen(
    settings: config.Config, kind: Family, model: Any, processor: Any, found: list[rows.Row]
) -> list[rows.Row]:
    """The questions to practise on: all, or those that the model is not sure of."""
    stage, seed = settings.stage2, settings.run.seed
    if not stage.tries:
        return found
    one = Answerer(
        kind,
        model.eval().to(run.device(settings.model)),
        processor,
        max_new_tokens=stage.max_completion,
        pause=PauseConfig.of(settings.pause) if stage.pause else None,
        max_seconds=settings.data.max_seconds,
    )
    some = practice.some(found, stage.tried, seed)
    kept = practice.unsure(
        one, some, tries=stage.tries, temperature=stage.temperature, batch=stage.batch, seed=seed
    )
    model.train()
    return kept


def _check(settings: config.Config) -> None:
    stage = settings.stage2
    if stage.tries and (settings.data.streaming or int(os.environ.get("WORLD_SIZE", "1")) > 1):
        raise ConfigError(
            "stage2.tries reads all questions in one process: no stream, no other ranks",
            fix="--set stage2.tries=0",
        )
    if stage.share_prompts:
        sharing.check("stage2.share_prompts", "stage2.share_prompts=false", settings.model)
    at_once = stage.batch * stage.accumulate
    if at_once % stage.generations:
        raise ConfigError(
            f"stage2: batch x accumulate is {at_once}, no multiple of generations, {stage.generations}",
            fix=f"--set stage2.batch={-(-stage.batch // stage.generations) * stage.generations}",
        )


def _roller(settings: config.Config, kind: Family) -> dict[str, Any]:
    if settings.stage2.rollout != "vllm":
        return {"block": settings.stage2.rollout == "block"}
    return {"roll": vllm.Roller(kind, settings.data.max_seconds)}


def _samples(trainer: AudioGRPOTrainer) -> list[dict[str, Any]]:
    """A few completions of the last batch, with their rewards."""
    found = []
    for one in trainer.samples[:: max(1, len(trainer.samples) // _SAMPLES)][:_SAMPLES]:
        row: rows.Row = one["row"]
        paid = {name: round(float(value), 3) for name, value in one.items() if name not in ("row", "text")}
        found.append(
            {
                "id": row.id,
                "question": row.question,
                "answer": row.answer,
                "completion": one["text"],
                "rewards": paid,
            }
        )
    return found


def main(settings: config.Config, flags: argparse.Namespace) -> None:
    """Estimates or trains."""
    if flags.estimate:
        from recipes.estimate import report

        print(report(settings, NAME))
    else:
        print(train(settings, resume=flags.resume), file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(run.command(main, __doc__))
