"""The clips of a listing whose licence is allowed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator

from paqa_builder.errors import SourceError
from paqa_builder.licenses import allows
from paqa_builder.records import Clip

log = logging.getLogger(__name__)


class Licensed:
    """Leaves out clips under other licences than the allowed ones, and counts them.

    Args:
        allowed: Names of licences (:func:`paqa_builder.licenses.allows`); empty for all.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = allowed
        self.left_out: Counter[str] = Counter()

    def of(self, clips: Iterator[Clip]) -> Iterator[Clip]:
        """The clips under allowed licences."""
        for clip in clips:
            if not self._allowed or allows(self._allowed, clip.license):
                yield clip
            else:
                self.left_out[clip.license] += 1

    def report(self, *, none_left: bool) -> None:
        """Warns of the clips that were left out.

        Raises:
            SourceError: No clip is left.
        """
        if not self.left_out:
            return
        counted = ", ".join(f"{count} under {name}" for name, count in self.left_out.most_common())
        if none_left:
            raise SourceError(
                f"no clip has an allowed licence; left out: {counted}", fix="change --license-allow"
            )
        log.warning("clips left out, because their licence is not allowed: %s", counted)
