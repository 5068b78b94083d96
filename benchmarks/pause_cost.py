"""Benchmark of forced pauses in GRPO: time and memory of a training step, by implementation.

::

    python benchmarks/pause_cost.py                         # a laptop model with random weights
    python benchmarks/pause_cost.py --model runs/laptop/stage1 --shards SHARDS --json result.json

Every implementation samples the same number of tokens for a completion and takes the same optimiser step:

- ``none``: no pauses.
- ``block``: one forward pass for each pause (:mod:`recipes.pauses.rollout`).
- ``shared``: ``block``, with prompts read once for log-probabilities (:mod:`recipes.trainers.sharing`).
- ``sequential``: the rollout of ``block`` with one forward pass for each pause token.
- ``generate``: transformers' ``generate`` with a logits processor.

Each runs in a process of its own, for its peak memory. They take turns, and figures are medians over all
steps, because the load of the machine varies. Without a GPU, times are CPU seconds. With random weights
pauses are triggered at random, three in a completion; with ``--model``, as configured.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

WAYS = ("none", "block", "shared", "sequential", "generate")
EMITTED = 48
RANDOM: dict[str, Any] = {
    "trigger": "random",
    "rate": 0.25,
    "max_triggers": 3,
    "min_tokens": 2,
    "cooldown": 4,
    "reserve": 0,
}


def rows(number: int) -> list[Any]:
    """Questions on clips of five seconds of noise."""
    import numpy as np

    from recipes.data.rows import Row

    random = np.random.default_rng(0)
    return [
        Row(
            id=f"q{i}",
            clip_id=f"c{i}",
            audio=random.normal(0, 0.1, 5 * 16_000).astype(np.float32),
            question="Which of these sounds is heard while the second speaker talks?",
            choices=("Dog", "Church bell", "Rain", "Applause"),
            answer="Dog",
        )
        for i in range(number)
    ]


def random_model(data: list[Any]) -> tuple[Any, Any]:
    """The laptop's model in full size with random weights."""
    import numpy as np

    from recipes.data import prompts
    from recipes.families import tiny
    from recipes.mini import model

    width, layers, mels, random = 512, 6, 80, np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (width, mels, 3),
        "conv2.weight": (width, width, 3),
        "positional_embedding": (1500, width),
        "ln_post.weight": (width,),
        **{f"{name}.bias": (width,) for name in ("conv1", "conv2", "ln_post")},
    }
    for i in range(layers):
        block = f"blocks.{i}."
        for name in ("attn.query", "attn.key", "attn.value", "attn.out"):
            shapes |= {f"{block}{name}.weight": (width, width), f"{block}{name}.bias": (width,)}
        for name in ("attn_ln", "mlp_ln"):
            shapes |= {f"{block}{name}.weight": (width,), f"{block}{name}.bias": (width,)}
        shapes |= {f"{block}mlp.0.weight": (4 * width, width), f"{block}mlp.0.bias": (4 * width,)}
        shapes |= {f"{block}mlp.2.weight": (width, 4 * width), f"{block}mlp.2.bias": (width,)}
        del shapes[f"{block}attn.key.bias"]
    whisper = {
        f"encoder.{name}": random.normal(0, 0.02, shape).astype(np.float32) for name, shape in shapes.items()
    }
    return model.build([prompts.prompt(row) for row in data] + tiny.marks(), whisper)


def plain_generate(model: Any, inputs: Any, special: Any, budget: int, **options: Any) -> Any:
    """Rollout by ``generate``, in place of :func:`recipes.trainers.grpo.with_transformers`."""
    import torch
    from pause_controller import PauseController
    from transformers import LogitsProcessorList

    from recipes.pauses.sampling import Rollout

    source = torch.tensor(options["source"])
    controller = PauseController(options["pause"], special.forced, special.eos, budget)
    length = inputs["input_ids"].shape[1]
    with torch.no_grad():
        out = model.generate(
            **{key: value[source] for key, value in inputs.items()},
            max_new_tokens=budget,
            do_sample=True,
            suppress_tokens=list(special.banned),
            eos_token_id=list(special.eos),
            pad_token_id=special.pad,
            logits_processor=LogitsProcessorList([controller]),
        )[:, length:]
    ended = torch.isin(out, torch.tensor(special.eos))
    ends = torch.where(ended.any(1), ended.int().argmax(1) + 1, out.shape[1]).tolist()
    state = controller.state
    assert state is not None
    return Rollout(
        tokens=[ids[:n] for ids, n in zip(out.tolist(), ends, strict=True)],
        forced=[mask[:n] for mask, n in zip(controller.forced_mask().tolist(), ends, strict=True)],
        logprobs=[],
        aborted=controller.aborted.tolist(),
        triggers=state.triggers.tolist(),
        stats=state.stats() | {"rollout/forwards": float(out.shape[1])},
    )


