"""What a stage would take, without loading a model: arithmetic on its configuration.

Parameters are counted on PyTorch's meta device, where a model has shapes but no memory. The rest is
arithmetic on what training is known to hold and to compute. A model of 36 M parameters on a CPU took
1.1 times the memory estimated beyond its weights, 1.6 to 2.1 times with gradient checkpointing; on a
GPU nobody has compared yet.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch

from paqa_builder.errors import ConfigError
from recipes import config
from recipes.families import Family, family

GB = 1e9
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Dense 16-bit operations a second and bytes a second of memory, from the makers' data sheets.
CARDS = {"A100": (312e12, 2.0e12), "H100": (989e12, 3.35e12), "H200": (989e12, 4.8e12)}
UTILISATION = 0.4
"""Share of a card's peak that training reaches."""
_OVERHEAD = 1.5 * GB
_PROMPT, _TARGET = 250, 450
# The log-probabilities are made in tiles of so many tokens and words.
_TILE = (4096, 32_768)


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
        """Without adapters."""
        return self.tower + self.decoder + self.embeddings + self.other


@dataclass(frozen=True, slots=True)
class Estimate:
    """Memory in bytes by part, operations an optimiser step; rows and clips a forward, tokens a row."""

    memory: dict[str, float]
    operations: float
    rows: int
    clips: int
    tokens: int
    parts: Parts

    @property
    def total(self) -> float:
        """Bytes in all."""
        return sum(self.memory.values())


