"""Description of a corpus's official files, for ``paqa fetch``.

A source states them in its class attribute ``downloads``::

    downloads = Downloads(
        license="CC-BY-4.0",
        page="https://zenodo.org/records/4060432",
        archives=(
            Archive("zip", (RemoteFile("https://…/eval.z01", 3_221_225_472, "md5:…"), …), subset="eval"),
        ),
    )
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote, urlsplit

ALL = -1
"""Value of :attr:`Archive.small`: the small cut has the whole archive."""
_UNPACKED = 1.3
"""Estimated growth of archives of audio."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file on a server.

    Attributes:
        source: A URL, or ``"datasets/owner/repository:path"`` on the Hugging Face Hub.
        bytes: Its size; 0 where it is unknown. Checked where no checksum is known.
        checksum: ``"md5:…"`` or ``"sha256:…"``; empty where none could be found.
        path: Where a file that is no archive is stored; by default under its name.
    """

    source: str
    bytes: int = 0
    checksum: str = ""
    path: str = ""

    @property
    def name(self) -> str:
        """The file's name in the address."""
        path = urlsplit(self.source).path if "://" in self.source else self.source
        return unquote(path).rsplit("/", 1)[-1].rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class GitTree:
    """A folder of unpacked files that is a folder of a git repository, whose tree's hash verifies it.

    Attributes:
        folder: Path below the corpus's root.
        sha1: Hash of the tree object.
        lfs: Whether the repository holds pointers of Git LFS in place of the files.
    """

    folder: str
    sha1: str
    lfs: bool = False


@dataclass(frozen=True, slots=True)
class Archive:
    """Files that are downloaded together, and how they are unpacked.

    Attributes:
        kind: ``"zip"`` (all parts in order), ``"tar"`` (also compressed), ``"7z"``, or ``"files"``: files
            that are stored as they are.
        files: The archive or its parts; with ``"files"`` the files.
        subset: The part of the corpus that it belongs to; empty: every part needs it.
        label: Name in messages, unique in the corpus; by default that of the last file.
        about_bytes: Bytes to download, where those of the files are not known.
        unpacked: Bytes after unpacking; 0: estimated. More than twice as many are refused.
        into: Folder below the root that it is unpacked into.
        strip: Leading folder of its members that is left out.
        only: Folder (after ``strip``) outside of which members are left out.
        inner: Archives among its members (``.tar.gz``) that are unpacked where they are, and removed.
        small: Number of audio files in the small cut, from the beginning; 0: none; :data:`ALL`: all.
        small_bytes: Bytes that this takes to download.
        small_only: Whether it is for the small cut alone.
        whole_folders: Whether the small cut ends at the end of a folder.
        trees: Verify the unpacked files, where the archive has no checksum or is not byte-stable.
    """

    kind: Literal["zip", "tar", "7z", "files"]
    files: tuple[RemoteFile, ...]
    subset: str = ""
    label: str = ""
    about_bytes: int = 0
    unpacked: int = 0
    into: str = ""
    strip: str = ""
    only: str = ""
    inner: tuple[str, ...] = ()
    small: int = 0
    small_bytes: int = 0
    small_only: bool = False
    whole_folders: bool = False
    trees: tuple[GitTree, ...] = ()

    @property
    def name(self) -> str:
        """Name in messages and records, unique in a corpus."""
        return self.label or self.files[-1].name

    @property
    def bytes(self) -> int:
        """Bytes to download, as far as they are known."""
        return self.about_bytes or sum(file.bytes for file in self.files)

    @property
    def unpacked_bytes(self) -> int:
        """Bytes after unpacking, estimated where they are not stated."""
        return self.unpacked or (self.bytes if self.kind == "files" else round(self.bytes * _UNPACKED))

    @property
    def limit(self) -> int:
        """Most bytes that are unpacked."""
        return 2 * self.unpacked if self.unpacked else 20 * self.bytes + (1 << 30)

    @property
    def verified(self) -> bool:
        """Whether every file has a checksum, or the unpacked files have one."""
        on_hub = all("://" not in file.source for file in self.files)
        return bool(self.trees) or on_hub or all(file.checksum for file in self.files)


@dataclass(frozen=True, slots=True)
class Downloads:
    """The official files of a corpus.

    Attributes:
        license: Licence of the corpus as a whole.
        page: Page with its terms.
        archives: Its archives, in the order in which they are fetched.
        note: What is not among them, or must be known before use.
    """

    license: str
    page: str
    archives: tuple[Archive, ...]
    note: str = ""

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the parts that can be fetched alone, in order."""
        return tuple(dict.fromkeys(archive.subset for archive in self.whole if archive.subset))

    @property
    def whole(self) -> tuple[Archive, ...]:
        """The archives of the whole corpus."""
        return tuple(archive for archive in self.archives if not archive.small_only)

    @property
    def bytes(self) -> int:
        """Bytes of the whole corpus to download, as far as they are known."""
        return sum(archive.bytes for archive in self.whole)

    def select(self, subsets: Iterable[str] = ()) -> tuple[Archive, ...]:
        """The archives of some parts; all without names."""
        chosen = set(subsets) or set(self.subsets)
        return tuple(archive for archive in self.whole if not archive.subset or archive.subset in chosen)

    def small(self) -> tuple[Archive, ...]:
        """The archives of the small cut."""
        return tuple(archive for archive in self.archives if archive.small)


def zenodo(record: int, name: str, size: int = 0, md5: str = "") -> RemoteFile:
    """A file of a Zenodo record."""
    return RemoteFile(
        f"https://zenodo.org/records/{record}/files/{name}?download=1", size, f"md5:{md5}" if md5 else ""
    )


def openslr(resource: int, name: str, size: int = 0, md5: str = "") -> RemoteFile:
    """A file of OpenSLR."""
    url = f"https://www.openslr.org/resources/{resource}/{name}"
    return RemoteFile(url, size, f"md5:{md5}" if md5 else "")
