"""Key-value cache whose rows have different lengths.

transformers' caches append a column to every row at every step, so rows that take no part in a step, or
fewer tokens, would be padded. In this cache each token goes to the next free place of its own row, and
finished rows are dropped.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin


class Placement:
    """Places in the cache for the tokens of the next forward pass; shared by all layers."""

    def __init__(self, source: Tensor, left: Tensor, capacity: int) -> None:
        self.source, self.left, self.capacity = source, left, capacity
        self.prefill = True
        self.rows: Tensor | None = None  # physical rows that take part; None: all
        self.places: Tensor = torch.empty(0)
        self.width = 0


class RaggedLayer(CacheLayerMixin):
    """Keys and values of one layer, ``[rows, heads, capacity + 1, size]``; the last place is a dummy."""

    is_sliding = False

    def __init__(self, placement: Placement) -> None:
        super().__init__()
        self.placement = placement

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocates keys and values of all rows."""
        rows = len(self.placement.source)

        def empty(like: Tensor) -> Tensor:
            # Zeros, because NaN would pass through the mask.
            return like.new_zeros(rows, like.shape[1], self.placement.capacity + 1, like.shape[3])

        self.keys, self.values = empty(key_states), empty(value_states)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Stores new keys and values; returns those that the queries of this forward pass attend to."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        placement = self.placement
        pairs = ((self.keys, key_states), (self.values, value_states))
        if placement.prefill:
            # Each prompt comes once, padded on the left; rows that share a prompt get copies.
            length = key_states.shape[2]
            steps = torch.arange(length, device=key_states.device)
            places = (steps[None] + placement.left[:, None]).clamp(max=length - 1)
            for store, new in pairs:
                at = places[:, None, :, None].expand(-1, new.shape[1], -1, new.shape[3])
                store[:, :, :length] = new.gather(2, at)[placement.source]
            return key_states, value_states
        whole, width = placement.rows is None, placement.width
        rows = torch.arange(len(self.keys), device=self.keys.device) if whole else placement.rows
        assert rows is not None
        for store, new in pairs:
            store[rows[:, None], :, placement.places] = new.transpose(1, 2)
        if whole:
            return self.keys[:, :, :width], self.values[:, :, :width]
        return self.keys[rows, :, :width], self.values[rows, :, :width]

    def keep(self, rows: Tensor) -> None:
        """Drops all other rows."""
        assert self.keys is not None
        assert self.values is not None
        self.keys, self.values = self.keys[rows], self.values[rows]

    def cast(self, dtype: torch.dtype) -> None:
        """Converts keys and values to another type."""
        assert self.keys is not None
        assert self.values is not None
        self.keys, self.values = self.keys.to(dtype), self.values.to(dtype)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Sizes of the prefill's mask; later masks come from :meth:`RaggedCache.mask`."""
        return query_length, 0

    def get_seq_length(self) -> int:
        """0 in the prefill, then the length of the longest row."""
        return 0 if self.placement.prefill else self.placement.width

    def get_max_length(self) -> int:
        """Capacity of a row in tokens."""
        return self.placement.capacity


class RaggedCache:
    """The cache of one generation.

    Args:
        source: The prompt of each row, ``[rows]``.
        left: Padding on the left of each prompt, ``[prompts]``.
        length: Padded length of the prompts.
        budget: Most tokens of a row after its prompt.
        layers: Layers of the decoder.
    """

    # Below this share of rows taking part, selecting them costs less than computing all.
    _ALL = 0.75
    _DROP = 0.5

    def __init__(self, source: Tensor, left: Tensor, length: int, budget: int, layers: int) -> None:
        self.placement = Placement(source, left, length + budget)
        self.layers = [RaggedLayer(self.placement) for _ in range(layers)]
        self.cache = Cache(layers=list(self.layers))
        self.filled = (length - left)[source]  # tokens in each row
        self._rows = torch.arange(len(source), device=source.device)  # row number of each physical row
        self._physical = self._rows.clone()  # physical row of each row number

    def feed(
        self, rows: Tensor, tokens: Tensor, counts: Tensor, pad: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Prepares a forward pass of some rows.

        If all rows take the same number of tokens, the batch is ``[rows, tokens]``. Otherwise every token is
        a batch row of its own. Tokens of one row share its keys and values, and the mask lets each of them
        attend to the tokens before it.

        Args:
            rows: Row numbers, ``[m]``.
            tokens: Their next tokens, ``[m, k]``; a row that takes fewer takes the first ones.
            counts: Number of tokens that each row takes, ``[m]``.
            pad: Any token, for rows that take no part but are cheaper to compute than to leave out.

        Returns:
            Arguments of the forward pass, and the batch row of each row's last token, ``[m]``.
        """
        placement, k = self.placement, tokens.shape[1]
        placement.prefill = False
        begin = self.filled[rows]
        placement.width = int((begin + counts).max())
        at = self._physical[rows]
        steps = torch.arange(k, device=rows.device)
        self.filled[rows] += counts
        if bool((counts != k).any()):
            taken = steps < counts[:, None]
            placement.rows = at.repeat_interleave(counts)
            positions = (begin[:, None] + steps)[taken][:, None]
            placement.places = positions
            return {"input_ids": tokens[taken][:, None], "position_ids": positions}, counts.cumsum(0) - 1
        if len(rows) < self._ALL * len(self._rows):
            placement.rows = at
            placement.places = begin[:, None] + steps
            last = torch.arange(len(rows), device=rows.device)
            return {"input_ids": tokens, "position_ids": placement.places}, last
        placement.rows = None
        ids = tokens.new_full((len(self._rows), k), pad)
        ids[at] = tokens
        positions = torch.zeros_like(ids)
        positions[at] = begin[:, None] + steps
        placement.places = torch.full_like(ids, placement.capacity)
        placement.places[at] = positions[at]
        return {"input_ids": ids, "position_ids": positions}, at

    def mask(self, position_ids: Tensor, dtype: torch.dtype) -> Tensor:
        """The additive attention mask of the next forward pass, ``[rows, 1, tokens, width]``."""
        seen = torch.arange(self.placement.width, device=position_ids.device) <= position_ids[..., None]
        mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
        return mask.masked_fill(~seen, torch.finfo(dtype).min)[:, None]

    def cast(self, dtype: torch.dtype) -> None:
        """Converts all layers to another type."""
        for layer in self.layers:
            layer.cast(dtype)

    def first_row(self) -> Tensor:
        """The number of the first row in the cache, ``[1]``."""
        return self._rows[:1]

    def drop_all_but(self, rows: Tensor) -> None:
        """Drops all other rows, if they are at least half of the rows in the cache."""
        if 0 < len(rows) <= self._DROP * len(self._rows):
            at = self._physical[rows]
            for layer in self.layers:
                layer.keep(at)
            self._rows = rows
            self._physical[rows] = torch.arange(len(rows), device=rows.device)
