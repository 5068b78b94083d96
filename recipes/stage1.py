"""Stage I: supervised fine-tuning on perception traces with inserted pauses.

    python -m recipes.stage1 --config laptop --set data.path=shards

Writes ``runs/SIZE/stage1``: model and processor, with the embedding of the pause token.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, IterableDataset
from trl import SFTConfig

from paqa_builder.errors import ConfigError
from recipes import config, run
from recipes.data import audio, collate, rows
from recipes.families import Family, family
from recipes.pauses.insertion import Inserter
from recipes.pauses.pause import add_pause_token
from recipes.trainers import trainable
from recipes.trainers.sft import Trainer

log = logging.getLogger(__name__)

NAME = "stage1"


def train(settings: config.Config, *, resume: bool = False) -> Path:
    """Trains stage I.

    Args:
        resume: Resume from the last checkpoint, if there is one.

    Returns:
        The folder of the trained model.

    Raises:
        PaqaError: The data, the model or the machine does not fit the configuration; names the fix.
    """
    stage = settings.stage1
    folder = run.start(settings, NAME)
    work = folder / f"{NAME}.work"
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
    dropout = trainable.audio_dropout(kind.tower(model), stage.audio_dropout)
    collator = collate.Collator(
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
        data_collator=collator,
        family=kind,
        inserter=inserter,
        **trainable.options(model, kind, processor, settings, stage, pause_id),
    )
    examples = _test_rows(settings) if stage.sample_steps and rows_read is not None else []
    out = trainable.fit(
        trainer,
        kind,
        settings,
        NAME,
        checkpoint,
        tower,
        sample=lambda: complete(trainer.model, kind, processor, examples, settings, pause_id),
        sample_steps=stage.sample_steps if examples else 0,
        state=lambda path: inserter.likelihood.save(_likelihood_file(path)) if inserter else None,
    )
    dropout.remove()
    hits, misses, *_ = features.cache_info()
    print(f"mel features: computed for {misses} of {hits + misses} clips read", file=sys.stderr)
    return out


def _data(settings: config.Config) -> tuple[Dataset | IterableDataset, list[rows.Row] | None]:
    """The data set for the trainer, and the rows that its indices refer to; None for a stream.

    Raises:
        ConfigError: No row has a trace.
    """
    if not settings.data.streaming:
        all_rows = rows.read(settings.data, settings.data.train_split)
        kept = [row for row in all_rows if row.trace]
        if not kept:
            raise ConfigError(f"{settings.data.path}: no question has a trace, and stage I trains on traces")
        if len(kept) < len(all_rows):
            log.warning("skipped %d questions without a trace", len(all_rows) - len(kept))
        return Dataset.from_dict({"index": range(len(kept))}), kept
    run.check_end(NAME, settings.stage1)

    def generate() -> Iterator[dict[str, Any]]:
        stream = rows.endless(settings.data, settings.data.train_split, seed=settings.run.seed)
        yield from ({"row": row} for row in stream if row.trace)

    return IterableDataset.from_generator(generate), None


def complete(
    model: Any, kind: Family, processor: Any, examples: list[rows.Row], settings: config.Config, pause_id: int
) -> list[dict[str, str]]:
    """Greedy completions without pauses, to show the progress of training."""
    clips = collate.samples(kind, processor, examples, settings.data.max_seconds)
    core = kind.core(model)
    training = core.training
    core.eval()
    try:
        with torch.no_grad():
            batch = collate.generation_batch(kind, model, processor, examples, clips)
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
    texts = processor.tokenizer.batch_decode(out[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return [
        {"id": row.id, "question": row.question, "answer": row.answer, "completion": text.strip()}
        for row, text in zip(examples, texts, strict=True)
    ]


def _test_rows(settings: config.Config) -> list[rows.Row]:
    try:
        return rows.read(settings.data, settings.data.test_split)[:2]
    except ConfigError:  # a data set without such a split still trains
        return rows.read(settings.data, settings.data.train_split)[:2]


def _likelihood_file(checkpoint: Path) -> Path:
    return checkpoint / f"likelihood-{os.environ.get('RANK', '0')}.npz"


if __name__ == "__main__":
    raise SystemExit(run.stage_command(NAME, train, __doc__))