def measure(way: str, options: argparse.Namespace) -> dict[str, float]:
    """Trains a few steps with one implementation; returns step times, peak memory and statistics."""
    from recipes import config, rewards  # before trl, which imports torchaudio
    from recipes.data.rows import read
    from recipes.families import family
    from recipes.layers.tower_cache import TowerCache
    from recipes.pauses.pause import add_pause_token
    from recipes.trainers.grpo import AudioGRPOTrainer
    from recipes.trainers.grpo_data import dataset

    import torch  # isort: skip
    from trl import GRPOConfig  # isort: skip

    kind = family("qwen2_audio")
    settings = config.load("laptop")
    pause = settings.pause
    if options.model:
        data = read(config.Data(path=options.shards), "train")
        model, processor = kind.load(settings.model.model_copy(update={"path": options.model}))
    else:
        data = rows(64)
        model, processor = random_model(data)
        pause = pause.model_copy(update=RANDOM)
    if options.n:
        pause = pause.model_copy(update={"n": options.n})
    add_pause_token(model, processor)
    kind.tower(model).requires_grad_(False)
    TowerCache(kind.tower(model))
    budget = options.emitted + (pause.n * pause.max_triggers if way != "none" else 0)
    rollouts: list[Any] = []
    roll: dict[str, Any] = {"roll": plain_generate} if way == "generate" else {}
    with TemporaryDirectory() as folder:
        trainer = AudioGRPOTrainer(
            model,
            kind,
            rewards.select(settings.rewards, budget),
            settings.rewards,
            GRPOConfig(
                output_dir=folder, max_steps=options.steps + 1, per_device_train_batch_size=options.rows,
                num_generations=8, max_completion_length=budget, learning_rate=1e-6, report_to="none",
                save_strategy="no", use_cpu=not torch.cuda.is_available(), bf16=False, disable_tqdm=True,
                activation_checkpointing=False, logging_steps=1, seed=options.seed,
            ),
            processing_class=processor,
            pause=None if way == "none" else pause,
            block=way in ("block", "shared"),
            share_prompts=way == "shared",
            train_dataset=dataset(data, kind),
            **roll,
        )  # fmt: skip
        times: list[float] = []
        step = trainer.training_step

        def timed(*arguments: Any) -> Any:
            began = _clock(torch)
            out = step(*arguments)
            times.append(_clock(torch) - began)
            rollouts.append(trainer.last)
            return out

        trainer.training_step = timed  # type: ignore[method-assign]
        trainer.train()
    chosen = [len(ids) for rollout in rollouts for ids in rollout.chosen()]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "times": times[1:],  # the first step includes the audio encoder
        "peak_mib": torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else peak,
        "pauses": statistics.mean(count for rollout in rollouts for count in rollout.triggers),
        "emitted": statistics.mean(chosen),
        "forwards": statistics.mean(rollout.stats["rollout/forwards"] for rollout in rollouts),
    }


def _clock(torch: Any) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def main() -> None:
    """Measures all implementations and prints a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", help="a trained model; needs --shards")
    parser.add_argument("--shards", help="questions to train on")
    parser.add_argument("--rows", type=int, default=64, help="completions in a step, eight for each prompt")
    parser.add_argument("--emitted", type=int, default=EMITTED, help="tokens of a completion without pauses")
    parser.add_argument("--n", type=int, help="tokens of a pause; the configuration's by default")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2, help="number of runs of each implementation")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options.way, options)))
        return
    runs: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            runs[way].append(json.loads(output.splitlines()[-1]))
    result = {way: _summary(way_runs) for way, way_runs in runs.items()}
    for way, row in result.items():
        row["over_none"] = row["seconds"] / result["none"]["seconds"]
        print(
            f"{way:<11} {row['seconds']:7.2f} s a step  x{row['over_none']:.2f}  {row['peak_mib']:6.0f} MiB"
            f"  {row['forwards']:5.1f} forwards  {row['pauses']:.2f} pauses  {row['emitted']:.1f} tokens"
        )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


def _summary(runs: list[dict[str, Any]]) -> dict[str, float]:
    times = [seconds for run in runs for seconds in run["times"]]
    return {
        "seconds": statistics.median(times),
        "fastest": min(times),
        "peak_mib": max(run["peak_mib"] for run in runs),
        **{key: statistics.mean(run[key] for run in runs) for key in ("pauses", "emitted", "forwards")},
    }


if __name__ == "__main__":
    main()
