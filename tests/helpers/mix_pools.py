"""Small pools of made-up recordings: speakers and sounds that energy alone cannot tell apart."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import soundfile

from paqa_builder.mix.render import room_tone

RATE = 8000
SPLITS = {"train": 6, "validation": 4, "test": 4}
LABELS = ("Dog", "Siren", "Rain", "Bell", "Engine", "Applause")


def voice(name: str, seconds: float) -> np.ndarray:
    """Syllables of noise, four a second, ``float32 [n]``; the same name gives the same samples."""
    random = np.random.default_rng(list(name.encode()))
    time = np.arange(round(seconds * RATE)) / RATE
    syllables = 0.3 + np.abs(np.sin(np.pi * 4 * time))
    return (0.1 * syllables * random.standard_normal(len(time))).astype(np.float32)


def sound(name: str, seconds: float) -> np.ndarray:
    """Steady noise of the room tone's colour, ``float32 [n]``."""
    return (0.1 * room_tone(zlib.crc32(name.encode()), round(seconds * RATE))).astype(np.float32)


def write(path: Path, samples: np.ndarray, quiet: float = 0.15) -> None:
    """Writes a FLAC file with some silence at both ends, which mixing has to trim."""
    path.parent.mkdir(parents=True, exist_ok=True)
    still = np.zeros(round(quiet * RATE), np.float32)
    soundfile.write(path, np.concatenate([still, samples, still]), RATE, subtype="PCM_16")


def speech_manifest(folder: Path, per_speaker: int = 12, text: bool = True) -> Path:
    """Speakers of every split, each with utterances of 0.6 to 1.4 s and a text of its own."""
    rows = []
    for split, speakers in SPLITS.items():
        for who in range(speakers):
            speaker = f"{split}{who}"
            for n in range(per_speaker):
                path = f"speech/{speaker}/{n:02d}.flac"
                seconds = 0.6 + 0.8 * n / max(1, per_speaker - 1)
                write(folder / path, voice(path, seconds))
                row = {"path": path, "speaker": speaker, "split": split, "sex": "F" if who % 2 else "M"}
                row |= {"license": "CC-BY-4.0", "attribution": f"by {speaker}", "language": "en"}
                if text:
                    row["text"] = f"{speaker} says number {n}"
                    row["words"] = [{"start": 0.15, "end": 0.15 + seconds / 2, "text": speaker}]
                rows.append(row)
    return _manifest(folder / "speech.jsonl", rows)


def events_manifest(folder: Path, per_label: int = 4) -> Path:
    """Every label in every split, 2.5 s a recording."""
    rows = []
    for split in SPLITS:
        for label in LABELS:
            for n in range(per_label):
                path = f"events/{split}/{label}{n}.flac"
                write(folder / path, sound(path, 2.5))
                rows.append({"path": path, "label": label, "split": split, "license": "CC0-1.0"})
    return _manifest(folder / "events.jsonl", rows)


def _manifest(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


SPEC = {
    "name": "t",
    "rate": RATE,
    "duration": {"min": 5, "max": 8},
    "splits": {"train": 0.6, "validation": 0.2, "test": 0.2},
    "speech": {"speakers": {1: 1, 2: 1, 3: 1, 4: 1}, "piece": {"min": 0.4, "max": 3}, "text": "required"},
    "events": {"kinds": {1: 1, 2: 1}, "occurrences": {2: 1, 3: 1}, "length": {"min": 0.4, "max": 1.5}},
    "ambience": {"share": 0.3, "labels": ["Rain", "Engine"]},
}
