"""Sources: adapters that list the clips of a corpus and their ground truth, one corpus per file.

To add a corpus, subclass :class:`Source` in a file and point ``--plugin`` at it; see
``examples/new_corpus.py``.
"""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict

from paqa_builder.errors import SourceError
from paqa_builder.records import TRUTH, Clip, Origin, Tag, Truth, Turn, Utterance, Word
from paqa_builder.sources.downloads import Downloads
from paqa_builder.sources.header import columns_of

if TYPE_CHECKING:
    from paqa_builder.sources.derived import DerivedAudio

SPLITS = ("train", "validation", "test")


class SourceOptions(BaseModel):
    """Base class of a source's options. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(ABC):
    """A corpus on disk.

    Class attributes:
        name: Its name in the registry and in the ``source`` column.
        revision: Revision of the adapter and the corpus; a change redoes facts and questions.
        Options: The pydantic model of its settings.
        layout: Patterns of files or folders that only the root has, such as ``"meta/birds.csv"``. If
            ``--root`` is a folder near it, the error names the root.
        downloads: The official files, for ``paqa fetch``; None where the corpus cannot be had without a form.
    """

    plugin_kind: ClassVar[str] = "source"
    name: ClassVar[str]
    revision: ClassVar[str] = "1"
    Options: ClassVar[type[SourceOptions]] = SourceOptions
    layout: ClassVar[tuple[str, ...]] = ()
    downloads: ClassVar[Downloads | None] = None

    def __init__(self, root: Path | None, options: Any = None) -> None:
        self.options: Any = options if options is not None else self.Options()
        if root is None:
            raise SourceError(f"source {self.name!r} needs the folder of the corpus", fix="add --root DIR")
        if not root.is_dir():
            raise SourceError(f"{root}: no such folder", fix="check --root")
        self.root = root

    @cached_property
    def derived(self) -> DerivedAudio:
        """Makes audio files for clips that are no files of the corpus: excerpts, joined files.

        A build sets it, so that they are in its work folder. Elsewhere none is made.
        """
        from paqa_builder.sources.derived import DerivedAudio

        return DerivedAudio()

    @classmethod
    def fetched_options(cls, subsets: Sequence[str]) -> dict[str, Any]:
        """Options for a folder into which only some of the :attr:`downloads` were fetched.

        Args:
            subsets: The subsets that are there.
        """
        return {"subsets": tuple(subsets)} if "subsets" in cls.Options.model_fields else {}

    @property
    def origin(self) -> Origin:
        """The origin of this corpus's own annotation."""
        return Origin(TRUTH, self.name, self.revision)

    @property
    def vocabulary(self) -> frozenset[str] | None:
        """The labels available to the corpus's annotators; None without a fixed list.

        ``Truth.tags_complete`` refers to these labels only.
        """
        return None

    def presence(self, label: str) -> Tag:
        """A clip-level label: a sound at an unknown time in the clip.

        A source does not decode audio, so the clip's length is unknown. The tag ends at 0 until
        :func:`settle_truth` extends it to the whole clip.
        """
        return Tag(0.0, 0.0, label, 1.0, "clip", localized=False, origin=self.origin)

    def spoken(
        self,
        text: str,
        language: str | None,
        speaker: str | None = None,
        translation: str | None = None,
        translation_language: str | None = None,
        emotion: str | None = None,
    ) -> Utterance:
        """An utterance at an unknown time in the clip; :func:`settle_truth` extends it to the whole clip."""
        return Utterance(
            0.0,
            0.0,
            speaker,
            text,
            (),
            language,
            1.0,
            self.origin,
            translation,
            translation_language,
            emotion,
        )

    @abstractmethod
    def clips(self) -> Iterator[Clip]:
        """Yields every clip once, in an order that depends on the corpus alone.

        Clips with unreadable audio are yielded, too: the build records their failure.

        Raises:
            SourceError: The corpus cannot be listed (missing folder, table or column).
        """


