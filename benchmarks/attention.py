"""Benchmark of attention implementations in the laptop's decoder: training step, prompt and token.

::

    python benchmarks/attention.py [--json result.json]

The decoder has the laptop's sizes and random weights. Training is in bfloat16 if the CPU supports it
(``model.autocast: auto``). The last implementation is that of the recipes: the last layer computes only the
outputs that are needed (``recipes.layers.last_layer``), those of the trace in training and the last one of a
prompt. The implementations take turns on the same batch; figures are medians of wall time.
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
    """Wall time of a call in seconds."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(turns: int) -> dict[str, dict[str, float]]:
    """Median seconds of each task with each implementation."""
    from transformers import DynamicCache

    attention.register()
    model = decoder(Sizes()).model
    ids = torch.randint(model.config.vocab_size, (ROWS, LENGTH))
    mask = torch.ones_like(ids)
    mask[::2, -20:] = 0  # padding of shorter rows

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
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for turn in range(_WARM + turns):
        for way in WAYS:
            model.set_attn_implementation(attention.LEAN if way == SHORT else way)
            for name, work in works.items():
                seconds = work(way)
                if turn >= _WARM:
                    times[name][way].append(seconds)
    return {name: {way: statistics.median(t) for way, t in ways.items()} for name, ways in times.items()}


def main() -> None:
    """Prints a table of milliseconds and of their ratios to eager attention."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("--json", type=Path)
    flags = parser.parse_args()
    result = measure(flags.turns)
    for name, ways in result.items():
        cells = (f"{way} {1000 * t:6.1f} ms ({t / ways['eager']:.2f})" for way, t in ways.items())
        print(f"{name:8}", "   ".join(cells))
    if flags.json:
        flags.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
