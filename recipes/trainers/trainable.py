"""Training of a model: trainable parameters, optimiser, training run, and saving."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch.nn.functional import dropout
from transformers import PrinterCallback

from paqa_builder.errors import ConfigError
from recipes import config, progress, run
from recipes.families import Family
from recipes.layers import muon


def prepare(model: Any, kind: Family, settings: config.Config) -> Any:
    """Freezes the audio tower and caches its outputs, as configured.

    Returns:
        The tower's cache, or None.

    Raises:
        ConfigError: A cache is configured for a tower that is not frozen.
    """
    if not settings.model.freeze_tower:
        if settings.model.cache_tower:
            raise ConfigError("model.cache_tower needs a frozen tower", fix="--set model.freeze_tower=true")
        return None
    tower = kind.tower(model)
    tower.requires_grad_(False)
    if not settings.model.cache_tower:
        return None
    from recipes.layers.tower_cache import TowerCache, fingerprint

    return TowerCache(tower, settings.run.out / "cache" / fingerprint(tower))


def optimiser(model: Any, kind: Family, settings: config.Config, stage: config.Optimiser) -> Any:
    """The optimiser of a stage if it is Muon; None for the trainer's own AdamW.

    Raises:
        ConfigError: Muon is combined with LoRA.
    """
    if stage.optimiser == "adamw":
        return None
    if settings.model.lora is not None:
        raise ConfigError(
            "optimiser=muon trains whole matrices, and model.lora is set",
            fix="--set model.lora=null, or the stage's optimiser=adamw",
        )
    return muon.for_model(
        model,
        kind.language_model(model),
        matrix_learning_rate=stage.matrix_learning_rate,
        learning_rate=stage.learning_rate,
        weight_decay=stage.weight_decay,
    )


def audio_dropout(tower: Any, share: float) -> Any:
    """Adds dropout to a tower's output in training, against memorising clips.

    Returns:
        The hook's handle; ``remove`` ends the dropout.
    """

    def drop(module: Any, inputs: Any, output: Any) -> Any:
        if module.training and share:
            output.last_hidden_state = dropout(output.last_hidden_state, share)
        return output

    return tower.register_forward_hook(drop)


def lora(model: Any, kind: Family, settings: config.Config, pause_id: int) -> Any:
    """The adapters' configuration: linear layers of the decoder, and the embedding of the pause token.

    Returns:
        A ``LoraConfig``, or None without adapters.
    """
    section = settings.model.lora
    if section is None:
        return None
    from peft import LoraConfig

    decoder = kind.language_model(model)
    prefix = next(name for name, module in model.named_modules() if module is decoder)
    return LoraConfig(
        r=section.r,
        lora_alpha=section.alpha,
        lora_dropout=section.dropout,
        target_modules=rf"{re.escape(prefix)}\..*\.({'|'.join(map(re.escape, section.targets))})",
        trainable_token_indices={"embed_tokens": [pause_id]},
        task_type="CAUSAL_LM",
    )


def options(
    model: Any, kind: Family, processor: Any, settings: config.Config, stage: config.Optimiser, pause_id: int
) -> dict[str, Any]:
    """Arguments that the trainers of both stages share: processor, adapters and optimiser."""
    return {
        "processing_class": processor,
        "peft_config": lora(model, kind, settings, pause_id),
        "optimizers": (optimiser(model, kind, settings, stage), None),
    }


def fit(
    trainer: Any,
    kind: Family,
    settings: config.Config,
    stage: str,
    checkpoint: Path | None,
    tower: Any,
    **watch: Any,
) -> Path:
    """Trains one stage with progress, log and checkpoints, and saves the model.

    Args:
        stage: ``stage1`` or ``stage2``.
        checkpoint: Checkpoint to resume from; None starts from step 0.
        tower: The tower's cache from :func:`prepare`, or None.
        watch: Further arguments of :class:`recipes.progress.Progress`.

    Returns:
        The folder of the trained model.
    """
    section: config.Optimiser = getattr(settings, stage)
    log, out = settings.run.folder / f"{stage}.log.jsonl", settings.run.folder / stage
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(progress.Progress(log, max_minutes=section.max_minutes, **watch))
    with run.memory_advice(stage, section):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if tower is not None:
        tower.save()
        tower.remove()
    save(trainer, kind, trainer.processing_class, out)
    return out


def save(trainer: Any, kind: Family, processor: Any, out: Path) -> None:
    """Saves model and processor. Adapters are merged into the model."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    if hasattr(model, "merge_and_unload"):
        model = model.merge_and_unload()
        if trainer.args.should_save:
            model.save_pretrained(out)
    else:
        trainer.save_model(str(out))  # gathers the shards of FSDP and ZeRO
    if trainer.args.should_save:
        processor.save_pretrained(out)
