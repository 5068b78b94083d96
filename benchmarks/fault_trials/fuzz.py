"""Reads mutated audio files; run by :mod:`fault_trials.decoding` in a process of its own, which may crash.

::

    python fuzz.py FORMAT NUMBER SEED

Prints a line before each file, and another with the result and the seconds after it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from audio_files import VBR, sound, with_av, with_libsndfile

SHORT = sound(1.0)
FORMATS = {
    "wav": lambda: with_libsndfile(SHORT, format="WAV"),
    "float": lambda: with_libsndfile(SHORT, format="WAV", subtype="FLOAT"),
    "flac": lambda: with_libsndfile(SHORT, format="FLAC"),
    "ogg": lambda: with_libsndfile(SHORT, format="OGG"),
    "mp3": lambda: with_libsndfile(SHORT, **VBR),
    "m4a": lambda: with_av(SHORT, "ipod", "aac"),
    "webm": lambda: with_av(sound(1.0, rate=48_000), "webm", "libopus", rate=48_000),
    "aiff": lambda: with_libsndfile(SHORT, format="AIFF"),
    "caf": lambda: with_libsndfile(SHORT, format="CAF", subtype="ALAC_16"),
    "wma": lambda: with_av(SHORT, "asf", "wmav2", bit_rate=128_000),
}
"""Formats, and what makes a file of one second."""


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """A file with one to forty bytes changed, mostly in its header; one in five is cut or has a hole."""
    changed = bytearray(data)
    reach = int(random.choice([64, 512, len(data)]))
    for at in random.integers(0, min(reach, len(data)), random.integers(1, 40)):
        changed[at] = random.integers(0, 256)
    if random.random() < 0.2:
        del changed[int(random.integers(0, len(data))) :: int(random.integers(1, 3000))]
    return bytes(changed)


def outcome(data: bytes, name: str) -> str:
    """What reading a file gives: "audio", "error row", or what is wrong with the result."""
    from paqa_builder.audio.decode import decode
    from paqa_builder.audio.mixdown import mix_down
    from paqa_builder.errors import AudioError

    try:
        decoded = decode(data, name)
        mixed = mix_down(decoded.samples, decoded.rate, name)
    except AudioError as error:
        return "error row" if name in str(error) else f"an error without the file's name: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "audio" if np.isfinite(mixed.samples).all() else "samples that are not finite"


def main() -> None:
    """Reads mutated files of one format."""
    kind, number, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    data, random = FORMATS[kind](), np.random.default_rng(seed)
    for n in range(number):
        print(f"file {n}", flush=True)
        changed, began = mutated(data, random), time.perf_counter()
        result = outcome(changed, f"clip.{kind}")
        print(f"{time.perf_counter() - began:.3f} {result}".replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
