"""A tiny FSD50K, its official archives on a local server, and the table of downloads that fits them."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.archives_made import plain_zip, split_zip
from helpers.file_server import Server
from paqa_builder.sources.downloads import ALL, Archive, Downloads, RemoteFile
from paqa_builder.sources.fsd50k import DOWNLOADS, Fsd50k

BARK = "/m/05tny_"
VOCABULARY = f"0,Bark,{BARK}\n"


def wav(seed: int, seconds: float = 1.0) -> bytes:
    """Noise as a WAV file."""
    out = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.05, round(16_000 * seconds))
    soundfile.write(out, noise.astype("float32"), 16_000, format="WAV")
    return out.getvalue()


def archives() -> dict[str, bytes]:
    """The files of the Zenodo record, with three clips of dev and two of eval."""
    dev = "fname,labels,mids,split\n" + "".join(
        f"{n},Bark,{BARK},{split}\n" for n, split in ((11, "train"), (12, "val"), (13, "train"))
    )
    held_out = "fname,labels,mids\n" + "".join(f"{n},Bark,{BARK}\n" for n in (21, 22))
    truth = {"dev.csv": dev, "eval.csv": held_out, "vocabulary.csv": VOCABULARY}
    info = {"title": "dog", "uploader": "ann", "license": "http://creativecommons.org/publicdomain/zero/1.0/"}
    metadata = {
        f"{subset}_clips_info_FSD50K.json": json.dumps({str(n): info for n in names})
        for subset, names in (("dev", (11, 12, 13)), ("eval", (21, 22)))
    }
    files = {
        "FSD50K.ground_truth.zip": plain_zip(
            {f"FSD50K.ground_truth/{name}": text.encode() for name, text in truth.items()}
        ),
        "FSD50K.metadata.zip": plain_zip(
            {f"FSD50K.metadata/{name}": text.encode() for name, text in metadata.items()}
        ),
    }
    for subset, names, parts in (("dev", (11, 12, 13), 6), ("eval", (21, 22), 2)):
        clips = {f"FSD50K.{subset}_audio/{n}.wav": wav(n) for n in names}
        size = sum(map(len, clips.values())) // parts + 200
        contents = split_zip(clips, size)
        assert len(contents) == parts
        for number, content in enumerate(contents, 1):
            suffix = "zip" if number == parts else f"z{number:02d}"
            files[f"FSD50K.{subset}_audio.{suffix}"] = content
    return files


def fitting(downloads: Downloads, files: dict[str, bytes], *, checksums: bool = True) -> Downloads:
    """A table of downloads with the sizes and checksums of other files of the same names."""

    def file(known: RemoteFile) -> RemoteFile:
        data = files[known.name]
        checksum = f"md5:{hashlib.md5(data).hexdigest()}" if checksums else ""
        return RemoteFile(known.source, len(data), checksum)

    def archive(known: Archive) -> Archive:
        parts = tuple(map(file, known.files))
        size = sum(part.bytes for part in parts)
        small = {ALL: ALL, 0: 0}.get(known.small, 1)
        return replace(known, files=parts, unpacked=2 * size, small=small, small_bytes=size if small else 0)

    return replace(downloads, archives=tuple(map(archive, downloads.archives)))


def publish(server: Server, monkeypatch: pytest.MonkeyPatch, folder: Path, *, checksums: bool = True) -> None:
    """Puts the tiny FSD50K on a server that is the mirror, and chooses folders of its own."""
    files = archives()
    server.files = {f"/fsd50k/{name}": data for name, data in files.items()}
    monkeypatch.setattr(Fsd50k, "downloads", fitting(DOWNLOADS, files, checksums=checksums))
    monkeypatch.setenv("PAQA_MIRROR", server.url)
    monkeypatch.setenv("PAQA_DATA", str(folder / "data"))
    monkeypatch.setenv("PAQA_EXECUTOR", "inline")
    monkeypatch.setattr("paqa_builder.transfer.download.time.sleep", lambda seconds: None)
    monkeypatch.setattr("os.sync", lambda: None)
