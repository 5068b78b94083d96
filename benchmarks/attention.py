"""Ways of attention in the laptop's decoder: time of a training step, of a prompt and of a token.

::

    python benchmarks/attention.py [--json result.json]

A decoder of the laptop's sizes with random weights, in bfloat16 where training on this CPU would be
(``model.autocast: auto``). The last way is how the recipes do it: the last layer gives what is wanted of it
alone (``recipes.layers.last_layer``), in training the outputs of a trace, of a prompt the last. The ways
take turns on the same batch; medians, wall time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch

from recipes import run
from recipes.layers import attention, last_layer
from recipes.mini.model import Sizes

SHORT = "short last layer"
WAYS = ("eager", "sdpa", attention.LEAN, SHORT)
ROWS, LENGTH, TRACE = 16, 234, 60
_WARM = 3


def decoder(sizes: Sizes) -> Any:
    """The laptop's decoder, untrained."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(0)
    return Qwen2ForCausalLM(
        Qwen2Config(
            hidden_size=sizes.hidden,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            num_key_value_heads=sizes.heads,
            intermediate_size=sizes.feed_forward,
            vocab_size=sizes.vocabulary,
        )
    )


def clock(work: Callable[[], Any]) -> float:
    """Seconds of a piece of work."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(turns: int) -> dict[str, dict[str, float]]:
    """Median seconds of each work by each way."""
    from transformers import DynamicCache

    attention.register()
    model = decoder(Sizes()).model
    ids = torch.randint(model.config.vocab_size, (ROWS, LENGTH))
    mask = torch.ones_like(ids)
    mask[::2, -20:] = 0  # as rows of unlike lengths are padded

    def cut(way: str, begin: int) -> AbstractContextManager[None]:
        return last_layer.outputs_from(model, begin) if way == SHORT else nullcontext()

    def train(way: str) -> None:
        with (
            torch.autocast("cpu", torch.bfloat16, enabled=run.cpu_has_bfloat16()),
            cut(way, LENGTH - TRACE),
        ):
            out = model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        out[:, -TRACE:].float().square().mean().backward()
        model.zero_grad()

    @torch.no_grad()
    def prompt(way: str) -> Any:
        with cut(way, -1):
            return model(input_ids=ids, attention_mask=mask.flip(1), past_key_values=DynamicCache())

    @torch.no_grad()
    def token(way: str) -> float:
        cache = prompt(way).past_key_values
        return clock(lambda: model(input_ids=ids[:, :1], past_key_values=cache))

    works: dict[str, Callable[[str], float]] = {
        "train": lambda way: clock(lambda: train(way)),
        "prompt": lambda way: clock(lambda: prompt(way)),
        "token": token,
    }
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn in range(_WARM + turns):
        for way in WAYS:
            model.set_attn_implementation(attention.LEAN if way == SHORT else way)
            for name, work in works.items():
                seconds = work(way)
                if turn >= _WARM:
                    found[name][way].append(seconds)
    return {name: {way: statistics.median(t) for way, t in ways.items()} for name, ways in found.items()}


def main() -> None:
    """Prints a table of milliseconds and of ratios to eager attention."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    found = measure(flags.turns)
    for name, ways in found.items():
        told = (f"{way} {1000 * t:6.1f} ms ({t / ways['eager']:.2f})" for way, t in ways.items())
        print(f"{name:8}", "   ".join(told))
    if flags.json:
        flags.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
