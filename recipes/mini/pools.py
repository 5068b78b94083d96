"""What the laptop's scenes are mixed from where no corpus is at hand: the demo's own voices and sounds.

The voices are cut out of the demo's clips where nothing else is heard; the sounds are made by
``demo/sounds.py``, each several times from other random numbers and at other speeds. Two of the four
voices, and some of each sound's takes, are heard in the test alone. This is synthetic audio: what a
model reaches on it says that the recipe works, and nothing about recordings.
"""

from __future__ import annotations

import csv
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

from paqa_builder.errors import ConfigError

DEMO = Path(__file__).parents[2] / "demo"
TAKES = {"train": 8, "test": 4}
"""How often each sound is made for a split."""
TEST_VOICES = ("craig", "dave")
_SECONDS = 3.0
_SPEEDS = (0.88, 1.12)


def make(out: Path, demo: Path = DEMO) -> tuple[Path, Path]:
    """Writes both pools below ``out``; returns the manifests of speech and of events.

    Raises:
        ConfigError: The demo is not there: the recipes were installed without the repository.
    """
    if not (demo / "truth.jsonl").is_file():
        raise ConfigError(
            f"{demo}: the demo's audio is not there, and PAQA_TESTDATA is not set",
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
    for line in (demo / "truth.jsonl").read_text(encoding="utf-8").splitlines():
        clip = json.loads(line)
        samples, rate = soundfile.read(demo / clip["audio"], dtype="float32")
        for number, (said, voice) in enumerate(zip(clip["segments"], voices[clip["id"]], strict=True)):
            if _disturbed(said, clip):
                continue
            name = f"{clip['id']}_{number}.flac"
            soundfile.write(
                out / name, samples[round(said["start"] * rate) : round(said["end"] * rate)], rate
            )
            split = "test" if voice in TEST_VOICES else "train"
            # One clip has several voices: they share no source, so that splits may part them.
            rows.append({"path": name, "speaker": voice, "split": split, "source": name})
    return _manifest(out, rows)


def _disturbed(said: dict[str, Any], clip: dict[str, Any]) -> bool:
    others = [(s["start"], s["end"]) for s in clip["segments"] if s is not said]
    others += [(e["onset"], e["offset"]) for e in clip["events"]]
    return any(start < said["end"] and end > said["start"] for start, end in others)


def _events(out: Path, demo: Path) -> Path:
    import soundfile
    import soxr

    spec = importlib.util.spec_from_file_location("demo_sounds", demo / "sounds.py")
    assert spec is not None
    assert spec.loader is not None
    sounds = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sounds)
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for place, (name, label) in enumerate(sorted(sounds.LABELS.items())):
        for number in range(sum(TAKES.values())):
            random = np.random.default_rng([place, number])
            made = np.asarray(getattr(sounds, name)(_SECONDS, random), dtype=np.float64)
            heard = soxr.resample(made, sounds.RATE * random.uniform(*_SPEEDS), sounds.RATE)
            file = f"{name}_{number}.flac"
            soundfile.write(out / file, 0.5 * heard / np.abs(heard).max(), sounds.RATE)
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