def read_table(
    path: Path,
    columns: Sequence[str],
    *,
    optional: Sequence[str] = (),
    exact: Collection[str] = (),
    encodings: Sequence[str] = ("utf-8-sig",),
    fix: str | None = None,
    **options: Any,
) -> Iterator[tuple[str, dict[str, str]]]:
    """Reads a table of a corpus (CSV with a header).

    Names of columns are recognised in any case and with surrounding spaces.

    Args:
        columns: Columns that the table must have; it may have more.
        optional: Further columns that are read if they are there.
        exact: Columns whose cells keep surrounding spaces.
        encodings: The table is read in the first of these that can decode all of it.
        fix: Advice for the error if the table cannot be read or lacks a column.
        options: Format options of :class:`csv.DictReader`, such as ``delimiter``.

    Yields:
        The position of a row for error messages, and its cells by column, without surrounding spaces.

    Raises:
        SourceError: The table cannot be read, lacks a column or misspells one, or has a row with another
            number of fields.
    """
    try:
        with path.open(encoding=_encoding_of(path, encodings), newline="") as file:
            table = csv.DictReader(file, strict=True, **options)
            names = columns_of(table.fieldnames or (), [*columns, *optional], path)
            table.fieldnames = names
            if missing := [column for column in columns if column not in names]:
                raise SourceError(
                    f"{path}: no column {missing[0]!r}; it has {', '.join(names) or 'nothing'}", fix=fix
                )
            for row in table:
                where = f"{path}, row {table.line_num}"
                if None in row or None in row.values():
                    raise SourceError(f"{where}: has not as many fields as the first line ({len(names)})")
                yield where, {name: text if name in exact else text.strip() for name, text in row.items()}
    except FileNotFoundError as error:
        raise SourceError(f"{path}: not there", fix=fix) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        known = " or ".join(encodings).replace("utf-8-sig", "UTF-8")
        raise SourceError(f"{path}: cannot be read as CSV in {known} ({error})", fix=fix) from error


def _encoding_of(path: Path, encodings: Sequence[str]) -> str:
    """The first encoding that decodes a file, else the last."""
    for encoding in encodings[:-1]:
        try:
            with path.open(encoding=encoding, newline="") as file:
                while file.read(1 << 16):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    return encodings[-1]


def require(*paths: Path, fix: str | None = None) -> None:
    """Checks that tables and folders of a corpus are there.

    Raises:
        SourceError: Names the first that is not.
    """
    for path in paths:
        if not path.exists():
            raise SourceError(f"{path}: not there", fix=fix)


def plain_name(name: str, where: str) -> str:
    """A file name from a table.

    Raises:
        SourceError: It is empty, or leads to another folder.
    """
    if not name.strip() or name in (".", "..") or any(mark in name for mark in "/\\\0"):
        raise SourceError(f"{where}: {name!r} is no file name")
    return name


_Timed = TypeVar("_Timed", Turn, Tag, Utterance, Word)


def settle_truth(truth: Truth, duration: float) -> Truth:
    """Fits a corpus's annotation to a clip of ``duration`` seconds.

    Clip-level tags and utterances without times span the clip. All other records are cut at the clip's
    borders, dropped if nothing remains, and sorted by time. Layers that are None stay None.
    """

    def inside(records: Sequence[_Timed]) -> tuple[_Timed, ...]:
        cut = (replace(r, start=max(0.0, r.start), end=min(duration, r.end)) for r in records)
        return tuple(sorted((r for r in cut if r.start < r.end), key=lambda r: (r.start, r.end)))

    def spoken(utterances: Sequence[Utterance]) -> tuple[Utterance, ...]:
        spread = [replace(u, end=duration) if u.start == u.end == 0.0 else u for u in utterances]
        return tuple(replace(u, words=inside(u.words)) for u in inside(spread))

    def sounding(tags: Sequence[Tag]) -> tuple[Tag, ...]:
        return inside([t if t.localized else replace(t, start=0.0, end=duration) for t in tags])

    return replace(
        truth,
        turns=None if truth.turns is None else inside(truth.turns),
        tags=None if truth.tags is None else sounding(truth.tags),
        utterances=None if truth.utterances is None else spoken(truth.utterances),
    )
