"""A key-value cache whose rows have lengths of their own.

transformers' caches append a column to every row at every step. Where only some rows take part in a
step, or some take several tokens at once, the others would be filled with padding. Here a token of a
row goes to that row's next free place, whatever the others do, and a row that is done is dropped.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin


class Plan:
    """Where the tokens of the coming forward go; shared by all layers."""

    def __init__(self, source: Tensor, left: Tensor, capacity: int) -> None:
        self.source, self.left, self.capacity = source, left, capacity
        self.prefill = True
        self.rows: Tensor | None = None  # physical rows that take part; None: all
        self.places: Tensor = torch.empty(0)
        self.width = 0


class RaggedLayer(CacheLayerMixin):
    """Keys and values of one layer, ``[rows, heads, capacity + 1, size]``; the last place is for waste."""

    is_sliding = False

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Makes room for all rows."""
        rows = len(self.plan.source)

        def empty(like: Tensor) -> Tensor:
            # Zeros: what a mask hides must not be NaN.
            return like.new_zeros(rows, like.shape[1], self.plan.capacity + 1, like.shape[3])

        self.keys, self.values = empty(key_states), empty(value_states)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Stores new keys and values; returns those that the queries of this forward may look at."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        plan = self.plan
        if plan.prefill:
            # The prompts come padded on the left, each once; rows that share a prompt get copies.
            length = key_states.shape[2]
            places = (torch.arange(length, device=key_states.device)[None] + plan.left[:, None]).clamp(
                max=length - 1
            )
            for store, new in ((self.keys, key_states), (self.values, value_states)):
                at = places[:, None, :, None].expand(-1, new.shape[1], -1, new.shape[3])
                store[:, :, :length] = new.gather(2, at)[plan.source]
            return key_states, value_states
        whole = plan.rows is None
        rows = torch.arange(len(self.keys), device=self.keys.device) if plan.rows is None else plan.rows
        for store, new in ((self.keys, key_states), (self.values, value_states)):
            store[rows[:, None], :, plan.places] = new.transpose(1, 2)
        if whole:
            return self.keys[:, :, : plan.width], self.values[:, :, : plan.width]
        return self.keys[rows, :, : plan.width], self.values[rows, :, : plan.width]

    def keep(self, rows: Tensor) -> None:
        """Drops all other rows."""
        assert self.keys is not None
        assert self.values is not None
        self.keys, self.values = self.keys[rows], self.values[rows]

    def cast(self, dtype: torch.dtype) -> None:
        """Goes on in another type."""
        assert self.keys is not None
        assert self.values is not None
        self.keys, self.values = self.keys.to(dtype), self.values.to(dtype)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Of the prefill; later masks come ready made."""
        return query_length, 0

    def get_seq_length(self) -> int:
        """0 in the prefill, else the longest row."""
        return 0 if self.plan.prefill else self.plan.width

    def get_max_length(self) -> int:
        """Places a row."""
        return self.plan.capacity


class RaggedCache:
    """The cache of one generation.

    Args:
        source: The prompt of each row, ``[rows]``.
        left: Padding on the left of each prompt, ``[prompts]``.
        length: Padded length of the prompts.
        budget: Tokens that a row may get after its prompt.
    """

    # Below this share of rows taking part, picking them costs less than computing for the others.
    _ALL = 0.75
    _DROP = 0.5

    def __init__(self, source: Tensor, left: Tensor, length: int, budget: int, layers: int) -> None:
        self.plan = Plan(source, left, length + budget)
        self.layers = [RaggedLayer(self.plan) for _ in range(layers)]
        self.cache = Cache(layers=list(self.layers))
        self.filled = (length - left)[source]  # tokens in each row
        self._here = torch.arange(len(source), device=source.device)  # row numbers of the physical rows
        self._place = self._here.clone()  # and the way back

    def feed(
        self, rows: Tensor, tokens: Tensor, counts: Tensor, pad: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Prepares a forward of some rows.

        Where all take the same number of tokens, these are a batch ``[rows, tokens]``. Else each token is
        a row of its own in a batch of single tokens: those of one row share its keys and values, and the
        mask lets each look at what comes before it.

        Args:
            rows: Row numbers, ``[m]``.
            tokens: Their next tokens, ``[m, k]``; of a row that takes fewer, the first ones count.
            counts: How many each takes, ``[m]``.
            pad: Any token, for rows that only keep the others company.

        Returns:
            Arguments of the forward, and where in its batch each row's last token is, ``[m]``.
        """
        plan, k = self.plan, tokens.shape[1]
        plan.prefill = False
        begin = self.filled[rows]
        plan.width = int((begin + counts).max())
        at = self._place[rows]
        steps = torch.arange(k, device=rows.device)
        self.filled[rows] += counts
        if bool((counts != k).any()):
            taken = steps < counts[:, None]
            plan.rows = at.repeat_interleave(counts)
            positions = (begin[:, None] + steps)[taken][:, None]
            plan.places = positions
            return {"input_ids": tokens[taken][:, None], "position_ids": positions}, counts.cumsum(0) - 1
        if len(rows) < self._ALL * len(self._here):
            plan.rows = at
            plan.places = begin[:, None] + steps
            last = torch.arange(len(rows), device=rows.device)
            return {"input_ids": tokens, "position_ids": plan.places}, last
        plan.rows = None
        ids = tokens.new_full((len(self._here), k), pad)
        ids[at] = tokens
        positions = torch.zeros_like(ids)
        positions[at] = begin[:, None] + steps
        plan.places = torch.full_like(ids, plan.capacity)
        plan.places[at] = positions[at]
        return {"input_ids": ids, "position_ids": positions}, at

    def mask(self, position_ids: Tensor, dtype: torch.dtype) -> Tensor:
        """What the tokens of the coming forward may look at: ``[rows, 1, tokens, width]``, additive."""
        seen = torch.arange(self.plan.width, device=position_ids.device) <= position_ids[..., None]
        mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        return mask.masked_fill(~seen, torch.finfo(dtype).min)[:, None]

    def cast(self, dtype: torch.dtype) -> None:
        """Goes on in another type than the prompts were read in."""
        for layer in self.layers:
            layer.cast(dtype)

    def anyone(self) -> Tensor:
        """A row that is still held, ``[1]``."""
        return self._here[:1]

    def drop_all_but(self, rows: Tensor) -> None:
        """Frees the rows that are done, once they are many."""
        if 0 < len(rows) <= self._DROP * len(self._here):
            at = self._place[rows]
            for layer in self.layers:
                layer.keep(at)
            self._here = rows
            self._place[rows] = torch.arange(len(rows), device=rows.device)
