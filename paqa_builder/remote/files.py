"""Local stand-ins for the files of a remote folder, and a bounded cache of their contents.

::

    WORK/remote_audio/<hash of the URL>/remote.json    URL, size of the cache
                                        files/…        the tree of the remote folder
                                        fetched.json   versions of the files that were fetched into files/
                                        cache/ab/…     contents of audio files

In ``files/``, a source finds the names and sizes of all files. Audio files are placeholders of one line; all
others, such as tables and annotations, are fetched. :func:`opened` opens any file, and fetches the content of
a placeholder into the cache, from which the files that were not used for longest are deleted.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, Any

from paqa_builder.errors import NotReadyError, SourceError
from paqa_builder.files import digest, disk_errors, temporary_name, write_atomic
from paqa_builder.remote import attempted, open_folder
from paqa_builder.text.privacy import redact

FOLDER = "remote_audio"
"""Name of the folder in the work folder."""
_MARK = b"paqa-remote 1 "
_LINE = 128
_SHARE = 0.05
"""Share of the cache's size that a process fetches between two clean-ups."""
_VERSION = ("ETag", "etag", "sha256", "blob_id", "oid", "LastModified", "last_modified", "mtime", "updated",
            "created")  # fmt: skip
_fetched_bytes: dict[Path, int] = {}


def listed(url: str, work: Path, audio: tuple[str, ...], cache_bytes: float) -> Path:
    """Brings the stand-ins of a remote folder up to date and returns their folder.

    Args:
        audio: Lower-case suffixes of audio files.
        cache_bytes: Size of the cache, which also bounds the files that are no audio.

    Raises:
        SourceError: There is no such folder, or too much in it is no audio.
        NotReadyError: The folder cannot be reached, or the disk is full.
    """
    fs, root = open_folder(url, "--root")
    base = work / FOLDER / digest(url)
    remote = dict(_remote_files(fs, root, url))
    others = {name: version for name, version in remote.items() if not name.lower().endswith(audio)}
    total = sum(size for size, _ in others.values())
    if total > cache_bytes:
        raise SourceError(
            f"{redact(url)}: {total / 1e9:.1f} GB of its files are no audio, more than remote_cache_gb",
            fix="raise remote_cache_gb, or name a folder with less",
        )
    write_atomic(base / "remote.json", json.dumps({"url": url, "cache": cache_bytes}).encode())
    _settings.cache_clear()
    _remove_stale(base / "cache")
    known = _json(base / "fetched.json")
    _remove_others(base / "files", remote)
    for name, (size, version) in remote.items():
        target = base / "files" / name
        if name in others:
            if known.get(name) != version or not target.is_file() or target.stat().st_size != size:
                _fetch(fs, f"{root}/{name}", target, size, url)
        else:
            line = _MARK + f"{version} {size}\n".encode()
            if _first_line(target) != line:
                write_atomic(target, line)
                os.truncate(target, max(size, len(line)))
    write_atomic(base / "fetched.json", json.dumps({name: others[name][1] for name in others}).encode())
    return base / "files"


def opened(path: str | os.PathLike[str]) -> IO[bytes]:
    """Opens a file to read its bytes; the content of a placeholder is fetched first.

    Raises:
        OSError: The file is missing, locally or at its URL.
        NotReadyError: The remote folder cannot be reached.
    """
    placeholder = Path(path)
    line = _first_line(placeholder)
    if not line.startswith(_MARK):
        return open(path, "rb")
    version, size = line[len(_MARK) :].decode().split()
    base = next(folder for folder in placeholder.parents if folder.parent.name == FOLDER)
    name = placeholder.relative_to(base / "files").as_posix()
    key = digest([name, version], 32)
    cached = base / "cache" / key[:2] / key
    with suppress(FileNotFoundError):
        hit = cached.open("rb")
        if os.fstat(hit.fileno()).st_size == int(size):
            os.utime(cached)
            return hit
        hit.close()
    url, limit = _settings(base)
    fs, root = open_folder(url, "--root")
    with disk_errors(cached, "--work"):
        file = _fetch(fs, f"{root}/{name}", cached, int(size), url, keep_open=True)
    assert file is not None
    _fetched_bytes[base] = _fetched_bytes.get(base, 0) + int(size)
    if _fetched_bytes[base] > _SHARE * limit:
        _fetched_bytes[base] = 0
        _shrink(base / "cache", (1 - _SHARE) * limit)
    return file


def _remote_files(fs: Any, root: str, url: str) -> Iterator[tuple[str, tuple[int, str]]]:
    """Name below the folder, size and version of each file."""
    try:
        fs.invalidate_cache()
        found: Mapping[str, Any] = attempted(lambda: fs.find(root, detail=True), url, "--root")
    except FileNotFoundError:
        found = {}
    if not found:
        raise SourceError(f"{redact(url)}: no files at this address", fix="check --root")
    prefix = root.rstrip("/") + "/"
    for path, info in found.items():
        name = path.removeprefix(prefix)
        parts = PurePosixPath(name).parts
        if not path.startswith(prefix) or not parts or ".." in parts or name.startswith("/") or "\0" in name:
            continue
        versions = [str(info[field]) for field in _VERSION if info.get(field) is not None]
        yield name, (int(info.get("size") or 0), digest([info.get("size"), *versions], 16))


def _fetch(
    fs: Any, source: str, target: Path, size: int, url: str, *, keep_open: bool = False
) -> IO[bytes] | None:
    temporary = target.with_name(temporary_name(uuid.uuid4().hex))
    try:
        with disk_errors(target, "--work"):
            target.parent.mkdir(parents=True, exist_ok=True)
        attempted(lambda: fs.get_file(source, str(temporary)), url, "--root")
        found = temporary.stat().st_size
        if found != size:
            raise NotReadyError(
                f"{redact(url)}: {PurePosixPath(source).name} has {found} bytes instead of {size}: it "
                "changed after the folder was listed",
                fix="run the same command again",
            )
        file = temporary.open("rb") if keep_open else None
        os.replace(temporary, target)
        return file
    finally:
        with suppress(OSError):
            temporary.unlink()


def _shrink(cache: Path, most: float) -> None:
    """Deletes the files that were not used for longest. Files that are open stay readable."""
    found = []
    for path in cache.rglob("*"):
        with suppress(OSError):
            status = path.stat()
            if path.is_file():
                found.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= most:
            return
        with suppress(OSError):
            path.unlink()
        total -= size


def _remove_others(folder: Path, wanted: Mapping[str, Any]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            with suppress(OSError):
                path.rmdir()  # only an empty folder
        elif path.relative_to(folder).as_posix() not in wanted:
            path.unlink(missing_ok=True)


def _remove_stale(cache: Path) -> None:
    from paqa_builder.files import remove_stale_in

    for folder in cache.iterdir() if cache.is_dir() else ():
        remove_stale_in(folder)


def _first_line(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.readline(_LINE)
    except OSError:
        return b""


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@lru_cache(maxsize=8)
def _settings(base: Path) -> tuple[str, float]:
    content = _json(base / "remote.json")
    return str(content["url"]), float(content["cache"])
