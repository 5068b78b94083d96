"""The audio files of an export: each clip once, for all formats in the folder.

``audio/NAME.flac`` (``.wav``, ``.mp3``, ``.ogg``) holds the bytes of the shards. What libsndfile, and so most
tools, cannot read is decoded to FLAC. ``audio16k/NAME.wav`` is PCM with 16 bits at 16 kHz, mono, for formats
that need it. A file that is there with the same content is not written again.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from paqa_builder import audio as decoding
from paqa_builder import files
from paqa_builder.errors import AudioError, ConfigError
from paqa_builder.export.base import AudioFile, AudioKind
from paqa_builder.records import AudioInfo

RATE = 16_000
FOLDERS = {"stored": "audio", "wav16k": "audio16k"}
# libsndfile's names of containers that every tool reads as they are.
_SUFFIX = {"WAV": "wav", "WAVEX": "wav", "FLAC": "flac", "OGG": "ogg", "MP3": "mp3"}


@dataclass(frozen=True, slots=True)
class Written:
    """An audio file of the export: its path below the folder, bytes and SHA-256."""

    path: str
    bytes: int
    sha256: str


def suffix_of(data: bytes) -> str | None:
    """The suffix of audio that is exported as it is; None for what has to be decoded."""
    try:
        info = soundfile.info(io.BytesIO(data))
    except (soundfile.LibsndfileError, RuntimeError):
        return None
    return _SUFFIX.get(info.format) if info.frames else None


class AudioStore:
    """Writes audio into the folder of an export.

    Args:
        folder: The folder that all formats share.
        owned: Hashes by path of the files that earlier exports wrote; these may be replaced.
    """

    def __init__(self, folder: Path, owned: dict[str, set[str]]) -> None:
        self._folder, self._owned = folder, owned

    def write(
        self, kind: AudioKind, name: str, stored: tuple[bytes, str], info: AudioInfo
    ) -> tuple[AudioFile, Written]:
        """Writes the audio of a clip, unless it is there.

        Args:
            stored: Bytes and file name in the shards.
            info: The properties that the build found.

        Raises:
            AudioError: It cannot be decoded.
            ConfigError: A file that no export wrote is in the way.
            NotReadyError: The disk is full or the folder is not writable.
        """
        data, suffix = stored[0], suffix_of(stored[0])
        if kind == "wav16k" or suffix is None:
            data, frames, rate = _decoded(stored, RATE if kind == "wav16k" else None)
            suffix, channels = ("wav" if kind == "wav16k" else "flac"), 1
        else:
            header = soundfile.info(io.BytesIO(data))
            frames, rate, channels = header.frames, header.samplerate, header.channels
            if info.rate == rate:  # headers of MP3 state lengths that are only estimates
                frames = round(info.duration * rate)
        path = f"{FOLDERS[kind]}/{name}.{suffix}"
        written = Written(path, len(data), hashlib.sha256(data).hexdigest())
        self._keep_or_write(written, data)
        return AudioFile(self._folder / path, rate, channels, frames), written

    def _keep_or_write(self, written: Written, data: bytes) -> None:
        path = self._folder / written.path
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise ConfigError(f"{path}: in the way of the audio, and no file", fix="choose another DIR")
        if path.is_file():
            there = files.file_sha256(path)
            if there == written.sha256:
                return
            if there not in self._owned.get(written.path, ()):
                raise ConfigError(
                    f"{path}: in the way of the audio, and not written by paqa export",
                    fix="choose another DIR, or move the file",
                )
        files.write_atomic(path, data, setting="DIR")


def _decoded(stored: tuple[bytes, str], rate: int | None) -> tuple[bytes, int, int]:
    """Audio as WAV at ``rate``, or as FLAC at its own rate; its samples and its rate."""
    data, name = stored
    with tempfile.TemporaryDirectory(prefix="paqa-export-") as folder:
        path = Path(folder) / f"clip{Path(name).suffix or '.bin'}"
        path.write_bytes(data)
        try:
            sound, _ = decoding.read(path, Path(folder))
        except AudioError as error:
            raise AudioError(error.message.replace(path.name, name or path.name)) from error
        if rate is None:
            return decoding.encode_flac(sound), len(sound.samples), sound.rate
        sound = decoding.resample(sound, rate)
        buffer = io.BytesIO()
        soundfile.write(buffer, np.clip(sound.samples, -1.0, 1.0), rate, format="WAV", subtype="PCM_16")
        return buffer.getvalue(), len(sound.samples), rate
