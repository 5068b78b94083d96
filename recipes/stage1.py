"""Stage I: supervised fine-tuning on perception traces, with pauses in them.

    python -m recipes.stage1 --config laptop --set data.path=shards

leaves ``runs/SIZE/stage1``: model and processor, with the row of PAUSE.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, IterableDataset
from transformers import PrinterCallback
from trl import SFTConfig

from paqa_builder.errors import ConfigError
from recipes import config, progress, run
from recipes.data import audio, prompts, rows
from recipes.data.collate import Collator
from recipes.families import Family, family
from recipes.pauses.insertion import Inserter
from recipes.pauses.pause import add_pause_token
from recipes.trainers import trainable
from recipes.trainers.sft import Trainer

NAME = "stage1"


def train(settings: config.Config, *, resume: bool = False) -> Path:
    """Runs stage I.

    Args:
        resume: Go on from the last checkpoint; from the beginning where there is none.

    Returns:
        The folder of the trained model.

    Raises:
        PaqaError: Data, model or machine are not as they must be; says what to change.
    """
    stage = settings.stage1
    folder = run.start(settings, NAME)
    work, out = folder / f"{NAME}.work", folder / NAME
    kind = family(settings.model.family)
    data, rows_read = _data(settings)
    model, processor = kind.load(settings.model)
    pause_id = add_pause_token(model, processor, settings.pause.token)
    features = audio.cache_features(processor.feature_extractor, settings.data.mel_cache_mb << 20)
    tower = trainable.prepare(model, kind, settings)
    inserter = None
    if stage.pauses.enabled:
        pad_id = processor.tokenizer.pad_token_id
        inserter = Inserter(stage.pauses, settings.pause.n, pause_id, pad_id, settings.run.seed)
    checkpoint = run.last_checkpoint(work) if resume else None
    if checkpoint is not None and inserter is not None:
        inserter.likelihood.load(_likelihood_file(checkpoint))
    deafener = trainable.audio_dropout(kind.tower(model), stage.audio_dropout)
    collator = Collator(
        kind, processor, rows_read, style=settings.data.trace, max_seconds=settings.data.max_seconds
    )
    trainer = Trainer(
        model=model,
        args=SFTConfig(
            **run.arguments(settings, stage, work),
            dataset_kwargs={"skip_prepare_dataset": True},
            max_length=None,
            dataloader_num_workers=stage.workers,
        ),
        train_dataset=data,
        processing_class=processor,
        data_collator=collator,
        peft_config=trainable.lora(model, kind, settings, pause_id),
        optimizers=(trainable.optimiser(model, kind, settings, stage), None),
        family=kind,
        inserter=inserter,
    )
    trainer.remove_callback(PrinterCallback)
    some = _test_rows(settings) if stage.sample_steps and rows_read is not None else []
    trainer.add_callback(
        progress.Progress(
            folder / f"{NAME}.log.jsonl",
            max_minutes=stage.max_minutes,
            sample=lambda: complete(trainer.model, kind, processor, some, settings, pause_id),
            sample_steps=stage.sample_steps if some else 0,
            state=lambda path: inserter.likelihood.save(_likelihood_file(path)) if inserter else None,
        )
    )
    with run.memory_advice(NAME, stage):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    deafener.remove()
    if tower is not None:
        tower.save()
        tower.remove()
    trainable.save(trainer, kind, processor, out)
    hits, misses, *_ = features.cache_info()
    print(f"{out}: mel features made for {misses} of {hits + misses} clips heard", file=sys.stderr)
    return out


def _data(settings: config.Config) -> tuple[Dataset | IterableDataset, list[rows.Row] | None]:
    """The data set for the trainer, which knows numbers of rows, and the rows; None where they stream."""
    if not settings.data.streaming:
        found = run.rows_with_traces(
            rows.read(settings.data, settings.data.train_split), str(settings.data.path)
        )
        return Dataset.from_dict({"index": range(len(found))}), found
    if settings.stage1.max_steps <= 0:
        raise ConfigError("a stream has no end", fix="--set stage1.max_steps=N")

    def generate() -> Iterator[dict[str, Any]]:
        epoch = 0
        while True:
            stream = rows.stream(
                settings.data, settings.data.train_split, seed=settings.run.seed, epoch=epoch
            )
            yield from ({"row": row} for row in stream if row.trace)
            epoch += 1

    return IterableDataset.from_generator(generate), None


def complete(
    model: Any, kind: Family, processor: Any, some: list[rows.Row], settings: config.Config, pause_id: int
) -> list[dict[str, str]]:
    """Greedy answers without pauses, for a look at how training goes."""
    rate = kind.rate(processor)
    texts = [kind.text(processor, prompts.prompt(row)) for row in some]
    clips = [audio.samples(row, rate, settings.data.max_seconds) for row in some]
    core = kind.core(model)
    training = core.training
    core.eval()
    try:
        with torch.no_grad():
            batch = kind.process(processor, texts, clips).to(core.device)
            out = core.generate(
                **batch,
                max_new_tokens=settings.evaluate.max_new_tokens,
                do_sample=False,
                suppress_tokens=[pause_id],
                eos_token_id=kind.end_ids(model, processor),
                pad_token_id=processor.tokenizer.pad_token_id,
            )
    finally:
        core.train(training)
    said = processor.tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return [
        {"id": row.id, "question": row.question, "answer": row.answer, "completion": text.strip()}
        for row, text in zip(some, said, strict=True)
    ]


def _test_rows(settings: config.Config) -> list[rows.Row]:
    try:
        return rows.read(settings.data, settings.data.test_split)[:2]
    except ConfigError:  # a data set without such a split still trains
        return rows.read(settings.data, settings.data.train_split)[:2]


def _likelihood_file(checkpoint: Path) -> Path:
    import os

    return checkpoint / f"likelihood-{os.environ.get('RANK', '0')}.npz"


def main(settings: config.Config, flags: argparse.Namespace) -> None:
    """Estimates or trains."""
    if flags.estimate:
        from recipes.estimate import report

        print(report(settings, NAME))
    else:
        train(settings, resume=flags.resume)


if __name__ == "__main__":
    raise SystemExit(run.command(main, __doc__))
