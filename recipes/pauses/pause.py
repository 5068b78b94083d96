"""Latent PAUSE tokens: where generation stops to think, decided by the model's own confidence.

When the mean confidence over a sliding window falls below ``tau``, ``n`` pause tokens are put into
the context before the next word is chosen (pause tokens: Goyal et al. 2024; group confidence: Fu et
al. 2025, "Deep Think with Confidence"). The policy did not choose them, so whoever trains masks them;
:class:`PauseState` decides for the rollout of :mod:`recipes.pauses.rollout` and for
``benchmarks/pause_controller.py``, which does the same inside ``model.generate``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from paqa_builder.errors import ConfigError
from recipes import sections

TOKEN = "<PAUSE>"


@dataclass(frozen=True, slots=True)
class PauseConfig:
    """When to pause, and when to give a rollout up.

    Attributes:
        token: The pause token's text.
        n: Pause tokens a pause, that is latent steps.
        window: Emitted tokens whose mean confidence counts, the one about to be emitted included.
        tau: Pause where that mean is below it.
        signal: Confidence of a step, in [0, 1]: ``maxprob`` is the largest probability, ``neg_entropy``
            is 1 - H / log V.
        max_triggers: Pauses a completion.
        min_tokens: Tokens before the first pause, and after each one, before the window counts; until it
            is full it is judged by what is in it.
        cooldown: Emitted tokens between two pauses.
        reserve: No pause that would leave fewer than this many tokens of the budget.
        policy: ``forbid``: the policy cannot emit the token. ``allow``: it can, as an action; the other
            ``n`` - 1 tokens of that pause are forced.
        abort_below: A completion that has no pause left and whose full window falls below this ends at
            once, with an end-of-sequence token that it did not choose. None: never.
        trigger: ``random`` pauses with probability ``rate`` a token instead, for ablations.
        rate: See ``trigger``.
        filler: For ablations, text whose single token is put in instead of ``token``.
    """

    token: str = TOKEN
    n: int = 4
    window: int = 16
    tau: float = 0.3
    signal: Literal["maxprob", "neg_entropy"] = "maxprob"
    max_triggers: int = 3
    min_tokens: int = 4
    cooldown: int = 16
    reserve: int = 8
    policy: Literal["forbid", "allow"] = "forbid"
    abort_below: float | None = None
    trigger: Literal["confidence", "random"] = "confidence"
    rate: float = 0.05
    filler: str | None = None

    def __post_init__(self) -> None:
        if self.n < 1 or self.window < 1:
            raise ConfigError("pause: n and window must be at least 1")
        if self.filler is not None and self.policy == "allow":
            raise ConfigError("pause: a filler is an ordinary token, the policy cannot pause with it")

    @classmethod
    def of(cls, section: sections.Pause) -> PauseConfig:
        """The configuration's section, whose fields these are."""
        return cls(**section.model_dump())


