"""Controller for latent PAUSE tokens, triggered by the model's confidence.

When the mean confidence over a sliding window falls below ``tau``, ``n`` pause tokens are appended to the
context before the next token is sampled (pause tokens: Goyal et al. 2024; group confidence: Fu et al. 2025,
"Deep Think with Confidence"). They are forced, not sampled, so training masks them. :class:`PauseState`
makes the decisions for :mod:`recipes.pauses.rollout` and for ``benchmarks/pause_controller.py``, which does
the same inside ``model.generate``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from paqa_builder.errors import ConfigError
from recipes.sections import PauseConfig

TOKEN = "<PAUSE>"


class PauseState:
    """Pause decisions for the rows of one generation, vectorised over rows.

    The decisions for a row depend only on that row, so rows may advance in any order.

    Args:
        config: When to pause.
        token_id: The forced token.
        rows: Number of completions.
        budget: Most tokens of a completion, pauses included.
        seed: Seed of the random trigger.
    """

    def __init__(
        self,
        config: PauseConfig,
        token_id: int,
        rows: int,
        budget: int,
        device: torch.device | str = "cpu",
        seed: int = 0,
    ) -> None:
        self.config, self.token_id, self.budget = config, token_id, budget

        def zeros() -> Tensor:
            return torch.zeros(rows, dtype=torch.long, device=device)

        self.length = zeros()  # tokens of the completion, pauses included
        self.triggers = zeros()
        self.by_policy = zeros()
        self._cool = zeros()
        self._filled = zeros()  # tokens since the window was cleared
        self._window = torch.zeros(rows, config.window, device=device)
        self.lowest = torch.ones(rows, device=device)  # lowest mean of a full window
        self.confidence = torch.zeros(rows, device=device)  # sum over emitted tokens
        self.emitted = zeros()
        self._chance: Tensor | None = None
        if config.trigger == "random":
            generator = torch.Generator().manual_seed(seed)
            self._chance = torch.rand(rows, budget, generator=generator).to(device)

    def forbid(self, scores: Tensor, rows: Tensor) -> Tensor:
        """Masks the pause token in the logits of rows whose policy must not emit it now."""
        if self.config.filler is not None:
            return scores
        scores = scores.clone()
        if self.config.policy == "forbid":
            scores[:, self.token_id] = -torch.inf
        else:
            scores[~self._able(rows), self.token_id] = -torch.inf
        return scores

    def decide(self, scores: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Decides whether rows pause, are aborted, or emit a token.

        Args:
            scores: Logits after :meth:`forbid`, ``[m, vocabulary]``.
            rows: Row numbers, ``[m]``, without duplicates.

        Returns:
            Two masks ``[m]``: rows that pause, and rows to abort. The others emit a token.
        """
        return self.judge(confidence(scores, self.config.signal), rows)

    def judge(self, now: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`decide`, from the confidence ``now`` in the next token of each row, ``[m]``."""
        c = self.config
        full = self._filled[rows] + 1 >= c.window
        count = (self._filled[rows].clamp(max=c.window - 1) + 1).to(now.dtype)
        mean = (self._window[rows, 1:].sum(-1) + now) / count
        able = self._able(rows)
        wanted = mean < c.tau if self._chance is None else self._chance[rows, self.length[rows]] < c.rate
        pause = able & wanted & (self._filled[rows] >= c.min_tokens) & (self._cool[rows] == 0)
        abort = torch.zeros_like(pause)
        if c.abort_below is not None:
            abort = ~pause & ~able & full & (mean < c.abort_below)
        emit = ~pause & ~abort
        self.lowest[rows] = torch.where(
            full & ~pause, torch.minimum(self.lowest[rows], mean), self.lowest[rows]
        )
        shifted = torch.cat([self._window[rows, 1:], now[:, None]], 1)
        self._window[rows] = torch.where(emit[:, None], shifted, self._window[rows])
        self._filled[rows] += emit.long()
        self._cool[rows] = torch.where(emit, (self._cool[rows] - 1).clamp(min=0), self._cool[rows])
        self.confidence[rows] += torch.where(emit, now, 0.0)
        self.emitted[rows] += emit.long()
        self.length[rows] += torch.where(pause, c.n, 1)
        self._paused(rows[pause])
        return pause, abort

    def took(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """Records the tokens that rows emitted.

        Returns:
            A mask ``[m]``: rows whose policy began a pause, of which n - 1 tokens have to be forced.
        """
        began = tokens == self.token_id
        if self.config.filler is not None or self.config.policy == "forbid":
            return torch.zeros_like(began)
        self._paused(rows[began])
        self.by_policy[rows[began]] += 1
        self.length[rows[began]] += self.config.n - 1
        return began

    def stats(self) -> dict[str, float]:
        """Means over the rows, by metric name."""
        if not len(self.triggers):
            return {}
        metrics = {
            "pause/triggers": self.triggers,
            "pause/rows": self.triggers > 0,
            "pause/by_policy": self.by_policy,
            "pause/confidence": self.confidence / self.emitted.clamp(min=1),
            "pause/lowest_confidence": self.lowest,
        }
        return {name: value.float().mean().item() for name, value in metrics.items()}

    def _able(self, rows: Tensor) -> Tensor:
        c = self.config
        room = self.length[rows] + c.n + c.reserve < self.budget
        return room & (self.triggers[rows] < c.max_triggers)

    def _paused(self, rows: Tensor) -> None:
        self.triggers[rows] += 1
        self._cool[rows] = self.config.cooldown
        self._filled[rows] = 0  # confidence before a pause does not count after it
        self._window[rows] = 0.0


def confidence(scores: Tensor, signal: str) -> Tensor:
    """Confidence in the next token, in [0, 1], from logits ``[m, vocabulary]``.

    Tokens with a logit of minus infinity do not count as part of the vocabulary.
    """
    logs = scores.float().log_softmax(-1)
    if signal == "maxprob":
        return logs.max(-1).values.exp()
    probabilities = logs.exp()
    entropy = -(probabilities * logs.masked_fill(probabilities == 0, 0.0)).sum(-1)
    size = (~torch.isinf(scores)).sum(-1).clamp(min=2)
    return (1 - entropy / size.to(entropy.dtype).log()).clamp(0.0, 1.0)


def add_pause_token(model: Any, processor: Any, token: str = TOKEN) -> int:
    """Adds the pause token to tokenizer and model, unless they have it.

    It is a special token, so decoding with ``skip_special_tokens`` drops it. If the embeddings have no row
    for it, they grow, with the mean of the other rows; spare rows of a model are used.

    Returns:
        The token's id.
    """
    tokenizer = getattr(processor, "tokenizer", processor)
    tokenizer.add_tokens([token], special_tokens=True)
    token_id = int(tokenizer.convert_tokens_to_ids(token))
    rows = model.get_input_embeddings().weight.shape[0]
    if token_id >= rows:
        model.resize_token_embeddings(token_id + 1, mean_resizing=False)
        with torch.no_grad():
            for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
                layer.weight[rows:] = layer.weight[:rows].mean(0)
    return token_id


def forced_id(config: PauseConfig, processor: Any) -> int:
    """The id of the token that is forced in pauses: the pause token or the filler.

    Raises:
        ConfigError: The tokenizer lacks the pause token, or the filler is not one token.
    """
    tokenizer = getattr(processor, "tokenizer", processor)
    if config.filler is not None:
        ids = tokenizer.encode(config.filler, add_special_tokens=False)
        if len(ids) != 1:
            raise ConfigError(f"pause.filler must be one token; {config.filler!r} is {len(ids)}")
        return int(ids[0])
    if config.token not in tokenizer.get_vocab():
        raise ConfigError(
            f"the tokenizer has no {config.token} token",
            fix="train stage I first: it adds the token and saves the model with it",
        )
    return int(tokenizer.convert_tokens_to_ids(config.token))


def never_emitted(config: PauseConfig | None, processor: Any, token: str = TOKEN) -> tuple[int, ...]:
    """The id of the pause token if it must never be sampled, because no pause uses it; else empty.

    Args:
        token: The pause token where ``config`` is None.
    """
    token = token if config is None else config.token
    tokenizer = getattr(processor, "tokenizer", processor)
    if (config is None or config.filler is not None) and token in tokenizer.get_vocab():
        return (int(tokenizer.convert_tokens_to_ids(token)),)
    return ()
