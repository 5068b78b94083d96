"""Parquet files in which audio is stored once, however many rows use it.

Arrow writes a dictionary of byte strings, and each row's place in it, if two things hold: the
dictionary has no value twice, and it is not over a limit. So equal files are found by content, and
row groups end early where audio is large, which also bounds what writer and readers hold in memory.
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
"""Bytes of different audio in a row group: what the writer holds in memory …"""
GROUP_DECODED = 256 << 20
"""… and of each row's audio, repeated: what a reader does."""
SHARD_ROWS = 20_000


class Configuration:
    """All shards of one configuration. Splits may come in any order, so each has its own."""

    def __init__(self, aside: Path, folder: str, columns: schema.Columns, shard_bytes: int) -> None:
        self.folder = folder
        self.splits = {split: _Split(aside / folder, split, columns, shard_bytes) for split in SPLITS}

    def add(self, split: str, rows: list[dict[str, Any]], audio: tuple[bytes, str] | None) -> None:
        """Adds the rows of one clip.

        Args:
            audio: The bytes of the clip's file and its name, or None for rows without.
        """
        self.splits[split].add(rows, audio)

    def close(self) -> dict[str, tuple[Path, int]]:
        """Finishes all files: final path below the data set's folder -> (where it is now, rows)."""
        placed = {}
        for name, split in self.splits.items():
            files = split.close()
            for n, (path, rows) in enumerate(files):
                placed[f"{self.folder}/{name}-{n:05d}-of-{len(files):05d}.parquet"] = (path, rows)
        return placed


class _Split:
    """The shards of one split: rows are collected into row groups, row groups into files."""

    def __init__(self, folder: Path, split: str, columns: schema.Columns, shard_bytes: int) -> None:
        self.folder, self.split, self.columns, self.shard_bytes = folder, split, columns, shard_bytes
        self.done: list[tuple[Path, int]] = []
        self.writer: pyarrow.parquet.ParquetWriter | None = None
        self.written_rows = self.written_audio = 0
        self._clear()

    def _clear(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.audio: list[tuple[int, str] | None] = []  # for each row, place in ``contents`` and name
        self.contents: dict[bytes, int] = {}
        self.unique = self.decoded = 0

    def add(self, rows: list[dict[str, Any]], audio: tuple[bytes, str] | None) -> None:
        """Adds the rows of one clip; they stay in one file."""
        data, name = audio or (b"", "")
        for row in rows:
            fresh = 0 if data in self.contents else len(data)
            full = self.decoded + len(data) > GROUP_DECODED or self.unique + fresh > GROUP_UNIQUE
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
                self.folder / f"{self.split}-{len(self.done):05d}.parquet",
                table.schema,
                compression="snappy",  # what the Hub itself writes; audio hardly shrinks anyway
                dictionary_pagesize_limit=(1 << 31) - 1,  # row groups are kept small above
                write_page_index=True,
                # Else the file would tell Arrow to read the audio back as a dictionary, which
                # `datasets` does not expect. The features go in on closing.
                store_schema=False,
            )
        self.writer.write_table(table, row_group_size=len(self.rows))
        self._clear()

    def _audio_array(self) -> pyarrow.Array:
        import pyarrow as pa

        place = pa.array([audio and audio[0] for audio in self.audio], pa.int32())
        name = pa.array([audio and audio[1] for audio in self.audio], pa.string())
        return pa.StructArray.from_arrays(
            [pa.DictionaryArray.from_arrays(place, pa.array(list(self.contents), pa.binary())), name],
            fields=list(schema.arrow_type(schema.AUDIO)),
            mask=place.is_null(),
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
