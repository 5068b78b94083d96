"""Archives made for tests: ZIP in several parts, and archives with unsafe members."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest


def split_zip(files: dict[str, bytes], part_bytes: int) -> list[bytes]:
    """The parts of a ZIP archive, as ``zip -s`` writes them: each part starts at offset 0.

    Local headers and tables of contents are not cut. Members are stored without compression.
    """
    parts, current = [], bytearray(b"PK\x07\x08")
    entries = []
    for name, data in files.items():
        whole = io.BytesIO()
        with zipfile.ZipFile(whole, "w") as archive:
            archive.writestr(zipfile.ZipInfo(name), data)
            (info,) = archive.infolist()
            table = whole.getvalue  # bound method: read after the archive is closed
        local = table()[: 30 + len(name)]
        if len(current) + len(local) > part_bytes:
            parts.append(bytes(current))
            current = bytearray()
        entries.append((name, info.CRC, len(data), len(parts), len(current)))
        current += local
        left = data
        while len(current) + len(left) > part_bytes:
            room = part_bytes - len(current)
            current += left[:room]
            left = left[room:]
            parts.append(bytes(current))
            current = bytearray()
        current += left
    contents = bytearray()
    for name, crc, size, part, offset in entries:
        head = (b"PK\1\2", 20, 20, 0, 0, 0, 0x21, crc, size, size, len(name), 0, 0, part, 0, 0, offset)
        contents += struct.pack("<4s6H3L5H2L", *head) + name.encode()
    start, last = len(current), len(parts)
    end = (b"PK\5\6", last, last, len(entries), len(entries), len(contents), start, 0)
    return [*parts, bytes(current + contents + struct.pack("<4s4H2LH", *end))]


def zip_with_tool(folder: Path, target: Path, part: str = "64k") -> list[Path]:
    """Packs a folder with Info-ZIP's ``zip -s`` and returns the parts in order; skips without the tool."""
    if shutil.which("zip") is None:
        pytest.skip("the tool zip is not installed")
    command = ["zip", "-q", "-r", "-0", "-s", part, str(target), folder.name]
    subprocess.run(command, cwd=folder.parent, check=True)
    return [*sorted(target.parent.glob(f"{target.stem}.z[0-9]*")), target]


def tar_gz(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    """A compressed tar archive, with symbolic links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return out.getvalue()


def plain_zip(files: dict[str, bytes]) -> bytes:
    """A compressed ZIP archive of one part."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return out.getvalue()
