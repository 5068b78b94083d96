"""The clips of a manifest without some of them, and with other splits and groups of some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from paqa_builder import files
from paqa_builder.files import Fingerprint
from paqa_builder.files.manifest import Manifest

Change = tuple[str, tuple[str, ...]]
"""Split and groups."""


class Selection:
    """A view of a manifest; see there.

    Args:
        left_out: Positions of clips that are left out, in order.
        changes: Splits and groups of clips, by position in the manifest.
    """

    def __init__(self, manifest: Manifest, left_out: list[int], changes: Mapping[int, Change]) -> None:
        self._manifest = manifest
        self._left_out = frozenset(left_out)
        # A clip's place is its position, and one more for every clip that is left out before it.
        self._gaps = np.array(left_out, np.int64) - np.arange(len(left_out))
        self._changes = changes
        self.count = manifest.count - len(left_out)
        self.size = manifest.size
        self.grouped = manifest.grouped
        self.content = files.digest([manifest.content, left_out, sorted(changes.items())], 64)

    def items(self, start: int, count: int) -> list[Fingerprint]:
        """The clips at ``count`` positions from ``start``."""
        places = [self._place(position) for position in range(start, min(start + count, self.count))]
        if not places:
            return []
        first = places[0]
        read = self._manifest.items(first, places[-1] + 1 - first)
        return [self._changed(place, read[place - first]) for place in places]

    def __iter__(self) -> Iterator[Fingerprint]:
        for place, item in enumerate(self._manifest):
            if place not in self._left_out:
                yield self._changed(place, item)

    def _place(self, position: int) -> int:
        return position + int(np.searchsorted(self._gaps, position, "right"))

    def _changed(self, place: int, item: Fingerprint) -> Fingerprint:
        if place not in self._changes:
            return item
        split, groups = self._changes[place]
        return replace(item, clip=replace(item.clip, split=split, groups=groups))
