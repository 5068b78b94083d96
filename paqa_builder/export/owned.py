"""Which files in the folder of an export are paqa's: ``paqa-export.json`` lists them with their hashes.

::

    DIR/paqa-export.json        files of each format, and the audio that it uses
    DIR/.paqa-export-incoming/  files that are being written; renamed at the end of the export
    DIR/audio/, DIR/audio16k/   audio, for all formats
    DIR/FORMAT/                 the files of a format

While files are renamed, the list has the old and the new ones. Nothing else is replaced or removed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from paqa_builder import files
from paqa_builder.dataset import lock
from paqa_builder.errors import ConfigError, itemize
from paqa_builder.export.audio import FOLDERS, Written
from paqa_builder.untrusted import read_json

LIST = "paqa-export.json"
INCOMING = ".paqa-export-incoming"


@dataclass
class Exported:
    """The content of the list.

    Attributes:
        formats: By format: options, and SHA-256 by path of its files and of the audio that it uses.
        spare: Files of an export that was interrupted while it renamed them.
    """

    formats: dict[str, dict[str, Any]] = field(default_factory=dict)
    spare: list[list[str]] = field(default_factory=list)

    def hashes(self) -> dict[str, set[str]]:
        """The listed hashes of each path."""
        found: dict[str, set[str]] = {}
        for entry in self.formats.values():
            for path, sha256 in [*entry["files"].items(), *entry["audio"].items()]:
                found.setdefault(path, set()).add(sha256)
        for path, sha256 in self.spare:
            found.setdefault(path, set()).add(sha256)
        return found

    def save(self, folder: Path) -> None:
        content = {"format": 1, "formats": self.formats, "spare": self.spare}
        text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        files.write_atomic(folder / LIST, text.encode(), setting="DIR")


def read(folder: Path) -> Exported:
    """Reads the list of a folder; an empty one where there is none.

    Raises:
        ConfigError: The folder holds a data set, or the list is damaged.
    """
    if (folder / lock.LOCK).exists():
        raise ConfigError(f"{folder}: holds a data set of paqa build", fix="export into another folder")
    if (folder / LIST).is_symlink() or (folder / LIST).is_dir():
        raise ConfigError(f"{folder / LIST}: in the way of the export", fix="choose another DIR, or move it")
    try:
        content = read_json(folder / LIST)
        exported = Exported(
            {name: _checked(entry) for name, entry in content["formats"].items()},
            [[_inside(path), str(sha256)] for path, sha256 in content["spare"]],
        )
    except FileNotFoundError:
        return Exported()
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise ConfigError(
            f"{folder / LIST}: damaged ({type(error).__name__}: {error})",
            fix=f"export into another folder, or move the files out of '{folder}'",
        ) from error
    return exported


def check(folder: Path, name: str, exported: Exported) -> None:
    """Refuses a folder in which the export cannot be written, or a format whose files were edited.

    Raises:
        ConfigError: Something is in the way; names it.
    """
    for part in (INCOMING, name, *FOLDERS.values()):
        path = folder / part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise ConfigError(f"{path}: in the way of the export", fix="choose another DIR, or move it")
    own = exported.formats.get(name)
    check_paths(folder, exported, own["files"] if own else ())


def check_paths(folder: Path, exported: Exported, paths: Iterable[str]) -> None:
    """Refuses to replace files that no export wrote, or that were changed since.

    Raises:
        ConfigError: Something is in the way; names it.
    """
    own = exported.hashes()
    problems = []
    for name in paths:
        path = folder / name
        inner = [folder / above for above in PurePosixPath(name).parents if str(above) != "."]
        if any(above.is_symlink() or (above.exists() and not above.is_dir()) for above in inner):
            problems.append(f"{name} (below a link or a file)")
        elif path.is_symlink() or (path.exists() and not path.is_file()):
            problems.append(f"{name} (no file)")
        elif path.is_file() and files.file_sha256(path) not in own.get(name, ()):
            problems.append(f"{name} (changed since it was written)" if name in own else name)
    if problems:
        raise ConfigError(
            f"{folder}: in the way of the export, and not written by it:{itemize(problems)}",
            fix="choose another DIR, or move what is in the way",
        )


def clear(folder: Path) -> None:
    """Removes files that were not published."""
    shutil.rmtree(folder / INCOMING, ignore_errors=True)


def incoming(folder: Path) -> Path:
    """An empty folder for the files of a format."""
    clear(folder)
    path = folder / INCOMING
    with files.disk_errors(path, "DIR"):
        path.mkdir(parents=True)
    return path


def publish(
    folder: Path,
    name: str,
    exported: Exported,
    options: Mapping[str, Any],
    made: Mapping[str, Path],
    audio: Mapping[str, Written],
) -> None:
    """Moves the files of a format to their places, and removes files that no format uses any more.

    Args:
        made: Paths now by path below ``folder``.
        audio: The audio that the format uses.
    """
    entry = {
        "options": dict(options),
        "files": {path: files.file_sha256(now) for path, now in sorted(made.items())},
        "audio": {path: file.sha256 for path, file in sorted(audio.items())},
    }
    check_paths(folder, exported, made)
    old = exported.hashes()
    both = {*_pairs(old), *entry["files"].items(), *entry["audio"].items()}
    exported.spare = sorted([path, sha256] for path, sha256 in both)
    exported.save(folder)
    with files.disk_errors(folder, "DIR"):
        for path, now in made.items():
            files.move_atomic(now, folder / path)
    exported.formats[name] = entry
    exported.spare = []
    kept = exported.hashes()
    for path, hashes in old.items():
        if path not in kept and (folder / path).is_file() and files.file_sha256(folder / path) in hashes:
            (folder / path).unlink()
    exported.save(folder)
    clear(folder)


def _pairs(hashes: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    return [(path, sha256) for path, own in hashes.items() for sha256 in own]


def _checked(entry: Any) -> dict[str, Any]:
    return {
        "options": dict(entry["options"]),
        "files": {_inside(path): str(sha256) for path, sha256 in entry["files"].items()},
        "audio": {_inside(path): str(sha256) for path, sha256 in entry["audio"].items()},
    }


def _inside(path: Any) -> str:
    """The path itself.

    Raises:
        ValueError: It may lead out of the folder.
    """
    parts = PurePosixPath(path).parts
    if not isinstance(path, str) or path.startswith("/") or ".." in parts or "\\" in path or len(parts) < 2:
        raise ValueError(f"{path!r} is not the path of an exported file")
    return path