def count(settings: config.Model) -> Parts:
    """Counts parameters; nothing is loaded.

    Raises:
        ConfigError: The model's configuration is not at hand.
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
    inside = _size(decoder) - model.get_input_embeddings().weight.numel()
    adapters = 0
    if settings.lora is not None:
        named = [(name.rpartition(".")[2], module) for name, module in decoder.named_modules()]
        chosen = [module for name, module in named if name in settings.lora.targets]
        adapters = sum(settings.lora.r * (m.in_features + m.out_features) for m in chosen) + text.hidden_size
    of_head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return Parts(
        tower=tower,
        decoder=inside,
        embeddings=embeddings,
        other=_size(model) - tower - inside - embeddings,
        adapters=adapters,
        layers=text.num_hidden_layers,
        width=text.hidden_size,
        inner=text.intermediate_size,
        vocabulary=text.vocab_size,
        kv_width=text.num_key_value_heads * of_head,
    )


def estimate(settings: config.Config, stage: str) -> Estimate:
    """Memory of the fullest device, and operations of a step, without sharding.

    Args:
        stage: ``stage1`` or ``stage2``.
    """
    model, parts = settings.model, count(settings.model)
    audio = round(25 * min(settings.data.max_seconds, family(model.family).window_seconds))
    grpo = stage == "stage2"
    answer = settings.stage2.max_completion if grpo else _TARGET
    tokens = audio + _PROMPT + answer
    optimiser = settings.stage2 if grpo else settings.stage1
    rows, clips, positions = _read(settings, grpo, audio, answer)
    size = _BYTES[model.dtype]
    learned = parts.adapters or parts.total - (parts.tower if model.freeze_tower else 0)
    # Adapters are kept in 32 bits whatever the model is in; Adam keeps two values of that kind for each.
    each = 4 if parts.adapters else size
    memory = {
        "weights": parts.total * size + parts.adapters * 4,
        "gradients": learned * each,
        "optimiser": 2 * learned * each,
        "activations": _activations(parts, positions, size, model.gradient_checkpointing),
        "overhead": _OVERHEAD,
    }
    passes = 2 + (0 if parts.adapters else 1) + (1 if model.gradient_checkpointing else 0)
    forward = 2 * (parts.decoder + parts.vocabulary * parts.width) * positions
    forward += 2 * parts.layers * parts.width * tokens * tokens * rows
    listen = 2 * parts.tower * 2 * audio * clips
    operations = optimiser.accumulate * (passes * forward + listen)
    if grpo:
        memory["key-value cache"] = 2 * parts.layers * parts.kv_width * tokens * rows * size
    if grpo and settings.stage2.beta > 0:
        operations += optimiser.accumulate * forward
    return Estimate(memory, operations, rows, clips, tokens, parts)


def _read(settings: config.Config, grpo: bool, audio: int, answer: int) -> tuple[int, int, int]:
    """Of a device and forward: rows, clips that are heard for them, and positions that are read."""
    if grpo:
        rows = settings.stage2.batch
        clips = max(1, rows // settings.stage2.generations) if settings.stage2.share_prompts else rows
        return rows, clips, clips * (audio + _PROMPT) + rows * answer
    rows = settings.stage1.batch
    return rows, rows, rows * (audio + _PROMPT + answer)


def report(settings: config.Config, stage: str) -> str:
    """The estimate in words."""
    found = estimate(settings, stage)
    parts = found.parts
    optimiser = settings.stage2 if stage == "stage2" else settings.stage1
    on = "" if found.clips == found.rows else f" on {found.clips} clips"
    lines = [
        f"{stage} of {settings.model.family} ({settings.model.path}), {settings.model.dtype}",
        f"parameters: {parts.total / 1e9:.3f} B, of these tower {parts.tower / 1e9:.3f} B, decoder "
        f"{parts.decoder / 1e9:.3f} B; adapters {parts.adapters / 1e6:.1f} M",
        f"a step: {found.rows} x {optimiser.accumulate} rows{on}, of up to {found.tokens} tokens",
        "memory a device: "
        + ", ".join(f"{name} {size / GB:.1f}" for name, size in found.memory.items())
        + f"; in all {found.total / GB:.1f} GB",
    ]
    for name, (peak, bandwidth) in _speeds(settings.model).items():
        seconds = found.operations / (UTILISATION * peak)
        if stage == "stage2":
            reads = settings.stage2.max_completion * parts.total * _BYTES[settings.model.dtype]
            seconds += reads / bandwidth * optimiser.accumulate
        lines.append(f"time a step on {name}: about {seconds:.2g} s")
    lines.append("by arithmetic: leave a margin, most of all with gradient checkpointing")
    return "\n".join(lines)


def _activations(parts: Parts, positions: int, size: int, checkpointing: bool) -> float:
    """Bytes that the backward pass needs of the decoder, and of the head's log-probabilities."""
    # What a decoder layer keeps for its backward pass, counted in Qwen2's code: six tensors for two norms,
    # in 16 bits another two in 32; queries before, within and after their rotation, keys and values
    # likewise; the attention's output twice; four inner products of the gated MLP.
    in_float = 16 if size < 4 else 0
    layer = positions * (
        (11 * size + in_float) * parts.width + 4 * size * parts.kv_width + 4 * size * parts.inner
    )
    kept = parts.layers * (positions * parts.width * size if checkpointing else layer)
    head = min(positions, _TILE[0]) * min(parts.vocabulary, _TILE[1]) * 4.0
    # On top comes what the pass makes while it is in a layer, about as much as a layer keeps.
    return kept + layer + 2 * positions * parts.width * size + 2 * head


def _speeds(model: config.Model) -> dict[str, tuple[float, float]]:
    """Operations and bytes a second of this machine, or of the usual cards for a model in 16 bits."""
    if model.device != "cpu" and torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        return {name: next((speed for card, speed in CARDS.items() if card in name), CARDS["A100"])}
    if model.dtype == "float32":
        return {"this machine's CPU": (_measured() / UTILISATION, 1e10)}
    return dict(CARDS)


def _measured(width: int = 512) -> float:
    """Operations a second of this CPU in a product of matrices."""
    one = torch.randn(width, width)
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        one @ one
        best = min(best, time.perf_counter() - began)
    return 2 * width**3 / best


def _described(settings: config.Model, kind: Family) -> Any:
    from transformers import AutoConfig

    published = kind.published(settings.path)
    if published is not None:
        return published
    if settings.path is None:
        raise ConfigError("model.path is not set", fix="--set model.path=FOLDER_OR_HUB_NAME")
    try:
        found = AutoConfig.from_pretrained(settings.path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{settings.path}: its configuration is not at hand ({str(error).splitlines()[0]})",
            fix=f"hf download {settings.path} config.json",
        ) from error
    return getattr(found, "thinker_config", found)


def _size(module: Any) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
