"""Audio files whose headers do not say what they hold, cut files, and mutated files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from audio_files import CUT, TRICKS

from fault_trials.command import Command, shown
from fault_trials.fuzz import FORMATS
from fault_trials.promise import Promise

_TOLERANCE = 0.15
_SLOWEST = 10.0


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds of a file: as it was made, as it is read, and as PyAV decodes it by itself."""

    name: str
    made: float
    read: float | None
    by_av: float
    error: str = ""


def trials(
    folder: Path,
    files: int = 540,
    tricks: Sequence[str] = tuple(TRICKS),
    cut: Sequence[str] = CUT,
    formats: Sequence[str] = tuple(FORMATS),
) -> Iterator[Promise]:
    """Reads audio files.

    Args:
        files: Number of mutated files, over all formats.
        tricks: Names of :data:`audio_files.TRICKS`.
        cut: Names of those that are also read without their last third.
        formats: Names of :data:`fault_trials.fuzz.FORMATS`.
    """
    found = [length_of(folder, name) for name in tricks]
    yield whole(found)
    yield without_end(folder, cut)
    yield fuzzed(-(-files // len(formats)), formats)


def length_of(folder: Path, name: str) -> Length:
    """Makes, reads and decodes one file."""
    from paqa_builder.audio import read
    from paqa_builder.errors import AudioError

    make, made = TRICKS[name]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "clip"
    path.write_bytes(make())
    try:
        return Length(name, made, read(path)[1].duration, seconds_by_av(path))
    except AudioError as error:
        return Length(name, made, None, seconds_by_av(path), str(error))


def seconds_by_av(path: Path) -> float:
    """What a user of the published file decodes, with the demuxer that FFmpeg chooses itself."""
    try:
        with av.open(str(path)) as container:
            return sum(frame.samples / frame.rate for frame in container.decode(audio=0))
    except av.FFmpegError:
        return 0.0


def whole(found: Sequence[Length]) -> Promise:
    promise = Promise(
        "A whole file is read to its end, whatever its header says; never fewer seconds than PyAV decodes"
    )
    off = 0.0
    for one in found:
        if one.read is None:
            promise.trial(one.name, f"refused: {shown(one.error)}")
            continue
        off = max(off, abs(one.read - one.made))
        wrong = abs(one.read - one.made) > _TOLERANCE or one.read < one.by_av - 0.1
        told = f"made {one.made:.2f} s, read {one.read:.2f} s, PyAV {one.by_av:.2f} s"
        promise.trial(one.name, told if wrong else None)
    fewer = sum(one.by_av < one.made - _TOLERANCE for one in found)
    promise.figure = f"at most {off:.2f} s off; PyAV alone misses the end of {fewer}"
    return promise


def without_end(folder: Path, names: Sequence[str]) -> Promise:
    from paqa_builder.audio import read
    from paqa_builder.errors import AudioError

    promise = Promise("A file without its last third becomes an error row")
    for name in names:
        data = TRICKS[name][0]()
        path = folder / "cut"
        path.write_bytes(data[: 2 * len(data) // 3 - 1])
        try:
            promise.trial(name, f"read as {read(path)[1].duration:.2f} s")
        except AudioError:
            promise.trial(name, None)
    return promise


def fuzzed(files: int, formats: Sequence[str], seed: int = 0) -> Promise:
    """Reads ``files`` mutated files of each format."""
    promise = Promise("A mutated file is audio or an error row: no crash, none takes longer than 10 s")
    slowest, results = 0.0, Counter[str]()
    script = Path(__file__).with_name("fuzz.py")
    for kind in formats:
        ended = Command(kind, files, seed, script=(script,)).wait(_SLOWEST * files)
        lines = [line for line in ended.text.splitlines() if line]
        done = [line for line in lines if line[0].isdigit()]
        for n, line in enumerate(done):
            seconds, _, result = line.partition(" ")
            slowest = max(slowest, float(seconds))
            results[result] += 1
            wrong = None if result in ("audio", "error row") else shown(result)
            promise.trial(f"{kind} {n}", f"took {seconds} s" if float(seconds) > _SLOWEST else wrong)
        if len(done) < files:
            promise.trial(f"{kind} {len(done)}", ended.stopped or f"the process ended with {ended.code}")
    counts = ", ".join(f"{results[name]} {name}" for name in ("audio", "error row"))
    promise.figure = f"{len(formats)} formats, {counts}, slowest {slowest:.1f} s"
    return promise


def table(found: Sequence[Length]) -> str:
    """The seconds of all files as a table in Markdown."""
    rows = [
        f"| {one.name} | {one.made:.2f} | {'refused' if one.read is None else f'{one.read:.2f}'} "
        f"| {one.by_av:.2f} |"
        for one in found
    ]
    return "\n".join(["| file | made | read | by PyAV |", "| --- | ---: | ---: | ---: |", *rows])
