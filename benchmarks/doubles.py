"""Benchmark of acoustic fingerprints: recall on planted copies, false matches, time and memory.

::

    python benchmarks/doubles.py [--data ../shared/testdata] [--clips 10000] [--json result.json]

Real clips (sound events, speech of many speakers, utterances of few) are changed as other data sets change
them: codec, sample rate, level, excerpt. *Found* is the share of the changed clips that match their original,
by the frames with sound in the changed clip; *false* counts matches with another clip that the originals do
not have. Matching alone is timed with fingerprints of random bits; one of ten is a copy of the one ten places
before, at a bit error rate of 0.1.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import time
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from paqa_builder import audio
from paqa_builder.audio import Audio
from paqa_builder.leaks.alignment import MIN_FRAMES, SHORT_FRAMES
from paqa_builder.leaks.fingerprint import AcousticFingerprint, fingerprint
from paqa_builder.leaks.matching import matches, pairs
from paqa_builder.leaks.prints import Prints

FOLDERS = ("clips/events", "clips/speech", "clips/utterances")
FRAMES = 208
"""Frames of five seconds."""


def coded(sound: Audio, codec: str, container: str, rate: int, bits: int) -> Audio:
    """The audio through a lossy codec."""
    samples = audio.resample(sound, rate).samples
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = bits
        whole = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
        frame = av.AudioFrame.from_ndarray(whole[None], "s16", "mono")
        frame.rate, frame.time_base = rate, Fraction(1, rate)
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return audio.read_bytes(buffer.getvalue(), "copy")[0]


def excerpt(sound: Audio) -> Audio:
    """3.3 seconds from 0.77 seconds on; less of a shorter clip."""
    return Audio(sound.samples[round(0.77 * sound.rate) : round(4.07 * sound.rate)], sound.rate)


def noisy(sound: Audio, snr: float = 20.0) -> Audio:
    """The audio with white noise."""
    noise = np.random.default_rng(0).standard_normal(len(sound.samples)) * sound.rms * 10 ** (-snr / 20)
    return Audio((sound.samples + noise).astype(np.float32), sound.rate)


CHANGES: dict[str, Callable[[Audio], Audio]] = {
    "MP3 64 kbit/s": lambda s: coded(s, "mp3", "mp3", 44_100, 64_000),
    "MP3 32 kbit/s, 22 kHz": lambda s: coded(s, "mp3", "mp3", 22_050, 32_000),
    "Opus 24 kbit/s": lambda s: coded(s, "libopus", "ogg", 48_000, 24_000),
    "8 kHz, -20 dB": lambda s: Audio(0.1 * audio.resample(s, 8_000).samples, 8_000),
    "white noise, 20 dB": noisy,
    "excerpt of 3.3 s": excerpt,
    "excerpt, Opus 24 kbit/s": lambda s: coded(excerpt(s), "libopus", "ogg", 48_000, 24_000),
}


def share(found: np.ndarray) -> str:
    """Number and percentage of true values."""
    return f"{100 * found.mean():.1f} % of {len(found)}" if len(found) else "-"


def recall(data: Path, every: int) -> dict[str, Any]:
    """Finds changed copies of every n-th real clip; prints a table."""
    files = [p for folder in FOLDERS for p in sorted((data / folder).rglob("*")) if p.suffix == ".opus"]
    files = files[::every]
    began = time.process_time()
    sounds = [audio.read(file)[0] for file in files]
    decoding = time.process_time() - began
    began = time.process_time()
    originals = [fingerprint(sound) for sound in sounds]
    printing = time.process_time() - began
    hours = sum(sound.duration for sound in sounds) / 3600
    print(
        f"{len(files)} clips, {hours:.2f} h: decoding {decoding:.1f} s, fingerprints {printing:.1f} s of CPU"
    )
    own = {(m.first, m.second): m for m in matches(originals)}
    print(f"matches among the originals: {len(own)}")
    for (one, other), match in own.items():
        print(f"  {files[one].name} = {files[other].name}: {match.seconds} s, error {match.error}")
    known = {*own, *((other, one) for one, other in own)}
    rows: dict[str, Any] = {}
    print(f"{'change':<26}{'found, 1.3 s of sound':>24}{'found, 0.7 to 1.3 s':>22}{'false':>7}")
    for name, change in CHANGES.items():
        copies = [fingerprint(change(sound)) for sound in sounds]
        active = np.array([int(copy.active.sum()) for copy in copies])
        pairs = [(m.first, m.second) for m in matches(copies, originals)]
        right = {one for one, other in pairs if one == other}
        false = [pair for pair in pairs if pair[0] != pair[1] and pair not in known]
        found = np.array([n in right for n in range(len(copies))])
        long, short = active >= MIN_FRAMES, (active >= SHORT_FRAMES) & (active < MIN_FRAMES)
        rows[name] = {
            "long": [int(found[long].sum()), int(long.sum())],
            "short": [int(found[short].sum()), int(short.sum())],
            "false": len(false),
        }
        print(f"{name:<26}{share(found[long]):>24}{share(found[short]):>22}{len(false):>7}", flush=True)
        for one, other in false[:5]:
            print(f"  {files[one].name} = {files[other].name}")
    return {"clips": len(files), "decoding": decoding, "fingerprints": printing, "changes": rows}


def random_prints(clips: int) -> Iterator[AcousticFingerprint]:
    """Fingerprints of random bits; one of ten is a copy of the one ten places before."""
    rng = np.random.default_rng(0)
    active = np.ones(FRAMES, bool)
    recent: deque[np.ndarray] = deque(maxlen=10)
    for n in range(clips):
        if n % 10 or n < 10:
            # Windows overlap, so a bit changes once in several frames.
            bits = np.bitwise_xor.accumulate(rng.random((FRAMES, 32)) < 0.2, axis=0)
        else:
            bits = recent[0] ^ (rng.random((FRAMES, 32)) < 0.1)
        recent.append(bits)
        words = np.packbits(bits, axis=1, bitorder="little").view("<u4")[:, 0]
        yield AcousticFingerprint(np.ascontiguousarray(words), active, str(n))


def matching(clips: int) -> dict[str, Any]:
    """Times the matching of random fingerprints."""
    prints = Prints(random_prints(clips))
    began = time.process_time()
    found = pairs(prints)
    took = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    planted = len(range(10, clips, 10))
    right = int(((found[:, 1] - found[:, 0]) % 10 == 0).sum())
    print(
        f"{clips} fingerprints of 5 s: matching {took:.1f} s of CPU, peak of the process {peak:.0f} MB; "
        f"{right} matches with {planted} planted copies, {len(found) - right} false"
    )
    return {"clips": clips, "seconds": took, "peak_mb": peak, "found": right, "planted": planted}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("PAQA_TESTDATA"))
    parser.add_argument("--clips", type=int, nargs="*", default=[1_000, 10_000])
    parser.add_argument("--every", type=int, default=1, help="Only every N-th clip of the data.")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    result: dict[str, Any] = {"matching": [matching(count) for count in given.clips]}
    if given.data:
        result["recall"] = recall(Path(given.data), given.every)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
