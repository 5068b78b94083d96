"""Conversion of Whisper models from CTranslate2 (faster-whisper) to openai-whisper.

The names of the weights differ, and CTranslate2 stores the projections of an attention as one matrix. Its
``model.bin`` is, in little-endian order::

    uint32 version, string specification, uint32 revision,
    uint32 count, count times (string name, uint8 rank, rank times uint32 size, uint8 type,
                               uint32 bytes, the data),
    uint32 count, count times (string alias, string name)

with a string as ``uint16 length`` (including its final zero byte) and the characters.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from paqa_builder.errors import ConfigError
from paqa_builder.files import atomic_file

_TYPES = {0: np.float32, 4: np.float16}
"""CTranslate2's numbers of the supported types; 1 to 3 are quantised, 5 is bfloat16."""
_HEAD = 64
"""Width of one attention head in every Whisper model."""


def whisper_checkpoint(folder: Path, out: Path) -> dict[str, int]:
    """Writes a checkpoint for ``whisper.load_model(str(out))``, and returns the model's dimensions.

    The weights are float16. If ``config.json`` has them, ``alignment_heads`` are the cross-attention heads
    for word times, ``[[layer, head], …]``, which :func:`whisper.load_model` ignores.

    Raises:
        ConfigError: The folder holds no Whisper model for CTranslate2, or one that is quantised.
    """
    import torch

    file = folder / "model.bin"
    if not file.is_file():
        raise ConfigError(f"{folder}: no model.bin", fix="name the folder of a CTranslate2 model")
    weights = rename(read(file))
    state = {name: torch.from_numpy(array.astype(np.float16)) for name, array in sorted(weights.items())}
    sizes = dimensions(weights)
    described = folder / "config.json"
    config = json.loads(described.read_text(encoding="utf-8")) if described.is_file() else {}
    payload = {"dims": sizes, "model_state_dict": state, "alignment_heads": config.get("alignment_heads")}
    with atomic_file(out, setting="PAQA_CACHE") as data:
        torch.save(payload, data)
    return sizes


def read(file: Path) -> dict[str, np.ndarray]:
    """All variables of a ``model.bin`` by name, including aliases.

    Raises:
        ConfigError: The file is not a Whisper model, is truncated, or has quantised weights.
    """
    with file.open("rb") as data:
        try:
            version, specification, _ = _number(data, "I"), _string(data), _number(data, "I")
            if version < 5 or specification != "WhisperSpec":
                raise ConfigError(f"{file}: {specification!r} of version {version}, not a Whisper model")
            variables = dict(_variables(data, file))
            for _ in range(_number(data, "I")):
                alias, name = _string(data), _string(data)
                variables[alias] = variables[name]
        except (struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
            raise ConfigError(f"{file}: not a CTranslate2 model, or truncated ({error})") from error
    return variables


def _variables(data: BinaryIO, file: Path) -> Iterator[tuple[str, np.ndarray]]:
    for _ in range(_number(data, "I")):
        name = _string(data)
        shape = [_number(data, "I") for _ in range(_number(data, "B"))]
        kind, size = _number(data, "B"), _number(data, "I")
        content = data.read(size)
        if len(content) < size:
            raise ValueError(f"{name} ends after {len(content)} of {size} bytes")
        if name.endswith("_scale") or (kind in (1, 2, 3) and len(shape) > 1):
            raise ConfigError(
                f"{file}: the weights are quantised", fix="convert from a float16 or float32 model"
            )
        if kind in _TYPES:
            yield name, np.frombuffer(content, _TYPES[kind]).reshape(shape)


def _number(data: BinaryIO, code: str) -> int:
    return struct.unpack(f"<{code}", data.read(struct.calcsize(code)))[0]


def _string(data: BinaryIO) -> str:
    return data.read(_number(data, "H")).rstrip(b"\0").decode("ascii")


_RULES = [
    (r"encoder/(conv[12])/(weight|bias)", r"encoder.\1.\2"),
    (r"(encoder|decoder)/position_encodings/encodings", r"\1.positional_embedding"),
    (r"decoder/embeddings/weight", "decoder.token_embedding.weight"),
    (r"encoder/layer_norm/(\w+)", r"encoder.ln_post.\1"),
    (r"decoder/layer_norm/(\w+)", r"decoder.ln.\1"),
    (r"(\w+)/layer_(\d+)/self_attention/layer_norm/(\w+)", r"\1.blocks.\2.attn_ln.\3"),
    (r"(\w+)/layer_(\d+)/attention/layer_norm/(\w+)", r"\1.blocks.\2.cross_attn_ln.\3"),
    (r"(\w+)/layer_(\d+)/ffn/layer_norm/(\w+)", r"\1.blocks.\2.mlp_ln.\3"),
    (r"(\w+)/layer_(\d+)/ffn/linear_0/(\w+)", r"\1.blocks.\2.mlp.0.\3"),
    (r"(\w+)/layer_(\d+)/ffn/linear_1/(\w+)", r"\1.blocks.\2.mlp.2.\3"),
]
_ATTENTION = re.compile(r"(\w+)/layer_(\d+)/(self_)?attention/linear_(\d)/(weight|bias)")
_PARTS = {
    (True, 0): ("query", "key", "value"),
    (True, 1): ("out",),
    (False, 0): ("query",),
    (False, 1): ("key", "value"),
    (False, 2): ("out",),
}
"""(is self-attention, linear layer) -> its projections, in order."""


def rename(variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights under openai-whisper's names; variables that Whisper does not have are left out."""
    weights: dict[str, np.ndarray] = {}
    for name, array in variables.items():
        if match := _ATTENTION.fullmatch(name):
            side, layer, own, linear, kind = match.groups()
            parts = _PARTS[own is not None, int(linear)]
            attention = "attn" if own else "cross_attn"
            for part, piece in zip(parts, np.split(array, len(parts)), strict=True):
                if (part, kind) != ("key", "bias"):  # zeros, which Whisper does not have
                    weights[f"{side}.blocks.{layer}.{attention}.{part}.{kind}"] = piece
            continue
        for pattern, target in _RULES:
            if re.fullmatch(pattern, name):
                renamed = re.sub(pattern, target, name)
                weights[renamed.replace(".gamma", ".weight").replace(".beta", ".bias")] = array
                break
    return weights


def dimensions(weights: dict[str, np.ndarray]) -> dict[str, int]:
    """The fields of ``whisper.model.ModelDimensions``, from the shapes of renamed weights.

    Raises:
        ConfigError: A weight of Whisper is missing.
    """
    try:
        mels = weights["encoder.conv1.weight"].shape[1]
        audio, width = weights["encoder.positional_embedding"].shape
        text = weights["decoder.positional_embedding"].shape[0]
        vocabulary = weights["decoder.token_embedding.weight"].shape[0]
    except KeyError as error:
        raise ConfigError(f"not a Whisper model: no weight {error}") from error

    def layers(side: str) -> int:
        return sum(re.fullmatch(rf"{side}\.blocks\.\d+\.mlp_ln\.bias", name) is not None for name in weights)

    sizes: dict[str, Any] = {
        "n_mels": mels, "n_audio_ctx": audio, "n_audio_state": width, "n_audio_head": width // _HEAD,
        "n_audio_layer": layers("encoder"), "n_vocab": vocabulary, "n_text_ctx": text,
        "n_text_state": width, "n_text_head": width // _HEAD, "n_text_layer": layers("decoder"),
    }  # fmt: skip
    return {name: int(size) for name, size in sizes.items()}
