"""Pools of speech from an installed synthesiser.

Each voice is a speaker. Each line of text is spoken by one voice, so splits share neither speakers nor
texts. The licence depends on the engine and the voice, so the user gives it.
"""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from paqa_builder import audio
from paqa_builder.errors import AudioError, ConfigError, NotReadyError
from paqa_builder.files import write_atomic
from paqa_builder.untrusted import lines as text_lines

SECONDS = 120
"""Timeout of the engine for one line, which normally takes a fraction of a second."""


_COLUMNS = ("path", "speaker", "text", "language", "license", "attribution")


@dataclass(frozen=True, slots=True)
class Engine:
    """A synthesiser. ``command`` takes (voice, text, file); a ``piped`` engine reads the text from stdin."""

    program: str
    command: Callable[[str, str, str], list[str]]
    piped: bool
    install: str


ENGINES = {
    "espeak-ng": Engine(
        "espeak-ng",
        lambda voice, _, file: ["-v", voice, "-w", file, "--stdin"],
        True,
        "apt-get install espeak-ng",
    ),
    "flite": Engine(
        "flite",
        lambda voice, text, file: ["-voice", voice, "-o", file, "-t", text],
        False,
        "apt-get install flite",
    ),
    "piper": Engine(
        "piper",
        lambda voice, _, file: ["--model", voice, "--output_file", file],
        True,
        "pip install piper-tts",
    ),
}


def synthesise(
    engine: str,
    voices: Sequence[str],
    lines: Sequence[str],
    out: Path,
    *,
    language: str | None = None,
    license: str = "unknown",  # noqa: A002 - the column's name
) -> Path:
    """Speaks each line with one of the voices in turn; returns the manifest, ``OUT/manifest.csv``.

    Raises:
        ConfigError: The engine is unknown, there are no voices or no text, or the folder has a manifest
            of others.
        NotReadyError: The engine is not installed, or fails; the message has its last line of output.
    """
    if engine not in ENGINES:
        raise ConfigError(f"no speech engine is called {engine!r}; there are: {', '.join(ENGINES)}")
    texts = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not voices or not texts:
        raise ConfigError(
            "no text was given" if voices else "no voice was given", fix="--voice NAME, and lines of text"
        )
    if shutil.which(ENGINES[engine].program) is None:
        raise NotReadyError(f"{ENGINES[engine].program} is not installed", fix=ENGINES[engine].install)
    if engine == "flite":
        _check_flite(voices)
    _check_manifest(out / "manifest.csv")
    rows = []
    for number, text in enumerate(texts):
        voice = voices[number % len(voices)]
        # A piper voice is a path; its stem names the speaker.
        speaker = f"{engine}:{Path(voice).stem}"
        file = f"{speaker.replace(':', '_')}/{number:05d}.wav"
        _speak(ENGINES[engine], voice, text, out / file)
        rows.append([file, speaker, text, language or "", license, f"{engine}, voice {Path(voice).stem}"])
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    write_atomic(out / "manifest.csv", table.getvalue().encode())
    return out / "manifest.csv"


def _check_manifest(path: Path) -> None:
    """Refuses to replace a manifest that another program wrote."""
    if not path.exists() and not path.is_symlink():
        return
    try:
        header = next((line for _, line in text_lines(path)), "").strip()
        rows = [line for _, line in islice(text_lines(path), 1, None)]
        own = not path.is_symlink() and header == ",".join(_COLUMNS)
        own = own and all(any(f'"{name}, voice ' in row for name in ENGINES) for row in rows)
    except (OSError, ValueError):
        own = False
    if not own:
        raise ConfigError(
            f"{path}: in the way, and not written by paqa mix tts",
            fix="choose another --out, or move the file",
        )


def _check_flite(voices: Sequence[str]) -> None:
    """Checks the voices, because flite silently replaces an unknown voice by its first one."""
    output = subprocess.run(
        ["flite", "-lv"], text=True, capture_output=True, timeout=SECONDS, check=False
    ).stdout
    known = output.partition(":")[2].split()
    for voice in voices:
        if voice not in known and not Path(voice).is_file():
            raise NotReadyError(f"flite has no voice {voice!r}; it has: {', '.join(sorted(set(known)))}")


def _speak(engine: Engine, voice: str, text: str, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [engine.program, *engine.command(voice, text, str(file))]
    try:
        done = subprocess.run(
            command,
            input=text if engine.piped else None,
            text=True,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotReadyError(f"{engine.program} took more than {SECONDS} s for {text!r}") from error
    message = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    try:
        audio.read(file)
    except AudioError as error:
        raise NotReadyError(
            f"{engine.program} wrote no audio with the voice {voice!r}: {message}",
            fix=f"list its voices, and choose another; the command was: {' '.join(command[:3])} …",
        ) from error
    if done.returncode:
        raise NotReadyError(f"{engine.program} failed with the voice {voice!r}: {message}")
