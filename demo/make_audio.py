"""Renders the demo's clips from ``clips.yaml``, with their licences and ground truth.

The rendered clips are in the repository, so the demo needs neither this script nor its dependencies. To
change a clip::

    apt-get install flite opus-tools
    pip install numpy scipy soundfile soxr pyyaml
    python demo/make_audio.py

The same versions give the same bytes. ``truth.jsonl`` has the ground truth (turns, segments with text,
events) in the manifest format of ``paqa bench``.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import sounds
import soxr
import yaml

HERE = Path(__file__).parent
RATE = sounds.RATE
SPEECH_RMS = 0.07  # -23 dBFS, the level of broadcast speech
FLOOR_RMS = 0.0005  # no recording is digitally silent
FADE = 0.02
BITRATE = 32
ATTRIBUTION = "PAQA Builder's demo (voices: flite)"


def main() -> None:
    script = yaml.safe_load((HERE / "clips.yaml").read_text())
    out = HERE / "audio"
    out.mkdir(exist_ok=True)
    truths = []
    with (out / "metadata.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file_name", "license", "attribution"])
        for clip in script["clips"]:
            samples, truth = render(clip, script["voices"])
            (out / f"{clip['id']}.opus").write_bytes(encode(samples))
            rows.writerow([f"{clip['id']}.opus", "CC0-1.0", ATTRIBUTION])
            truths.append(truth)
            print(json.dumps(truth))
    (HERE / "truth.jsonl").write_text("".join(json.dumps(truth) + "\n" for truth in truths))


def render(clip: dict[str, Any], voices: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
    """Mixes one clip; returns samples ``float64 [n]`` at :data:`RATE` and the ground truth."""
    random = np.random.default_rng(zlib.crc32(clip["id"].encode()))
    mix = FLOOR_RMS * random.standard_normal(round(clip["seconds"] * RATE))
    segments, events = [], []
    names: dict[str, str] = {}
    for line in clip["says"]:
        speech = to_level(speak(line["text"], **voices[line["by"]]), SPEECH_RMS)
        end = add(mix, speech, line["at"])
        speaker = names.setdefault(line["by"], f"S{len(names) + 1}")
        segments.append({"speaker": speaker, "start": line["at"], "end": end, "text": line["text"]})
    for item in clip["sounds"]:
        sound = getattr(sounds, item["sound"])(item["for"], random)
        end = add(mix, faded(to_level(sound, SPEECH_RMS * 10 ** (item["db"] / 20))), item["at"])
        label = sounds.LABELS[item["sound"]]
        events.append({"label": label, "onset": item["at"], "offset": end, "snr_db": -item["db"]})
    truth = {
        "id": clip["id"],
        "audio": f"audio/{clip['id']}.opus",
        "duration": clip["seconds"],
        "num_speakers": len(names),
        "turns": [{k: s[k] for k in ("start", "end", "speaker")} for s in segments],
        "segments": segments,
        "events": events,
    }
    return mix, truth


def speak(text: str, voice: str, speed: float) -> np.ndarray:
    """Synthesises a text, without surrounding silence; ``speed`` changes the pitch, but not the pace."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        pace = ["--setf", f"duration_stretch={speed}"]
        subprocess.run(["flite", "-voice", voice, *pace, "-t", text, "-o", file.name], check=True)
        samples, rate = soundfile.read(file.name)
    samples = soxr.resample(samples, rate * speed, RATE)
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1]


def to_level(samples: np.ndarray, rms: float) -> np.ndarray:
    """Scales samples to an RMS, measured without silence."""
    return samples * rms / np.sqrt(np.mean(samples[np.abs(samples) > 1e-3 * np.abs(samples).max()] ** 2))


def faded(samples: np.ndarray) -> np.ndarray:
    ramp = np.linspace(0, 1, round(FADE * RATE))
    samples[: len(ramp)] *= ramp
    samples[-len(ramp) :] *= ramp[::-1]
    return samples


def add(mix: np.ndarray, samples: np.ndarray, at: float) -> float:
    """Adds a sound to the mixture, where it must fit; returns its end in seconds."""
    start = round(at * RATE)
    mix[start : start + len(samples)] += samples
    return round(at + len(samples) / RATE, 3)


def encode(samples: np.ndarray) -> bytes:
    """Encodes samples as Ogg Opus, with a fixed serial number for reproducible bytes."""
    wav = io.BytesIO()
    soundfile.write(wav, np.clip(samples, -1, 1), RATE, format="WAV", subtype="PCM_16")
    command = ["opusenc", "--quiet", "--serial", "1", "--bitrate", str(BITRATE), "-", "-"]
    return subprocess.run(command, input=wav.getvalue(), stdout=subprocess.PIPE, check=True).stdout


if __name__ == "__main__":
    main()
