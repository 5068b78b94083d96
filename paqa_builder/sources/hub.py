"""``hub``: any data set with audio of the Hugging Face Hub, or a local copy of one, by a map of its columns.

The option ``path`` is a name (``owner/name``) or a folder with Parquet files, an ``audiofolder`` or any
other layout that ``datasets`` loads; ``columns`` says which column holds what. Rows are streamed: each is
read once, its audio is kept undecoded in the work folder, and an interrupted listing continues. The commit
on the Hub is part of the source's revision.

Source: Lhoest et al., "Datasets: A Community Library for Natural Language Processing", EMNLP 2021.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from paqa_builder.errors import SourceError
from paqa_builder.licenses import UNKNOWN, from_hub
from paqa_builder.records import Clip
from paqa_builder.sources import SPLITS, Source
from paqa_builder.sources.hub_columns import truth_of
from paqa_builder.sources.hub_options import HubOptions
from paqa_builder.sources.hub_rows import HubRows, Row

log = logging.getLogger(__name__)


class Hub(Source):
    """A data set with audio of the Hugging Face Hub. A clip's id is ``<split>/<number of the row>``."""

    name: ClassVar[str] = "hub"
    Options = HubOptions

    def __init__(self, root: Path | None, options: Any = None) -> None:
        self.options = options if options is not None else HubOptions.model_validate({})
        path = self.options.path or (str(root) if root is not None else "")
        if not path:
            raise SourceError(
                "source 'hub' needs the name or the folder of a data set",
                fix="set source_options: {path: owner/name}, or add --root DIR",
            )
        for split in self.options.splits.values():
            if split not in SPLITS:
                raise SourceError(
                    f"options of source 'hub': the split {split!r} is none of {', '.join(SPLITS)}",
                    fix="write splits: {name in the data set: train}",
                )
        self.root = root or Path()
        self._path = path

    def clips(self) -> Iterator[Clip]:
        rows = HubRows(self._path, self.options, self.derived)
        # Records name the commit from which they come.
        self.revision = f"{type(self).revision}+{rows.revision}"  # type: ignore[misc]
        seen: dict[str, str] = {}
        for row in rows:
            clip = self._clip(row, rows)
            if clip.id in seen:
                raise SourceError(
                    f"{row.where}: the id {clip.id!r} is that of {seen[clip.id]}, too",
                    fix="choose another column for id, or none",
                )
            seen[clip.id] = row.where
            yield clip

    def _clip(self, row: Row, rows: HubRows) -> Clip:
        values = row.values
        speakers = values.get("speaker")
        speakers = speakers if isinstance(speakers, list) else [speakers]
        recordings = values.get("group")
        recordings = recordings if isinstance(recordings, list) else [recordings]
        groups = [
            f"{kind}:{name}"
            for kind, names in (("recording", recordings), ("speaker", speakers))
            for name in dict.fromkeys(names)
            if name not in (None, "")
        ]
        stated = values.get("license") or self.options.license or rows.license
        return Clip(
            id=str(values["id"]) if values.get("id") not in (None, "") else f"{row.split}/{row.number:08d}",
            source=self.name,
            split=row.split_here,
            path=str(row.path),
            license=from_hub(str(stated)) if stated else UNKNOWN,
            attribution=str(values.get("attribution") or self.options.attribution or rows.name),
            source_url=str(values.get("source_url") or rows.url),
            truth=truth_of(values, self.origin, self.options.language, row.where),
            groups=tuple(groups),
        )
