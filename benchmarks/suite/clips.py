"""The clips of the benchmark: 300 short excerpts of ``$PAQA_TESTDATA/clips``, or a few of the demo's.

An excerpt is 0.5 to 6 s of a recording of speech or of a sound; utterances are whole, up to 6 s. The same
seed gives the same excerpts.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import soundfile

from paqa_builder.audio import Audio, read

DEMO = Path(__file__).parents[2] / "demo" / "audio"
_AUDIO = (".opus", ".ogg", ".flac", ".wav")
_SHARES = {"utterances": 79, "speech": 111, "events": 110}
_QUICK = 8


def write(folder: Path, *, quick: bool, limit: int | None = None) -> list[Path]:
    """Writes the clips as WAV files, unless they are there.

    Args:
        quick: Whether to take excerpts of the demo's audio, 2 to 5 s long.
        limit: Number of clips to write, of all kinds.
    """
    generator = random.Random(7)
    chosen = _of_demo() if quick else _of_testdata(generator)
    if limit is not None and limit < len(chosen):
        chosen = chosen[:: max(1, len(chosen) // limit)][:limit]
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, (kind, path) in enumerate(chosen):
        file = folder / f"{kind}-{number:03}.wav"
        written.append(file)
        audio, _ = read(path)
        shortest, longest = (2.0, 5.0) if quick else (0.5, 6.0)
        wanted = longest if kind == "utterances" else generator.uniform(shortest, longest)
        size = min(len(audio.samples), int(wanted * audio.rate))
        start = 0 if kind == "utterances" else generator.randint(0, len(audio.samples) - size)
        if not file.exists():
            soundfile.write(file, audio.samples[start : start + size], audio.rate, subtype="PCM_16")
    return written


def _of_demo() -> list[tuple[str, Path]]:
    files = sorted(path for path in DEMO.iterdir() if path.suffix in _AUDIO)
    return [("demo", path) for path in files][:_QUICK]


def _of_testdata(generator: random.Random) -> list[tuple[str, Path]]:
    if "PAQA_TESTDATA" not in os.environ:
        raise FileNotFoundError("PAQA_TESTDATA is not set; --quick needs no test data")
    folder = Path(os.environ["PAQA_TESTDATA"]) / "clips"
    chosen = []
    for kind, count in _SHARES.items():
        files = sorted(path for path in (folder / kind).rglob("*") if path.suffix in _AUDIO)
        picked = files if kind == "utterances" else generator.sample(files, count)
        chosen += [(kind, path) for path in picked]
    # The kinds take turns, so that every limit has all of them.
    return sorted(chosen, key=lambda pair: str(generator.random()))


def load(paths: list[Path]) -> list[Audio]:
    """Decodes clips."""
    return [read(path)[0] for path in paths]
