"""Mixtures for calibrating perception, of speech and sounds that ``scenes/`` does not contain.

    python benchmarks/mixtures.py --out /tmp/mixtures   # $PAQA_TESTDATA/clips -> a folder for each kind

- ``crowd``: one to four of the 251 speakers of ``clips/speech`` (one recording of 6 s each, no text).
- ``far``: the same around a table in a room; distant speakers are quiet and reverberant, over noise.
- ``talk``: one to four of the 9 speakers of ``clips/utterances``, with sentences that no scene has.

Sounds are from ``clips/events``, folds 1 to 4. Unlike in ``paqa mix``, other properties may depend on the
number of speakers: the mixtures are for measuring, and some speakers have little material.

The layout is that of ``scenes/`` (manifest.jsonl, audio/, rttm/), so the same tools score both.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from paqa_builder.audio import read, resample
from paqa_builder.errors import AudioError
from paqa_builder.mix.activity import active_rms, activity, clip_spans
from paqa_builder.mix.room import convolve
from paqa_builder.turns import rttm
from paqa_builder.untrusted import json_files

RATE = 16_000
KINDS = {"crowd": 64, "talk": 32, "far": 20}
LONGEST = 8.0
"""Seconds of the longest sentence; longer ones would make talks of a minute."""


class Material:
    """The recordings of ``clips/`` without the sentences of ``scenes/``."""

    def __init__(self, root: Path) -> None:
        with (root / "clips/clips.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        scenes = json_files.objects(root / "scenes/manifest.jsonl")
        known = {part["text"] for _, scene in scenes for part in scene["segments"]}
        self.root = root / "clips"
        self.speech = {
            "crowd": (crowd := [row for row in rows if row["kind"] == "speech"]),
            "far": crowd,
            "talk": [
                row
                for row in rows
                if row["kind"] == "utterance"
                and row["text"].lower() not in known
                and read(self.root / row["filename"])[0].duration <= LONGEST
            ],
        }
        self.events = [row for row in rows if row["kind"] == "event" and row["fold"] != "5"]

    def samples(self, row: dict[str, str]) -> np.ndarray:
        return resample(read(self.root / row["filename"])[0], RATE).samples


def scene(
    kind: str, number: int, material: Material
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, Any]]:
    """Makes a mixture, deterministic by kind and number.

    Returns:
        The mixture, its stems ``S`` (speech) and ``E`` (the rest), which add up to it, and its ground truth.
    """
    draw = np.random.default_rng([sum(map(ord, kind)), number])
    pieces = _pieces(draw, kind, 1 + number % 4, material)
    speakers = len({row["speaker"] for row, _ in pieces})
    reverb = draw.random() < 0.35
    rt60, direct = draw.uniform(0.2, 0.6), draw.uniform(0, 12)
    overlapping = speakers > 1 and draw.random() < 0.5
    gap_before = draw.uniform(0.1, 1.2)
    at, segments, tracks = gap_before, [], []
    last = ""
    distance = {
        name: draw.choice([0.0, 6.0, 12.0, 18.0]) if kind == "far" else 0.0
        for name in sorted({row["speaker"] for row, _ in pieces})
    }
    for n, (row, samples) in enumerate(pieces):
        gap = draw.uniform(-0.9, 0.5) if overlapping and row["speaker"] != last else draw.uniform(0.1, 1.0)
        at = max(gap_before, at + (gap if n else 0.0))
        last = row["speaker"]
        spans = activity(samples, RATE)
        level = 10 ** ((draw.uniform(-31, -25) - distance[row["speaker"]]) / 20)
        samples = samples * (level / max(active_rms(samples, RATE, spans), 1e-6))
        if kind == "far":
            wet = convolve(samples, _response(draw, rt60 + 0.2, 6.0 - distance[row["speaker"]]))
            samples = wet[: len(samples)].astype(np.float32)
        start = round(at * RATE)
        tracks.append((start, samples))
        shifted = clip_spans(spans, 0.0, len(samples) / RATE, start / RATE)
        segments.append(
            {"speaker": row["speaker"], "start": shifted[0][0], "end": shifted[-1][1], "text": row["text"],
             "activity": shifted}
        )  # fmt: skip
        at = shifted[-1][1]
    length = round((at + draw.uniform(0.2, 1.5)) * RATE)
    speech = np.zeros(length)
    for start, samples in tracks:
        part = samples[: length - start]
        speech[start : start + len(part)] += part
    if reverb and kind != "far":
        speech = convolve(speech, _response(draw, rt60, direct))[:length]
    events = [] if kind == "far" else _events(draw, material, speech, length)
    mixed = speech + sum((event.pop("track") for event in events), np.zeros(length))
    quiet = draw.uniform(44, 60) if kind == "far" else draw.uniform(62, 75)
    mixed += draw.normal(size=length) * 10 ** (-quiet / 20)
    gain = min(1.0, 0.89 / np.abs(mixed).max())
    mixed *= gain
    speech = speech * gain
    row = {"duration": length / RATE, "num_speakers": speakers, "segments": segments, "events": events,
           "reverberant": bool(reverb) or kind == "far"}  # fmt: skip
    return mixed, {"S": speech, "E": mixed - speech}, row


def _response(draw: np.random.Generator, rt60: float, direct: float) -> np.ndarray:
    """Impulse response: exponentially decaying noise, ``direct`` dB below the direct path in energy."""
    times = np.arange(round(rt60 * RATE)) / RATE
    tail = draw.normal(size=len(times)) * 10 ** (-3 * times / rt60)
    tail[: round(0.002 * RATE)] = 0
    tail *= 10 ** (-direct / 20) / np.sqrt(np.square(tail).sum())
    tail[0] = 1.0
    return tail


def _pieces(
    draw: np.random.Generator, kind: str, speakers: int, material: Material
) -> list[tuple[dict[str, str], np.ndarray]]:
    """Pieces of speech in random order: every speaker at least once, no recording twice."""
    rows = material.speech[kind]
    names = sorted({row["speaker"] for row in rows})
    chosen = [names[n] for n in draw.permutation(len(names))[:speakers]]
    several = 2 if speakers < 3 else 1
    pieces: list[tuple[dict[str, str], np.ndarray]] = []
    for name in chosen:
        own = [row for row in rows if row["speaker"] == name]
        taken = 0
        for row in (own[n] for n in draw.permutation(len(own))):
            if taken == (several if kind == "talk" else 1):
                break
            samples = material.samples(row)
            if kind == "talk":  # a transcript holds for the whole recording only
                pieces.append((row, samples))
                taken += 1
                continue
            taken += 1
            at = 0
            while len(samples) - at > RATE:
                size = round(draw.uniform(1.0, 5.0) * RATE)
                pieces.append((row, samples[at : at + size]))
                at += size + round(draw.uniform(0, 1.0) * RATE)
    pieces = [(row, samples) for row, samples in pieces if activity(samples, RATE)]
    return [pieces[n] for n in draw.permutation(len(pieces))]


def _events(
    draw: np.random.Generator, material: Material, speech: np.ndarray, length: int
) -> list[dict[str, Any]]:
    """Up to two sounds of different classes, with their tracks."""
    level = active_rms(speech, RATE, activity(speech, RATE))
    found: list[dict[str, Any]] = []
    order = draw.permutation(len(material.events))
    for row in (material.events[n] for n in order[: draw.choice([0, 1, 1, 2])]):
        if row["label"] in {event["label"] for event in found}:
            continue
        try:
            samples = material.samples(row)
        except AudioError:
            continue
        spans = activity(samples, RATE)
        if not spans:
            continue
        lasting = row["label"] in {"rain", "sea_waves", "helicopter", "clock_tick", "crackling_fire"}
        if lasting and draw.random() < 0.5:
            samples = np.resize(samples, length)
            spans, at = activity(samples, RATE), 0
        else:
            at = int(draw.integers(0, max(1, length - len(samples))))
        snr = float(draw.choice([-5, 0, 5, 10, 15]))
        gain = level / max(active_rms(samples, RATE, spans), 1e-6) * 10 ** (-snr / 20)
        track = np.zeros(length)
        part = samples[: length - at]
        track[at : at + len(part)] = part * gain
        spans = clip_spans(spans, 0.0, len(part) / RATE, at / RATE)
        if not spans:
            continue
        found.append(
            {"label": row["label"], "onset": spans[0][0], "offset": spans[-1][1], "active_segments": spans,
             "snr_db": snr, "clip": row["filename"], "track": track}
        )  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    material = Material(Path(os.environ["PAQA_TESTDATA"]))
    for kind, count in KINDS.items():
        folder = args.out / kind
        for name in ("audio", "rttm", "stems"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        rows = []
        for number in range(count):
            samples, tracks, row = scene(kind, number, material)
            name = f"{kind}_{number:03d}"
            soundfile.write(folder / "audio" / f"{name}.flac", samples, RATE, subtype="PCM_16")
            stems = {stem: f"stems/{name}.{stem}.flac" for stem in tracks}
            for stem, track in tracks.items():
                soundfile.write(folder / stems[stem], track, RATE, subtype="PCM_16")
            active = [(*span, part["speaker"]) for part in row["segments"] for span in part["activity"]]
            (folder / "rttm" / f"{name}.rttm").write_text(rttm(name, active), encoding="utf-8")
            rows.append({"id": name, "audio": f"audio/{name}.flac", "stems": stems, **row})
        with (folder / "manifest.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
