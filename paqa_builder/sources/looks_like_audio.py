"""Recognition of files that look like audio although their names have no suffix that is read."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from paqa_builder.audio.containers import sniff

_READ = 4096
"""Bytes of a file of unknown type that are looked at: a few frames of MPEG audio."""
_FURTHER = (
    ".3g2", ".3ga", ".aa", ".aax", ".ape", ".asf", ".dff", ".dsd", ".dsf", ".dss", ".dts", ".f4a", ".flv",
    ".gsm", ".ircam", ".kar", ".m2ts", ".m4p", ".m4r", ".m4v", ".mid", ".midi", ".mlp", ".mpc", ".mts",
    ".mxf", ".nist", ".ofr", ".oma", ".ogm", ".ogv", ".ogx", ".pcm", ".ra", ".ram", ".raw", ".rm",
    ".rmvb", ".sd2", ".sf", ".shn", ".sph", ".tak", ".thd", ".vob", ".vox", ".vqf", ".wmv", ".xmf",
)  # fmt: skip
# The table of Python itself: that of the system differs between machines.
_TYPES = mimetypes.MimeTypes()
_PLAYLISTS = (".m3u", ".m3u8", ".pls", ".xspf", ".asx", ".wpl")


def looks_like_audio(path: Path) -> bool:
    """Whether the type of a file is audio or video, by its suffix or, if that is unknown, its first bytes."""
    suffix = path.suffix.lower()
    if suffix in _FURTHER:
        return True
    if suffix in _PLAYLISTS:
        return False
    kind = _TYPES.guess_type(path.name)[0]
    if kind is not None:
        return kind.startswith(("audio/", "video/"))
    try:
        with path.open("rb") as file:
            head = file.read(_READ)
    except OSError:
        return False
    found = sniff(head)
    return found is not None and (found != "mov" or head[4:8] == b"ftyp")
