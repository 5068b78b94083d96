"""Base of read-only files that know their size and are read from any place."""

from __future__ import annotations

import io


class SeekableFile(io.RawIOBase):
    """A readable file with a place; subclasses give ``size`` and :meth:`readinto`."""

    _place = 0
    size: int

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("seek before the beginning of the file")
        self._place = base + offset
        return self._place
