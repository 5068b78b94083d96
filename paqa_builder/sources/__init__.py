"""Sources: adapters that list a corpus's clips and their ground truth, one corpus per file.

To add a corpus, subclass :class:`Source` in a file and point ``--plugin`` at it; see
``examples/new_corpus.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from paqa_builder.errors import SourceError
from paqa_builder.records import TRUTH, Clip, Origin, Tag, Truth, Turn, Utterance, Word

SPLITS = ("train", "validation", "test")


class SourceOptions(BaseModel):
    """A source's settings. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(ABC):
    """A corpus on disk.

    Class attributes:
        name: Its name in the registry and in the ``source`` column.
        revision: Revision of the adapter and the corpus; a change redoes facts and questions.
        Options: The pydantic model of its settings.
    """

    plugin_kind: ClassVar[str] = "source"
    name: ClassVar[str]
    revision: ClassVar[str] = "1"
    Options: ClassVar[type[SourceOptions]] = SourceOptions

    def __init__(self, root: Path | None, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()
        if root is None:
            raise SourceError(f"source {self.name!r} needs to know where its audio is", fix="add --root DIR")
        if not root.is_dir():
            raise SourceError(f"{root}: no such folder", fix="check --root")
        self.root = root

    @property
    def origin(self) -> Origin:
        """The origin of this corpus's own annotation."""
        return Origin(TRUTH, self.name, self.revision)

    @property
    def vocabulary(self) -> frozenset[str] | None:
        """The labels that the corpus's annotators could give, or None for no fixed list.

        ``Truth.tags_complete`` holds within it: a label outside was never looked for.
        """
        return None

    def presence(self, label: str) -> Tag:
        """A clip-level label: the sound is somewhere in the clip, nobody says when.

        A source does not decode audio, so it does not know the clip's length; the tag ends at 0
        until :func:`settle_truth` lets it span the clip.
        """
        return Tag(0.0, 0.0, label, 1.0, "clip", localized=False, origin=self.origin)

    def spoken(
        self,
        text: str,
        language: str | None,
        speaker: str | None = None,
        translation: str | None = None,
        translation_language: str | None = None,
    ) -> Utterance:
        """What is said in the clip, nobody says when: it ends at 0 until it is let span the clip."""
        return Utterance(
            0.0, 0.0, speaker, text, (), language, 1.0, self.origin, translation, translation_language
        )

    @abstractmethod
    def clips(self) -> Iterator[Clip]:
        """Yields every clip once, in an order that depends on the corpus alone.

        A clip whose audio is unreadable is still yielded: reading it makes the error row.

        Raises:
            SourceError: The corpus as a whole cannot be listed (no folder, no CSV, no column).
        """


_Timed = TypeVar("_Timed", Turn, Tag, Utterance, Word)


def settle_truth(truth: Truth, duration: float) -> Truth:
    """Fits a corpus's annotation to the clip's length in seconds, known once it is decoded.

    Clip-level tags, and utterances that nobody timed, span the clip. Everything else is cut at the
    clip's borders, dropped where nothing is left of it, and sorted by time. Layers that are None stay
    None.
    """

    def inside(records: Sequence[_Timed]) -> tuple[_Timed, ...]:
        cut = (replace(r, start=max(0.0, r.start), end=min(duration, r.end)) for r in records)
        return tuple(sorted((r for r in cut if r.start < r.end), key=lambda r: (r.start, r.end)))

    def spoken(utterances: Sequence[Utterance]) -> tuple[Utterance, ...]:
        spread = [u if u.end > 0.0 else replace(u, end=duration) for u in utterances]
        return tuple(replace(u, words=inside(u.words)) for u in inside(spread))

    def heard(tags: Sequence[Tag]) -> tuple[Tag, ...]:
        spread = (t if t.localized else replace(t, start=0.0, end=duration) for t in tags)
        return inside(list(spread))

    return replace(
        truth,
        turns=None if truth.turns is None else inside(truth.turns),
        tags=None if truth.tags is None else heard(truth.tags),
        utterances=None if truth.utterances is None else spoken(truth.utterances),
    )
