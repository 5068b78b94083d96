"""Estimates of a stage's memory and time from its configuration, without loading the model.

Parameters are counted on PyTorch's meta device, where a model has shapes but no memory. The rest is
arithmetic. A model of 36 M parameters on a CPU took 1.1 times the memory estimated beyond its weights, 1.6
to 2.1 times with gradient checkpointing. The estimate has not been compared with a GPU.
"""

from __future__ import annotations

import timeit
from dataclasses import dataclass
from typing import Any

import torch

from paqa_builder.errors import ConfigError
from recipes import config
from recipes.families import Family, family

GB = 1e9
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Dense 16-bit operations per second and memory bytes per second, from the data sheets.
CARDS = {"A100": (312e12, 2.0e12), "H100": (989e12, 3.35e12), "H200": (989e12, 4.8e12)}
UTILISATION = 0.4
"""Share of a card's peak that training reaches."""
_OVERHEAD = 1.5 * GB
_PROMPT, _TARGET = 250, 450
_TILE = (4096, 32_768)
"""Tokens and vocabulary entries of a tile, in which log-probabilities are computed."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Parameters of a model by part, and the shape of its decoder."""

    tower: int
    decoder: int
    embeddings: int
    other: int
    adapters: int
    layers: int
    width: int
    inner: int
    vocabulary: int
    kv_width: int

    @property
    def total(self) -> int:
        """All parameters except adapters."""
        return self.tower + self.decoder + self.embeddings + self.other


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimate of a stage.

    Attributes:
        memory: Bytes by part, on the fullest device.
        operations: Floating-point operations of an optimiser step.
        rows, clips: Rows and clips of a forward pass.
        tokens: Most tokens of a row.
    """

    memory: dict[str, float]
    operations: float
    rows: int
    clips: int
    tokens: int
    parts: Parts

    @property
    def total(self) -> float:
        """Memory of all parts in bytes."""
        return sum(self.memory.values())


def count(settings: config.Model) -> Parts:
    """Counts a model's parameters without loading it.

    Raises:
        ConfigError: The model's configuration is neither known nor downloaded.
    """
    kind = family(settings.family)
    described = _described(settings, kind)
    with torch.device("meta"):
        model = kind.model_type()(described)
    text = described.get_text_config()
    decoder = kind.language_model(model)
    tower = _size(kind.tower(model))
    tables = {
        id(p): p.numel() for p in (model.get_input_embeddings().weight, model.get_output_embeddings().weight)
    }
    embeddings = sum(tables.values())
    layers = _size(decoder) - model.get_input_embeddings().weight.numel()
    adapters = 0
    if settings.lora is not None:
        named = [(name.rpartition(".")[2], module) for name, module in decoder.named_modules()]
        chosen = [module for name, module in named if name in settings.lora.targets]
        adapters = sum(settings.lora.r * (m.in_features + m.out_features) for m in chosen) + text.hidden_size
    head_width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return Parts(
        tower=tower,
        decoder=layers,
        embeddings=embeddings,
        other=_size(model) - tower - layers - embeddings,
        adapters=adapters,
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        inner=text.intermediate_size,
        vocabulary=text.vocab_size,
        kv_width=text.num_key_value_heads * head_width,
    )


def estimate(settings: config.Config, stage: str) -> Estimate:
    """Estimates the memory of the fullest device and the operations of a step, without sharding.

    Args:
        stage: ``stage1`` or ``stage2``.
    """
    model, parts = settings.model, count(settings.model)
    audio = round(25 * min(settings.data.max_seconds, family(model.family).window_seconds))
    grpo = stage == "stage2"
    answer = settings.stage2.max_completion if grpo else _TARGET
    tokens = audio + _PROMPT + answer
    optimiser = settings.stage2 if grpo else settings.stage1
    rows, clips, positions = _forward(settings, grpo, audio, answer)
    size = _BYTES[model.dtype]
    learned = parts.adapters or parts.total - (parts.tower if model.freeze_tower else 0)
    # Adapters are always float32. Adam keeps two values for each learned parameter, of its type.
    learned_size = 4 if parts.adapters else size
    memory = {
        "weights": parts.total * size + parts.adapters * 4,
        "gradients": learned * learned_size,
        "optimiser": 2 * learned * learned_size,
        "activations": _activations(parts, positions, size, model.gradient_checkpointing),
        "overhead": _OVERHEAD,
    }
    passes = 2 + (0 if parts.adapters else 1) + (1 if model.gradient_checkpointing else 0)
    forward = 2 * (parts.decoder + parts.vocabulary * parts.width) * positions
    forward += 2 * parts.layers * parts.width * tokens * tokens * rows
    tower = 2 * parts.tower * 2 * audio * clips
    operations = optimiser.accumulate * (passes * forward + tower)
    if grpo:
        memory["key-value cache"] = 2 * parts.layers * parts.kv_width * tokens * rows * size
    if grpo and settings.stage2.beta > 0:
        operations += optimiser.accumulate * forward
    return Estimate(memory, operations, rows, clips, tokens, parts)


def _forward(settings: config.Config, grpo: bool, audio: int, answer: int) -> tuple[int, int, int]:
    """Rows, clips and positions of one forward pass on one device."""
    if grpo:
        rows = settings.stage2.batch
        clips = max(1, rows // settings.stage2.generations) if settings.stage2.share_prompts else rows
        return rows, clips, clips * (audio + _PROMPT) + rows * answer
    rows = settings.stage1.batch
    return rows, rows, rows * (audio + _PROMPT + answer)


def step_seconds(settings: config.Config, stage: str, needs: Estimate) -> dict[str, float]:
    """Estimated seconds of an optimiser step, by the name of the device."""
    found = {}
    for name, (peak, bandwidth) in _speeds(settings.model).items():
        found[name] = needs.operations / (UTILISATION * peak)
        if stage == "stage2":
            reads = settings.stage2.max_completion * needs.parts.total * _BYTES[settings.model.dtype]
            found[name] += reads / bandwidth * settings.stage2.accumulate
    return found


def report(settings: config.Config, stage: str) -> str:
    """The estimate as text."""
    needs = estimate(settings, stage)
    parts = needs.parts
    optimiser = settings.stage2 if stage == "stage2" else settings.stage1
    shared = "" if needs.clips == needs.rows else f" on {needs.clips} clips"
    lines = [
        f"{stage} of {settings.model.family} ({settings.model.path}), {settings.model.dtype}",
        f"parameters: {parts.total / 1e9:.3f} B, of these tower {parts.tower / 1e9:.3f} B, decoder "
        f"{parts.decoder / 1e9:.3f} B; adapters {parts.adapters / 1e6:.1f} M",
        f"a step: {needs.rows} x {optimiser.accumulate} rows{shared}, of up to {needs.tokens} tokens",
        "memory a device: "
        + ", ".join(f"{name} {size / GB:.1f}" for name, size in needs.memory.items())
        + f"; in all {needs.total / GB:.1f} GB",
    ]
    for name, seconds in step_seconds(settings, stage, needs).items():
        lines.append(f"time a step on {name}: about {seconds:.2g} s")
    lines.append("an estimate: leave a margin, above all with gradient checkpointing")
    return "\n".join(lines)


def _activations(parts: Parts, positions: int, size: int, checkpointing: bool) -> float:
    """Bytes of activations for the backward pass, of the decoder and the head's log-probabilities."""
    # Tensors that a decoder layer keeps for its backward pass, counted in Qwen2's code: six for two norms,
    # in 16 bits another two in 32; queries before, within and after their rotation, keys and values
    # likewise; the attention's output twice; four inner products of the gated MLP.
    in_float = 16 if size < 4 else 0
    layer = positions * (
        (11 * size + in_float) * parts.width + 4 * size * parts.kv_width + 4 * size * parts.inner
    )
    kept = parts.layers * (positions * parts.width * size if checkpointing else layer)
    head = min(positions, _TILE[0]) * min(parts.vocabulary, _TILE[1]) * 4.0
    # The backward pass through one layer needs about as much again as the layer keeps.
    return kept + layer + 2 * positions * parts.width * size + 2 * head


def _speeds(model: config.Model) -> dict[str, tuple[float, float]]:
    """Operations and bytes per second of this machine, or of common GPUs for a model in 16 bits."""
    if model.device != "cpu" and torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return {name: next((speed for card, speed in CARDS.items() if card in name), CARDS["A100"])}
    if model.dtype == "float32":
        return {"this machine's CPU": (_measured() / UTILISATION, 1e10)}
    return dict(CARDS)


def _measured(width: int = 512) -> float:
    """Operations per second of this CPU in a matrix product."""
    matrix = torch.randn(width, width)
    seconds = min(timeit.repeat(lambda: matrix @ matrix, number=1, repeat=5))
    return 2 * width**3 / seconds


def _described(settings: config.Model, kind: Family) -> Any:
    from transformers import AutoConfig

    published = kind.published(settings.path)
    if published is not None:
        return published
    if settings.path is None:
        raise ConfigError("model.path is not set", fix="--set model.path=FOLDER_OR_HUB_NAME")
    try:
        described = AutoConfig.from_pretrained(settings.path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{settings.path}: no configuration of the model ({str(error).splitlines()[0]})",
            fix=f"hf download {settings.path} config.json",
        ) from error
    return getattr(described, "thinker_config", described)


def _size(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
