"""Audio that tests make, and folders that they compare."""

from __future__ import annotations

from pathlib import Path

import soundfile

from paqa_builder.audio import Audio


def write_audio(path: Path, audio: Audio) -> Path:
    """Writes a WAV file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, audio.samples, audio.rate, subtype="PCM_16")
    return path


CONVERSATIONS: dict[str, list[tuple[str, float, float]]] = {
    "monologue": [("low", 1.0, 6.0), ("Bell", 2.0, 3.0)],
    "dialogue": [("low", 0.5, 3.0), ("high", 4.0, 9.0), ("Siren", 5.0, 7.0), ("Bell", 3.2, 3.8)],
    "overlap": [("middle", 1.0, 5.0), ("high", 4.0, 8.0), ("Whistle", 8.5, 9.5)],
    "no speech": [("Buzzer", 1.0, 3.0), ("Siren", 5.0, 6.0)],
    "three/deep/ünïcode voices": [
        ("low", 0.5, 2.0),
        ("middle", 3.0, 5.0),
        ("high", 6.0, 9.5),
        ("Bell", 7.0, 8.0),
    ],
    "silence": [],
}


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative path."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }
