"""Writes Parquet shards in which each audio file is stored once per row group.

Arrow writes a dictionary of byte strings and an index per row if the dictionary has no value twice and
does not exceed a limit. Equal audio files are therefore found by content. Row groups end early where audio
is large, which also bounds the memory of the writer and of readers.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder.dataset import schema
from paqa_builder.sources import SPLITS

if TYPE_CHECKING:
    import pyarrow.parquet

GROUP_ROWS = 100
GROUP_UNIQUE = 48 << 20
"""Bytes of distinct audio in a row group: bounds the writer's memory."""
GROUP_DECODED = 256 << 20
"""Bytes of audio in a row group, counted once per row: bounds a reader's memory."""
SHARD_ROWS = 20_000


class Configuration:
    """The shards of one configuration; every split has its own, so that splits may come in any order.

    Args:
        prefix: First part of the names of its files, where configurations share a folder.
    """

    def __init__(
        self, temporary: Path, folder: str, columns: schema.Columns, shard_bytes: int, prefix: str = ""
    ) -> None:
        self.folder = folder
        self.splits = {
            split: _Split(temporary / folder, f"{prefix}{split}", columns, shard_bytes) for split in SPLITS
        }

    def add(self, split: str, rows: list[dict[str, Any]], audio: tuple[bytes, str] | None) -> None:
        """Adds the rows of one clip.

        Args:
            audio: The bytes of the clip's file and its name; None for rows without audio.
        """
        self.splits[split].add(rows, audio)

    def close(self) -> dict[str, tuple[Path, int]]:
        """Finishes all files; maps final path below the data set's folder -> (path now, number of rows)."""
        shards = {}
        for split in self.splits.values():
            files = split.close()
            for n, (path, rows) in enumerate(files):
                shards[f"{self.folder}/{split.name}-{n:05d}-of-{len(files):05d}.parquet"] = (path, rows)
        return shards


class _Split:
    """The shards of one split: rows are collected into row groups, row groups into files."""

    def __init__(self, folder: Path, name: str, columns: schema.Columns, shard_bytes: int) -> None:
        self.folder, self.name, self.columns, self.shard_bytes = folder, name, columns, shard_bytes
        self.done: list[tuple[Path, int]] = []
        self.writer: pyarrow.parquet.ParquetWriter | None = None
        self.written_rows = self.written_audio = 0
        self._clear()

    def _clear(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.audio: list[tuple[int, str] | None] = []  # for each row: index in `contents`, file name
        self.contents: dict[bytes, int] = {}
        self.unique = self.decoded = 0

    def add(self, rows: list[dict[str, Any]], audio: tuple[bytes, str] | None) -> None:
        """Adds the rows of one clip; all of them go to the same file."""
        data, name = audio or (b"", "")
        for row in rows:
            added = 0 if data in self.contents else len(data)
            full = self.decoded + len(data) > GROUP_DECODED or self.unique + added > GROUP_UNIQUE
            if self.rows and (full or len(self.rows) == GROUP_ROWS):
                self._flush()
            if audio and data not in self.contents:
                self.contents[data] = len(self.contents)
                self.unique += len(data)
            self.rows.append(row)
            self.audio.append((self.contents[data], name) if audio else None)
            self.decoded += len(data)
        self.written_rows += len(rows)
        self.written_audio += len(data)
        if self.written_audio >= self.shard_bytes or self.written_rows >= SHARD_ROWS:
            self._finish()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrays = [
            self._audio_array()
            if kind == schema.AUDIO
            else pa.array([row[name] for row in self.rows], schema.arrow_type(kind))
            for name, kind in self.columns.items()
        ]
        table = pa.Table.from_arrays(arrays, names=list(self.columns))
        if self.writer is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.writer = pq.ParquetWriter(
                self.folder / f"{self.name}-{len(self.done):05d}.parquet",
                table.schema,
                compression="snappy",  # the Hub writes this too; audio hardly shrinks
                dictionary_pagesize_limit=(1 << 31) - 1,  # `add` keeps row groups small
                write_page_index=True,
                # A stored schema makes Arrow read the audio as a dictionary, which `datasets` does not
                # expect. The features are added on closing.
                store_schema=False,
            )
        self.writer.write_table(table, row_group_size=len(self.rows))
        self._clear()

    def _audio_array(self) -> pyarrow.Array:
        import pyarrow as pa

        index = pa.array([audio and audio[0] for audio in self.audio], pa.int32())
        name = pa.array([audio and audio[1] for audio in self.audio], pa.string())
        return pa.StructArray.from_arrays(
            [pa.DictionaryArray.from_arrays(index, pa.array(list(self.contents), pa.binary())), name],
            fields=list(schema.arrow_type(schema.AUDIO)),
            mask=index.is_null(),
        )

    def _finish(self) -> None:
        if self.rows:
            self._flush()
        if self.writer is None:
            return
        self.writer.add_key_value_metadata(schema.hub_metadata(self.columns))
        self.writer.close()
        self.done.append((Path(self.writer.where), self.written_rows))
        self.writer = None
        self.written_rows = self.written_audio = 0

    def close(self) -> list[tuple[Path, int]]:
        self._finish()
        return self.done
