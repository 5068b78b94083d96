"""Section ``backends``: speed and memory of one backend, in a process of its own.

python -m benchmarks.gpu.backends STAGE NAME --out FILE [--tiny]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.result import write
from benchmarks.gpu.weights import RANDOM
from paqa_builder import registry
from paqa_builder.audio import Audio, read, resample
from paqa_builder.perception.backends.base import AudioInput

DEMO = Path(__file__).parents[2] / "demo" / "audio"
CLIPS, SECONDS = 48, 10.0
TINY_CLIPS, TINY_SECONDS = 2, 2.0
LONGEST = 12.0
"""Seconds after which a backend gets no further pass over the clips."""


def clips(rate: int, *, tiny: bool) -> list[AudioInput]:
    """Excerpts of the demo's audio, with halves of the signal as stems."""
    count, seconds = (TINY_CLIPS, TINY_SECONDS) if tiny else (CLIPS, SECONDS)
    files = sorted(path for path in DEMO.iterdir() if path.suffix == ".opus")[: 2 if tiny else None]
    signals = [resample(read(path)[0], rate).samples for path in files]
    size = round(rate * seconds)
    inputs = []
    for number in range(count):
        signal = signals[number % len(signals)]
        samples = np.resize(np.roll(signal, -number * rate), size).astype(np.float32)
        mix, half = Audio(samples, rate), Audio(samples / 2, rate)
        inputs.append(AudioInput(mix, mix, half, half))
    return inputs


def measure(stage: str, name: str, folder: Path, *, tiny: bool) -> dict[str, Any]:
    """Loads a backend and runs it over the clips, at least once and up to :data:`LONGEST` seconds."""
    cls = registry.get(stage, name)
    make = RANDOM.get((stage, name))
    options = make(folder, tiny=tiny) if make else {}
    if "device" in cls.Options.model_fields:
        options["device"] = "cpu" if tiny else "auto"
    model = cls(cls.Options(**options))
    began = time.monotonic()
    model.load()
    load = time.monotonic() - began
    inputs = clips(model.sample_rate, tiny=tiny)
    model.run(inputs[:1])
    began, passes = time.monotonic(), 0
    while not passes or (not tiny and time.monotonic() - began < LONGEST / 2):
        model.run(inputs)
        passes += 1
    seconds = time.monotonic() - began
    audio = passes * sum(item.main.duration for item in inputs)
    return {
        "weights": "random" if make else "embedded",
        "uses_gpu": "device" in cls.Options.model_fields and not tiny,
        "load_seconds": round(load, 2),
        "audio_seconds": audio,
        "seconds": round(seconds, 3),
        "audio_hours_per_hour": round(audio / seconds, 2),
        "ram_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        **gpu_memory(),
    }


def gpu_memory() -> dict[str, int]:
    """Peak of torch's memory, and the memory in use on the GPU, in MB; empty without a GPU."""
    import sys

    found = {}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        found["torch_mb"] = torch.cuda.max_memory_allocated() // 2**20
    try:
        query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
        used = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
        found["gpu_mb"] = int(used.split()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        pass
    return found


def main() -> None:
    """Measures one backend and writes its figures, or why there are none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("stage")
    parser.add_argument("name")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    write(
        arguments.out,
        lambda folder: measure(arguments.stage, arguments.name, folder, tiny=arguments.tiny),
    )


if __name__ == "__main__":
    main()
