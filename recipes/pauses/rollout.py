"""Sampling with pauses, with each forced pause in one forward pass.

The tokens of a pause are known in advance, so its ``n`` steps go through the model at once, on GPUs together
with the next tokens of the other rows. Every row has its own stream of random numbers. Its samples therefore
do not depend on the other rows, and are the same as with one forced token a step (``block=False``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from paqa_builder.errors import ConfigError
from recipes.families import Family
from recipes.layers.attention import LEAN
from recipes.layers.last_layer import last_position
from recipes.layers.ragged_cache import RaggedCache
from recipes.pauses.pause import TOKEN, PauseState, forced_id, never_emitted
from recipes.pauses.sampling import Rollout, Sampling, Special
from recipes.sections import PauseConfig

_PLAIN = Sampling()
_PATIENCE = 0.25
"""Pausing rows with a forward of their own wait until they are this share of the unfinished rows."""
_ROOM = 4
"""Most pause tokens in a shared forward, relative to the single tokens of the other rows."""


@torch.no_grad()
def generate(
    model: Any,
    inputs: Mapping[str, Tensor],
    special: Special,
    max_new_tokens: int,
    *,
    sampling: Sampling = _PLAIN,
    pause: PauseConfig | None = None,
    source: Iterable[int] | None = None,
    greedy: Iterable[bool] | None = None,
    block: bool = True,
    together: bool | None = None,
    synced: bool = False,
    autocast: bool = False,
) -> Rollout:
    """Generates completions of prompts.

    Args:
        model: A causal audio language model of transformers, with or without PEFT wrapper, with full
            attention (no sliding window, no flash attention).
        inputs: The processor's output for the prompts, each once, padded on the left.
        max_new_tokens: Most tokens of a completion, pauses included.
        pause: When to pause; None: never.
        source: The prompt of each completion; None: one completion for each prompt.
        greedy: Whether each completion is greedy; None: as in ``sampling``.
        block: Run each pause in one forward pass; False: one forward pass a token, as in ``model.generate``.
        together: Run pauses in the same forward pass as the other rows' tokens, which is faster on GPUs.
            False: pauses wait for each other and have forward passes of their own. None: True on GPUs.
        synced: All ranks make the same number of forward passes, as sharded parameters require.
        autocast: Process the prompts in bfloat16. Single tokens would not gain from it.

    Raises:
        ConfigError: The model's attention is not supported.
    """
    was_training = model.training
    model.eval()
    try:
        loop = _Loop(model, inputs, special, max_new_tokens, sampling, pause, source, greedy, autocast)
        return loop.run(block, synced, inputs["input_ids"].is_cuda if together is None else together)
    finally:
        model.train(was_training)


class _Loop:
    """The state of one :func:`generate`."""

    def __init__(
        self,
        model: Any,
        inputs: Mapping[str, Tensor],
        special: Special,
        budget: int,
        sampling: Sampling,
        pause: PauseConfig | None,
        source: Iterable[int] | None,
        greedy: Iterable[bool] | None,
        autocast: bool,
    ) -> None:
        self.autocast = autocast
        self.model, self.special, self.sampling, self.budget = model, special, sampling, budget
        self.inputs = dict(inputs)
        ids, attention = self.inputs.pop("input_ids"), self.inputs.pop("attention_mask")
        self.ids, self.attention, self.device = ids, attention, ids.device
        prompts = torch.arange(len(ids)) if source is None else torch.as_tensor(list(source))
        prompts = prompts.to(self.device)
        rows = len(prompts)
        flags = [sampling.greedy] * rows if greedy is None else list(greedy)
        self.kinds = set(flags)  # on the host, because every token needs it
        self.greedy = torch.tensor(flags, device=self.device)
        # The log-probabilities of greedy rows are at temperature 1.
        self.temperature = torch.where(self.greedy, 1.0, sampling.temperature)
        seed = sampling.seed if sampling.seed is not None else int(torch.randint(2**62, ()))
        self.chance = torch.rand(rows, budget, generator=torch.Generator().manual_seed(seed)).to(self.device)
        self.state: PauseState | None = None
        if pause is not None:
            if special.forced is None:
                raise ConfigError("pauses need the id of the pause token")
            self.state = PauseState(pause, special.forced, rows, budget, self.device, seed % 2**31)
        self.n = pause.n if pause is not None else 0
        self.cache = RaggedCache(
            prompts, ids.shape[1] - attention.sum(1), ids.shape[1], budget, _layers(model)
        )
        self.prompts = prompts
        self.tokens = torch.full((rows, budget), special.pad, device=self.device)
        self.forced = torch.zeros(rows, budget, dtype=torch.bool, device=self.device)
        self.logprobs = torch.zeros(rows, budget, device=self.device)
        self.length = torch.zeros(rows, dtype=torch.long, device=self.device)
        self.fed = torch.zeros(rows, dtype=torch.long, device=self.device)  # completion tokens in the cache
        self.done = torch.zeros(rows, dtype=torch.bool, device=self.device)
        self.aborted = torch.zeros(rows, dtype=torch.bool, device=self.device)
        self.count = torch.zeros(rows, dtype=torch.long, device=self.device)  # tokens drawn
        self.eos = torch.tensor(special.eos, device=self.device)
        self.dtype = model.get_input_embeddings().weight.dtype
        self.forwards = 0

    def run(self, block: bool, synced: bool, together: bool) -> Rollout:
        with last_position(self.model):
            rows, scores = self._prefill()
            while True:
                if len(rows):
                    self._emit(rows, scores)
                upcoming = self._upcoming(block, together)
                if synced and not _any_rank(len(upcoming) > 0, self.device):
                    break
                if len(upcoming):
                    rows, scores = self._forward(upcoming, block)
                elif synced:
                    self._idle_forward()
                    rows = upcoming
                else:
                    break
        return self._result()

    def _prefill(self) -> tuple[Tensor, Tensor]:
        positions = (self.attention.long().cumsum(1) - 1).clamp(min=0)
        # Without self.autocast, an autocast context of the trainer stays in effect.
        with torch.autocast(self.device.type, torch.bfloat16) if self.autocast else nullcontext():
            out = self._call(
                input_ids=self.ids, attention_mask=self.attention, position_ids=positions, **self.inputs
            )
        if self.autocast:
            self.cache.cast(self.dtype)
        return torch.arange(len(self.prompts), device=self.device), out[self.prompts]

    def _emit(self, rows: Tensor, scores: Tensor) -> None:
        """Pauses, aborts or samples the next token of each row."""
        logs = scores.float()
        scores = logs.clone()
        if self.special.banned:
            scores[:, list(self.special.banned)] = -torch.inf
        keep = torch.ones(len(rows), dtype=torch.bool, device=self.device)
        if self.state is not None:
            assert self.special.forced is not None
            scores = self.state.forbid(scores, rows)
            pause, abort = self.state.decide(scores, rows)
            self._force(rows[pause], self.special.forced, self.n)
            self._force(rows[abort], self.special.eos[0], 1)
            self.aborted[rows[abort]] = True
            self.done[rows[abort]] = True
            keep = ~(pause | abort)
        rows, scores, logs = rows[keep], scores[keep], logs[keep]
        if not len(rows):
            return
        drawn = self._draw(scores, rows)
        at = self.length[rows]
        self.tokens[rows, at] = drawn
        logs = (logs / self.temperature[rows, None]).log_softmax(-1)
        self.logprobs[rows, at] = logs.gather(1, drawn[:, None])[:, 0]
        self.length[rows] += 1
        self.count[rows] += 1
        self.done[rows] = torch.isin(drawn, self.eos) | (self.length[rows] >= self.budget)
        if self.state is not None:
            began = rows[self.state.took(drawn, rows)]
            self._force(began, self.special.forced or 0, self.n - 1)

    def _force(self, rows: Tensor, token: int, n: int) -> None:
        at = self.length[rows][:, None] + torch.arange(n, device=self.device)
        self.tokens[rows[:, None], at] = token
        self.forced[rows[:, None], at] = True
        self.length[rows] += n

    def _draw(self, scores: Tensor, rows: Tensor) -> Tensor:
        if self.kinds == {True}:
            return scores.argmax(-1)
        sums = self.sampling.warp(scores).softmax(-1).double().cumsum(-1)
        point = self.chance[rows, self.count[rows]].double()[:, None] * sums[:, -1:]
        # The first token whose sum is above the point has a probability above 0.
        drawn = torch.searchsorted(sums, point, right=True)[:, 0].clamp(max=scores.shape[1] - 1)
        return drawn if self.kinds == {False} else torch.where(self.greedy[rows], scores.argmax(-1), drawn)

    def _upcoming(self, block: bool, together: bool) -> Tensor:
        """The rows of the next forward pass; rows that take one token come first."""
        live = (~self.done).nonzero()[:, 0]
        pausing = self.length[live] - self.fed[live] > 1
        if not (block and pausing.any()):
            return live
        stepping, waiting = live[~pausing], live[pausing]
        fit = _ROOM * len(stepping) // self.n
        if together and fit:
            return torch.cat([stepping, waiting[:fit]])
        enough = together or len(waiting) >= _PATIENCE * len(live)
        return waiting if enough or not len(stepping) else stepping

    def _forward(self, rows: Tensor, block: bool) -> tuple[Tensor, Tensor]:
        """Runs a forward pass; returns the rows that can emit a token now, and their logits."""
        counts = self.length[rows] - self.fed[rows] if block else torch.ones_like(rows)
        at = self.fed[rows][:, None] + torch.arange(int(counts.max()), device=self.device)
        tokens = self.tokens[rows[:, None], at.clamp(max=self.budget - 1)]
        arguments, last = self.cache.feed(rows, tokens, counts, self.special.pad)
        mask = self.cache.mask(arguments["position_ids"], self.dtype)
        out = self._call(**arguments, attention_mask=mask)[last]
        self.fed[rows] += counts
        ready = self.fed[rows] == self.length[rows]
        self.cache.drop_all_but((~self.done).nonzero()[:, 0])
        return rows[ready], out[ready]

    def _idle_forward(self) -> None:
        """Dummy forward pass that keeps ranks in step while others are still generating."""
        row = self.cache.first_row()
        filled = self.cache.filled.clone()
        arguments, _ = self.cache.feed(row, self.tokens[row, :1], torch.ones_like(row), self.special.pad)
        self._call(**arguments, attention_mask=self.cache.mask(arguments["position_ids"], self.dtype))
        self.cache.filled = filled

    def _call(self, **arguments: Any) -> Tensor:
        self.forwards += 1
        out = self.model(**arguments, past_key_values=self.cache.cache, use_cache=True)
        return out.logits[:, -1]

    def _result(self) -> Rollout:
        lengths = self.length.tolist()
        state = self.state
        stats = {
            "rollout/forwards": float(self.forwards),
            "rollout/aborted": self.aborted.float().mean().item(),
        }
        if state is not None:
            stats |= state.stats()
            stats["pause/tokens"] = self.forced.float().sum(1).mean().item()

        def cut(table: Tensor) -> list[list[Any]]:
            return [row[:n] for row, n in zip(table.tolist(), lengths, strict=True)]

        return Rollout(
            tokens=cut(self.tokens),
            forced=cut(self.forced),
            logprobs=cut(self.logprobs),
            aborted=self.aborted.tolist(),
            triggers=state.triggers.tolist() if state is not None else [0] * len(lengths),
            stats=stats,
        )


def special_tokens(
    family: Family, model: Any, processor: Any, pause: PauseConfig | None, token: str = TOKEN
) -> Special:
    """The special tokens of a model, for rollouts with or without pauses.

    Args:
        token: The model's pause token, which is never sampled in rollouts without pauses.
    """
    return Special(
        pad=processor.tokenizer.pad_token_id,
        eos=tuple(family.end_ids(model, processor)),
        forced=None if pause is None else forced_id(pause, processor),
        banned=(family.placeholder_id(model), *never_emitted(pause, processor, token)),
    )


def _layers(model: Any) -> int:
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    attention = getattr(config, "_attn_implementation", None) or model.config._attn_implementation
    if kinds != {"full_attention"} or attention not in ("sdpa", "eager", LEAN):
        raise ConfigError(
            f"rollouts need full attention by sdpa, eager or lean; this model has {', '.join(sorted(kinds))} "
            f"by {attention}",
            fix="set model.attention to sdpa",
        )
    return int(config.num_hidden_layers)


def _any_rank(working: bool, device: torch.device) -> bool:
    flag = torch.tensor(int(working), device=device)
    torch.distributed.all_reduce(flag)
    return bool(flag.item())
