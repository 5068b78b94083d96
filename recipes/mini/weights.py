"""Conversion of a Whisper encoder's weights to the audio tower of Qwen2-Audio.

Qwen2-Audio's tower is a Whisper encoder that averages pairs of output frames (Chu et al. 2024), so only the
names differ. A window shorter than Whisper's 30 s uses the first positions of the sinusoidal table.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder.errors import ConfigError

if TYPE_CHECKING:
    import torch

POSITIONS_PER_SECOND = 50
_HEAD = 64
"""Width of one attention head in every Whisper model."""
_LAYER = re.compile(r"encoder\.blocks\.(\d+)\.")
_NAMES = [
    (r"encoder\.(conv[12])\.(weight|bias)", r"\1.\2"),
    (r"encoder\.positional_embedding", "embed_positions.weight"),
    (r"encoder\.ln_post\.(weight|bias)", r"layer_norm.\1"),
    (r"encoder\.blocks\.(\d+)\.attn\.query\.(weight|bias)", r"layers.\1.self_attn.q_proj.\2"),
    (r"encoder\.blocks\.(\d+)\.attn\.key\.weight", r"layers.\1.self_attn.k_proj.weight"),
    (r"encoder\.blocks\.(\d+)\.attn\.value\.(weight|bias)", r"layers.\1.self_attn.v_proj.\2"),
    (r"encoder\.blocks\.(\d+)\.attn\.out\.(weight|bias)", r"layers.\1.self_attn.out_proj.\2"),
    (r"encoder\.blocks\.(\d+)\.attn_ln\.(weight|bias)", r"layers.\1.self_attn_layer_norm.\2"),
    (r"encoder\.blocks\.(\d+)\.mlp\.0\.(weight|bias)", r"layers.\1.fc1.\2"),
    (r"encoder\.blocks\.(\d+)\.mlp\.2\.(weight|bias)", r"layers.\1.fc2.\2"),
    (r"encoder\.blocks\.(\d+)\.mlp_ln\.(weight|bias)", r"layers.\1.final_layer_norm.\2"),
]


def embedded_whisper() -> dict[str, Any]:
    """Encoder weights of the Whisper base model that ``paqa_builder`` uses, under openai-whisper's names.

    Raises:
        NotReadyError: The model is not installed; names the command that installs it.
    """
    from paqa_builder.weights import ctranslate2, store

    file = Path(store.folder("faster-whisper-base")) / "model.bin"
    arrays = ctranslate2.rename(ctranslate2.read(file))
    return {name: array for name, array in arrays.items() if name.startswith("encoder.")}


def tower(
    whisper: dict[str, Any], seconds: int, layers: int | None = None
) -> tuple[dict[str, torch.Tensor], dict[str, int]]:
    """Weights and configuration of an audio tower.

    Args:
        whisper: Arrays of an encoder under openai-whisper's names.
        seconds: Length of the tower's window, at most 30 s.
        layers: Number of layers to use, from the first; all by default.

    Returns:
        A state dict for ``Qwen2AudioEncoder`` (float32), and the fields of its configuration.

    Raises:
        ConfigError: The window is longer than Whisper's, or a weight is unknown.
    """
    import numpy as np
    import torch

    state: dict[str, torch.Tensor] = {}
    for name, array in whisper.items():
        place = _LAYER.match(name)
        if place is not None and layers is not None and int(place[1]) >= layers:
            continue
        for pattern, target in _NAMES:
            if re.fullmatch(pattern, name):
                state[re.sub(pattern, target, name)] = torch.from_numpy(np.array(array, dtype=np.float32))
                break
        else:
            raise ConfigError(f"{name}: not a weight of a Whisper encoder")
    longest, width = state["embed_positions.weight"].shape
    wanted = seconds * POSITIONS_PER_SECOND
    if not 0 < wanted <= longest:
        raise ConfigError(f"a window of {seconds} s is not within 1 to {longest // POSITIONS_PER_SECOND} s")
    state["embed_positions.weight"] = state["embed_positions.weight"][:wanted].clone()
    number = len({name.split(".")[1] for name in state if name.startswith("layers.")})
    return state, {
        "d_model": width,
        "encoder_layers": number,
        "encoder_attention_heads": width // _HEAD,
        "encoder_ffn_dim": state["layers.0.fc1.weight"].shape[0],
        "num_mel_bins": state["conv1.weight"].shape[1],
        "max_source_positions": wanted,
    }