class PauseState:
    """Who pauses now: the state of the rows of one generation, all decisions vectorised over rows.

    A row's decisions depend on nothing but that row, so rows may be advanced in any order.

    Args:
        config: When to pause.
        token_id: The forced token.
        rows: Number of completions.
        budget: Tokens a completion, pauses included.
        seed: Of the random trigger.
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

        self.length = zeros()  # tokens of the completion so far, pauses included
        self.triggers = zeros()
        self.by_policy = zeros()
        self._cool = zeros()
        self._filled = zeros()  # tokens in the window, or that passed it
        self._window = torch.zeros(rows, config.window, device=device)
        self.lowest = torch.ones(rows, device=device)  # lowest confidence of a full window
        self.confidence = torch.zeros(rows, device=device)  # sum over emitted tokens
        self.emitted = zeros()
        self._chance: Tensor | None = None
        if config.trigger == "random":
            generator = torch.Generator().manual_seed(seed)
            self._chance = torch.rand(rows, budget, generator=generator).to(device)

    def forbid(self, scores: Tensor, rows: Tensor) -> Tensor:
        """Takes the pause token from rows whose policy may not emit it now."""
        if self.config.filler is not None:
            return scores
        scores = scores.clone()
        if self.config.policy == "forbid":
            scores[:, self.token_id] = -torch.inf
        else:
            scores[~self._able(rows), self.token_id] = -torch.inf
        return scores

    def decide(self, scores: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Decides for rows that are about to emit a token.

        Args:
            scores: Logits after :meth:`forbid`, ``[m, vocabulary]``.
            rows: Their numbers, ``[m]``, each once.

        Returns:
            Two masks ``[m]``: who pauses, who is given up. The others emit a token.
        """
        return self.judge(confidence(scores, self.config.signal), rows)

    def judge(self, now: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`decide`, for who knows only how sure the rows are of their next tokens, ``[m]``."""
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
        """Notes what rows emitted.

        Returns:
            A mask ``[m]``: who thereby began a pause, of which n - 1 tokens are still to come.
        """
        began = tokens == self.token_id
        if self.config.filler is not None or self.config.policy == "forbid":
            return torch.zeros_like(began)
        self._paused(rows[began])
        self.by_policy[rows[began]] += 1
        self.length[rows[began]] += self.config.n - 1
        return began

    def stats(self) -> dict[str, float]:
        """Means over the rows, by the names under which training logs them."""
        if not len(self.triggers):
            return {}
        found = {
            "pause/triggers": self.triggers,
            "pause/rows": self.triggers > 0,
            "pause/by_policy": self.by_policy,
            "pause/confidence": self.confidence / self.emitted.clamp(min=1),
            "pause/lowest_confidence": self.lowest,
        }
        return {name: value.float().mean().item() for name, value in found.items()}

    def _able(self, rows: Tensor) -> Tensor:
        c = self.config
        room = self.length[rows] + c.n + c.reserve < self.budget
        return room & (self.triggers[rows] < c.max_triggers)

    def _paused(self, rows: Tensor) -> None:
        self.triggers[rows] += 1
        self._cool[rows] = self.config.cooldown
        self._filled[rows] = 0  # what was uncertain before the pause says nothing of what comes after
        self._window[rows] = 0.0


def confidence(scores: Tensor, signal: str) -> Tensor:
    """How sure a model is of its next token, in [0, 1], from logits ``[m, vocabulary]``.

    Tokens at minus infinity count neither as probability nor as vocabulary.
    """
    logs = scores.float().log_softmax(-1)
    if signal == "maxprob":
        return logs.max(-1).values.exp()
    probabilities = logs.exp()
    entropy = -(probabilities * logs.masked_fill(probabilities == 0, 0.0)).sum(-1)
    size = (~torch.isinf(scores)).sum(-1).clamp(min=2)
    return (1 - entropy / size.to(entropy.dtype).log()).clamp(0.0, 1.0)


def add_pause_token(model: Any, processor: Any, token: str = TOKEN) -> int:
    """Gives tokenizer and model the pause token, once.

    A special token: decoding with ``skip_special_tokens`` leaves it out. Embeddings grow where they are
    too few, with the mean of the others as the new row, and never shrink: some models have spare rows.

    Returns:
        The token's id.
    """
    tokenizer = getattr(processor, "tokenizer", processor)
    tokenizer.add_tokens([token], special_tokens=True)
    identity = int(tokenizer.convert_tokens_to_ids(token))
    rows = model.get_input_embeddings().weight.shape[0]
    if identity >= rows:
        model.resize_token_embeddings(identity + 1, mean_resizing=False)
        with torch.no_grad():
            for layer in (model.get_input_embeddings(), model.get_output_embeddings()):
                layer.weight[rows:] = layer.weight[:rows].mean(0)
    return identity


def forced_id(config: PauseConfig, processor: Any) -> int:
    """The id of the token that pauses consist of.

    Raises:
        ConfigError: The tokenizer lacks the pause token, or the filler is not one token.
    """
    tokenizer = getattr(processor, "tokenizer", processor)
    if config.filler is not None:
        ids = tokenizer.encode(config.filler, add_special_tokens=False)
        if len(ids) != 1:
            raise ConfigError(f"pause.filler {config.filler!r} is {len(ids)} tokens, it must be one")
        return int(ids[0])
    if config.token not in tokenizer.get_vocab():
        raise ConfigError(
            f"the tokenizer has no {config.token} token",
            fix="train stage I first: it adds the token and saves the model with it",
        )
    return int(tokenizer.convert_tokens_to_ids(config.token))


def never_emitted(config: PauseConfig | None, processor: Any) -> tuple[int, ...]:
    """The pause token, where nothing pauses with it: a policy must not emit it then."""
    token = TOKEN if config is None else config.token
    tokenizer = getattr(processor, "tokenizer", processor)
    if (config is None or config.filler is not None) and token in tokenizer.get_vocab():
        return (int(tokenizer.convert_tokens_to_ids(token)),)
    return ()
