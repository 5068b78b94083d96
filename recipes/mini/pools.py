"""Synthetic pools of speech and events for the laptop recipe, from the demo's voices and sounds.

Speech is cut from undisturbed parts of the demo's clips. ``demo/sounds.py`` synthesizes each event several
times, with different random numbers and speeds. Two of the four voices, and some takes of each event, are
in the test split only. Scores on this audio show that the recipe works; they do not predict scores on
recordings.
"""

from __future__ import annotations

import csv
import runpy
from pathlib import Path
from typing import Any

import numpy as np

from paqa_builder.audio.decode import decode
from paqa_builder.errors import ConfigError
from paqa_builder.untrusted import json_files

DEMO = Path(__file__).parents[2] / "demo"
TAKES = {"train": 8, "test": 4}
"""Takes of each event in a split."""
TEST_VOICES = ("craig", "dave")
_SECONDS = 3.0
_SPEEDS = (0.88, 1.12)


def make(out: Path, demo: Path = DEMO) -> tuple[Path, Path]:
    """Writes both pools below ``out``; returns the manifests of speech and events.

    Raises:
        ConfigError: The demo's audio is missing, as outside of a clone of the repository.
    """
    if not (demo / "truth.jsonl").is_file():
        raise ConfigError(
            f"{demo}: no demo audio there, and PAQA_TESTDATA is not set",
            fix="run from a clone of the repository, or: --set data.path=SHARDS",
        )
    return _speech(out / "speech", demo), _events(out / "events", demo)


def _speech(out: Path, demo: Path) -> Path:
    import soundfile
    import yaml

    script = yaml.safe_load((demo / "clips.yaml").read_text(encoding="utf-8"))
    voices = {clip["id"]: [line["by"] for line in clip["says"]] for clip in script["clips"]}
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for _, clip in json_files.objects(demo / "truth.jsonl"):
        decoded = decode((demo / clip["audio"]).read_bytes(), clip["audio"])
        samples, rate = decoded.samples[:, 0], decoded.rate
        for number, (segment, voice) in enumerate(zip(clip["segments"], voices[clip["id"]], strict=True)):
            if _disturbed(segment, clip):
                continue
            name = f"{clip['id']}_{number}.flac"
            start, end = round(segment["start"] * rate), round(segment["end"] * rate)
            soundfile.write(out / name, samples[start:end], rate)
            split = "test" if voice in TEST_VOICES else "train"
            # Voices of one clip have different sources, so that they can be in different splits.
            rows.append({"path": name, "speaker": voice, "split": split, "source": name})
    return _manifest(out, rows)


def _disturbed(segment: dict[str, Any], clip: dict[str, Any]) -> bool:
    """Whether other segments or events of the clip overlap a segment."""
    others = [(s["start"], s["end"]) for s in clip["segments"] if s is not segment]
    others += [(e["onset"], e["offset"]) for e in clip["events"]]
    return any(start < segment["end"] and end > segment["start"] for start, end in others)


def _events(out: Path, demo: Path) -> Path:
    import soundfile
    import soxr

    sounds = runpy.run_path(str(demo / "sounds.py"))
    rate = sounds["RATE"]
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for place, (name, label) in enumerate(sorted(sounds["LABELS"].items())):
        for number in range(sum(TAKES.values())):
            random = np.random.default_rng([place, number])
            sound = np.asarray(sounds[name](_SECONDS, random), dtype=np.float64)
            sound = soxr.resample(sound, rate * random.uniform(*_SPEEDS), rate)
            file = f"{name}_{number}.flac"
            soundfile.write(out / file, 0.5 * sound / np.abs(sound).max(), rate)
            split = "train" if number < TAKES["train"] else "test"
            rows.append({"path": file, "label": label, "split": split, "source": file})
    return _manifest(out, rows)


def _manifest(out: Path, rows: list[dict[str, str]]) -> Path:
    file = out / "manifest.csv"
    shared = {"license": "CC0-1.0", "attribution": "PAQA Builder's demo"}
    with file.open("w", newline="", encoding="utf-8") as target:
        writer = csv.DictWriter(target, [*rows[0], *shared], lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, **shared} for row in rows)
    return file
