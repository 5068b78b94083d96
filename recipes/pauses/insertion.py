"""Insertion of pauses into the targets of stage I, before unlikely tokens.

A model that was trained without pauses breaks the format after its first pause in stage II. The inserted
pauses are inputs only, without loss (labels -100). The likelihood of tokens comes from the loss of earlier
steps (:class:`Likelihood`), at no extra cost.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recipes.data.collate import IGNORE, ROWS, pad
from recipes.sections import Insertion


class Likelihood:
    """Log-likelihood of each target token from the last training step on its row.

    For rows that were not trained on yet, it is the running mean of the token over all rows.

    Args:
        rows: Most rows to keep; the least recent ones are dropped.
        memory: Decay of the running means, per batch.
    """

    def __init__(self, rows: int = 200_000, memory: float = 0.99) -> None:
        self.rows, self.memory = rows, memory
        self._seen: dict[str, np.ndarray] = {}
        self._sum = np.zeros(0)
        self._count = np.zeros(0)

    def note(self, row_ids: Sequence[str], labels: Tensor, log_probs: Tensor) -> None:
        """Records a batch.

        Args:
            labels: ``[batch, length]``, -100 at positions without loss.
            log_probs: Log-probabilities of the labels but the first, ``[batch, length - 1]``.
        """
        tokens, logs = labels[:, 1:].cpu().numpy(), log_probs.detach().float().cpu().numpy()
        wanted = tokens != IGNORE
        if not wanted.any():
            return
        size = int(tokens.max()) + 1
        if size > len(self._sum):
            grown = (0, size - len(self._sum))
            self._sum, self._count = np.pad(self._sum, grown), np.pad(self._count, grown)
        self._sum *= self.memory
        self._count *= self.memory
        np.add.at(self._sum, tokens[wanted], logs[wanted])
        np.add.at(self._count, tokens[wanted], 1.0)
        for row_id, mask, line in zip(row_ids, wanted, logs, strict=True):
            self._seen.pop(row_id, None)
            self._seen[row_id] = line[mask].astype(np.float16)
        while len(self._seen) > self.rows:
            del self._seen[next(iter(self._seen))]

    def of(self, row_id: str, tokens: np.ndarray) -> np.ndarray | None:
        """Log-likelihoods of a row's target tokens; None before the first batch."""
        seen = self._seen.get(row_id)
        if seen is not None and len(seen) == len(tokens):
            return seen.astype(np.float64)
        if not self._count.any():
            return None
        known = tokens < len(self._sum)
        inside = np.where(known, tokens, 0)
        count = np.where(known, self._count[inside], 0.0)
        overall = self._sum.sum() / self._count.sum()
        return np.where(count > 1e-3, self._sum[inside] / np.maximum(count, 1e-3), overall)

    def save(self, path: Path) -> None:
        """Saves the state to a file."""
        lengths = [len(value) for value in self._seen.values()]
        values = np.concatenate([np.zeros(0, np.float16), *self._seen.values()])
        names = np.array(list(self._seen), dtype=np.str_)
        with path.open("wb") as file:
            np.savez(file, names=names, lengths=lengths, values=values, sum=self._sum, count=self._count)

    def load(self, path: Path) -> None:
        """Loads the state from a file of :meth:`save`."""
        with np.load(path) as data:
            ends = np.cumsum(data["lengths"].astype(int))
            values, self._sum, self._count = data["values"], data["sum"], data["count"]
            starts = [0, *ends[:-1]] if len(ends) else []
            spans = zip(data["names"].tolist(), starts, ends, strict=True)
            self._seen = {name: values[a:b] for name, a, b in spans}


class Inserter:
    """Inserts pauses into batches. The same seed, step and row give the same positions.

    Args:
        settings: Number and positions of the pauses.
        n: Tokens of a pause.
        token_id: The pause token.
        pad_id: The padding token.
    """

    def __init__(self, settings: Insertion, n: int, token_id: int, pad_id: int, seed: int = 0) -> None:
        self.settings, self.n, self.token_id, self.pad_id, self.seed = settings, n, token_id, pad_id, seed
        self.likelihood = Likelihood()

    def insert(self, batch: dict[str, Any], step: int) -> dict[str, Any]:
        """Inserts pauses, without loss, into a batch of :class:`recipes.data.collate.Collator`."""
        ids, labels = [], []
        for row_id, line, wanted, mask in zip(
            batch[ROWS], batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True
        ):
            line, wanted = line[mask.bool()], wanted[mask.bool()]
            target = (wanted != IGNORE).nonzero()[:, 0]
            places = [int(target[place]) for place in self._places(row_id, step, line[target])]
            ids.append(_with(line, places, self.n, self.token_id))
            labels.append(_with(wanted, places, self.n, IGNORE))
        return {**batch, **pad(ids, labels, self.pad_id)}

    def _places(self, row_id: str, step: int, target: Tensor) -> list[int]:
        """Positions in the target to pause before, in order."""
        s = self.settings
        key = f"{self.seed}/{step}/{row_id}".encode()
        chance = random.Random(int.from_bytes(hashlib.sha256(key).digest()[:8]))
        number = min(chance.randint(*s.bursts), len(target))
        anywhere = list(range(len(target)))
        logs = self.likelihood.of(row_id, target.cpu().numpy()) if s.positions == "likelihood" else None
        if logs is None:
            return sorted(chance.sample(anywhere, number))
        most = max(number, round(s.quantile * len(target)))
        unlikely = np.argsort(logs, kind="stable")[:most].tolist()
        chosen: set[int] = set()
        while len(chosen) < number:
            chosen.add(chance.choice(anywhere if chance.random() < s.random_share else unlikely))
        return sorted(chosen)


def _with(line: Tensor, places: Sequence[int], n: int, value: int) -> Tensor:
    """Inserts ``n`` copies of a value before each place of a row."""
    burst = torch.full((n,), value, dtype=line.dtype, device=line.device)
    parts, done = [], 0
    for place in places:
        parts += [line[done:place], burst]
        done = place
    return torch.cat([*parts, line[done:]])
