"""Credit by element: a reward is paid to the tokens that it judges, not to the whole completion.

GRPO gives all tokens of a completion one advantage. In a perception-grounded trace that blames what was
heard rightly for a wrong conclusion, and praises what was misheard for a lucky answer. The grammar says
which tokens are which: those up to the end of CAPTION claim what is heard, those after it conclude. The
parts of a completion's advantage, one a reward, add up to TRL's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from trl.trainer.utils import nanstd

from recipes.pauses.sampling import Rollout

Judged = Literal["caption", "answer", "all"]

JUDGED: dict[str, Judged] = {
    "perception": "caption",
    "accuracy": "answer",
    "offered": "answer",
    "agreement": "answer",
}
"""Which tokens a reward judges; those that are not here judge all."""
_END = "</CAPTION>"


def by_token(
    paid: Tensor,
    weights: Mapping[str, float],
    made: Rollout,
    *,
    generations: int,
    scale: str,
    first: int,
    length: int,
    read: Callable[[list[int]], str],
) -> Tensor:
    """The advantages of this process's completions, ``[completions, length]``.

    Args:
        paid: As in :func:`parts`.
        weights: Name of each reward to its weight, in the order of ``paid``.
        made: This process's completions.
        first: The number of the first of them among all.
        length: Tokens of a padded completion.
        read: Turns tokens into text.
    """
    of_all = parts(paid, paid.new_tensor(list(weights.values())), generations, scale)
    ends = [caption_end(*row, read) for row in zip(made.tokens, made.forced, strict=True)]
    return spread(of_all[first : first + len(ends)], list(weights), ends, length)


def parts(paid: Tensor, weights: Tensor, generations: int, scale: str) -> Tensor:
    """Each reward's part of the advantages.

    Args:
        paid: Rewards of all completions, those of a group in a row, ``[completions, rewards]``; NaN where a
            completion is left out.
        weights: ``[rewards]``.
        scale: Whose standard deviation divides, as ``scale_rewards`` of TRL: ``group``, ``batch``, ``none``.

    Returns:
        Of the same shape; 0 for what is left out.
    """
    weighted = paid * weights
    grouped = weighted.view(-1, generations, weighted.shape[1])
    centred = grouped - grouped.nanmean(1, keepdim=True)
    if scale == "group":
        centred = centred / (nanstd(grouped.sum(2), dim=1)[:, None, None] + 1e-4)
    elif scale == "batch":
        centred = centred / (nanstd(weighted.sum(1)) + 1e-4)
    return centred.reshape(paid.shape).nan_to_num(0.0)


def spread(given: Tensor, names: Sequence[str], ends: Sequence[int | None], length: int) -> Tensor:
    """Advantages by token.

    Args:
        given: Local rows of :func:`parts`, ``[completions, rewards]``.
        names: Of the rewards.
        ends: Where each CAPTION ends (:func:`caption_end`).
        length: Tokens of a padded completion.

    Returns:
        ``[completions, length]``. Where no CAPTION ends, every reward is paid to all tokens.
    """
    place = torch.arange(length, device=given.device)
    known = torch.tensor([end is not None for end in ends], device=given.device)[:, None]
    border = torch.tensor([end or 0 for end in ends], device=given.device)[:, None]
    where = {"caption": place < border, "answer": place >= border}
    found = given.new_zeros(len(given), length)
    for name, column in zip(names, given.unbind(1), strict=True):
        judged = JUDGED.get(name, "all")
        share = torch.ones_like(found) if judged == "all" else (where[judged] | ~known).to(found.dtype)
        found += share * column[:, None]
    return found


def caption_end(
    tokens: Sequence[int], forced: Sequence[bool], read: Callable[[list[int]], str]
) -> int | None:
    """The number of tokens up to and with the end of CAPTION, forced ones too; None where it does not end.

    Args:
        read: Turns tokens into text.
    """
    chosen = [place for place, by_force in enumerate(forced) if not by_force]
    ids = [tokens[place] for place in chosen]
    if _END not in read(ids):
        return None
    low, high = 1, len(ids)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if _END in read(ids[:middle]) else (middle + 1, high)
    return chosen[low - 1] + 1
