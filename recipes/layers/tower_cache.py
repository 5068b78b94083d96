"""Cache for the outputs of a frozen audio tower, in memory and in a folder.

The output of a frozen tower depends on the mel features alone. It is most of the cost of a small model, and
every epoch, every row of a GRPO group and every evaluation needs the same clips.
"""

from __future__ import annotations

import copy
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes import run

if TYPE_CHECKING:
    import torch

_PARTS = "tower-*.safetensors"


class TowerCache:
    """Replaces ``forward`` of one tower instance by a look-up.

    Outputs are computed on a copy of the tower, in bfloat16 if the CPU supports it (three times faster), and
    stored in float16. So they do not depend on the type of the calling model.

    Args:
        tower: The audio tower, with all parameters frozen.
        folder: Folder for outputs, shared with other processes; None for memory only. All outputs in it must
            come from the same weights, so name it by :func:`fingerprint`.

    Attributes:
        hits, misses: Number of clips found and not found in the cache.
    """

    def __init__(self, tower: Any, folder: Path | None = None) -> None:
        import torch

        if any(parameter.requires_grad for parameter in tower.parameters()):
            raise ValueError("the audio tower is not frozen, so its outputs cannot be cached")
        self.hits = self.misses = 0
        self._folder = folder
        self._known: dict[str, torch.Tensor] = {}
        self._new: dict[str, torch.Tensor] = {}
        self._dtype = torch.bfloat16 if run.cpu_has_bfloat16() else torch.float32
        self._own = copy.deepcopy(tower).to(self._dtype).eval()
        self._tower = tower
        if folder is not None:
            self._load(folder)
        tower.forward = self._forward

    def __len__(self) -> int:
        return len(self._known)

    def save(self) -> None:
        """Writes new outputs to the folder, if there is one."""
        from safetensors.torch import save_file

        if self._folder is None or not self._new:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256("".join(sorted(self._new)).encode()).hexdigest()[:16]
        aside = self._folder / f".{name}.{os.getpid()}.part"
        save_file(self._new, aside)
        aside.replace(self._folder / _PARTS.replace("*", name))
        self._new = {}

    def remove(self) -> None:
        """Restores the tower's own ``forward``."""
        del self._tower.forward

    def _load(self, folder: Path) -> None:
        from safetensors import safe_open

        for part in sorted(folder.glob(_PARTS)):
            with safe_open(part, "pt") as file:
                self._known.update({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118

    def _forward(self, input_features: Any, attention_mask: Any = None, **options: Any) -> Any:
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        masks = [None] * len(input_features) if attention_mask is None else attention_mask
        keys = [_key(row, mask) for row, mask in zip(input_features, masks, strict=True)]
        missing = {key: place for place, key in enumerate(keys) if key not in self._known}
        if missing:
            places = list(missing.values())
            mask = None if attention_mask is None else attention_mask[places].cpu()
            with torch.no_grad(), torch.autocast("cpu", enabled=False):
                features = input_features[places].to("cpu", self._dtype)
                mask = mask.to(self._dtype) if mask is not None and mask.is_floating_point() else mask
                computed = self._own(features, attention_mask=mask, **options).last_hidden_state
            for key, output in zip(missing, computed, strict=True):
                self._known[key] = self._new[key] = output.to(torch.float16).contiguous()
        self.misses += len(missing)
        self.hits += len(keys) - len(missing)
        dtype = next(self._tower.parameters()).dtype
        with torch.autocast("cpu", enabled=False):  # autocast on CPUs does not support float16
            outputs = torch.stack([self._known[key] for key in keys])
        return BaseModelOutput(last_hidden_state=outputs.to(input_features.device, dtype))


def fingerprint(tower: Any) -> str:
    """A hash of a tower's weights."""
    import torch

    digest = hashlib.sha256()
    for name, value in sorted(tower.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().to("cpu", torch.float32).numpy().tobytes())
    return digest.hexdigest()[:12]


def _key(features: Any, mask: Any) -> str:
    """A hash of one clip's features, and of the mask if it hides any of them."""
    import torch

    plain = features.detach().to("cpu", torch.float32).contiguous()
    digest = hashlib.blake2b(plain.numpy().tobytes(), digest_size=12)
    if mask is not None:
        mask = mask.detach().cpu()
        hidden = ~mask if mask.dtype == torch.bool else mask < 0
        if hidden.any():
            digest.update(hidden.reshape(-1, hidden.shape[-1])[0].numpy().tobytes())
    return digest.hexdigest()
