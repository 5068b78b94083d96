"""The rows of a data set of the Hub, streamed once: an index of what was read, and the audio as it is.

::

    WORK/derived-audio/hub-<key>/about.json               splits, licence, column of the audio
    WORK/derived-audio/hub-<key>/<split>/part-00000.jsonl  where the stream continues, then up to 64 rows
    WORK/derived-audio/ab/<sha256>.mp3                     the audio

The key covers the data set's revision and the map of the columns. A part that is missing or damaged, or whose
audio is missing, is streamed again, with those after it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paqa_builder.errors import SourceError
from paqa_builder.files import digest, state
from paqa_builder.sources import hub_data
from paqa_builder.sources.derived import DerivedAudio
from paqa_builder.sources.folder import SPLIT_FOLDERS
from paqa_builder.sources.hub_columns import Values, cell, feature_of, plain
from paqa_builder.sources.hub_locate import locate

if TYPE_CHECKING:
    from paqa_builder.sources.hub_options import HubOptions

_PART = 64
"""Rows after which the index is written."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a data set.

    Attributes:
        split: Its split in the data set.
        split_here: ``"train"``, ``"validation"`` or ``"test"``.
        number: Position in the split, from 0.
        path: Its audio.
        where: The row, for error messages.
    """

    split: str
    split_here: str
    number: int
    values: Values
    path: Path
    where: str


class HubRows:
    """All rows of the splits of a data set, in order.

    Attributes:
        revision: The commit on the Hub, or a hash of the names and sizes of a folder's files.
        license: As the data set's card states it; empty without one.
        url: Its page on the Hub; empty for a folder.
    """

    def __init__(self, path: str, options: HubOptions, derived: DerivedAudio) -> None:
        self._options, self._derived = options, derived
        self._data = locate(path, options.revision)
        self.revision, self.url, self.name = self._data.revision, self._data.url, self._data.name
        columns = options.columns.model_dump(mode="json")
        key = digest([1, self._data.identity, options.config, columns])
        self._folder = derived.folder / f"hub-{key}"

    def __iter__(self) -> Iterator[Row]:
        for split, here in self._splits().items():
            yield from self._split(split, here)

    @property
    def license(self) -> str:
        return str(self._about["license"])

    @cached_property
    def _about(self) -> dict[str, Any]:
        """Facts of the data set that a finished listing needs without opening it again."""
        path = self._folder / "about.json"
        known = state.read(path)
        if known is None:
            splits = self._opened
            first = next(iter(splits.values()))
            features = hub_data.features_of(first, self.name)
            known = {
                "splits": list(splits),
                "license": self._data.license,
                "audio": hub_data.audio_column(features, self._options.columns.audio, self.name),
            }
            for columns in self._options.columns.named().values():
                for column in columns:
                    feature_of(features, column, self.name)
            if self._derived.write:
                state.write(path, known)
        return known

    @cached_property
    def _opened(self) -> dict[str, Any]:
        return self._data.open(self._options.config)

    def _splits(self) -> dict[str, str]:
        """The splits to read, each with the split here."""
        present = self._about["splits"]
        if not self._options.splits:
            guessed = {name: _guess(name) for name in present}
            if unknown := [name for name, here in guessed.items() if here is None]:
                raise SourceError(
                    f"{self.name}: the split {unknown[0]!r} is none of train, validation and test",
                    fix=f"set the option splits, such as {{{unknown[0]}: train}}",
                )
            return {name: str(here) for name, here in guessed.items()}
        if unknown := [name for name in self._options.splits if name not in present]:
            raise SourceError(
                f"{self.name}: no split {unknown[0]!r}", fix=f"the splits are: {', '.join(present)}"
            )
        return dict(self._options.splits)

    def _split(self, split: str, here: str) -> Iterator[Row]:
        folder = self._folder / digest(split)
        number, position = 0, None
        for part in itertools.count():
            header, *rows = self._part(folder / f"part-{part:05d}.jsonl")
            if not header:
                break
            for row in rows:
                yield self._row(split, here, number, row["values"], self._located(row["file"]))
                number += 1
            position = header["position"]
            if header["end"]:
                return
        yield from self._streamed(split, here, number, position, folder, part)

    def _part(self, path: Path) -> list[dict[str, Any]]:
        """The lines of a part; one empty line if it has to be streamed again."""
        if not state.intact(path):
            return [{}]
        rows = state.read_rows(path)
        missing = (row for row in rows[1:] if row["file"] and not self._located(row["file"]).is_file())
        return [{}] if next(missing, None) else rows

    def _streamed(
        self, split: str, here: str, number: int, position: Any, folder: Path, part: int
    ) -> Iterator[Row]:
        if self._derived.write:
            for stale in folder.glob("part-*.jsonl"):  # they follow one that is streamed again
                if int(stale.stem.partition("-")[2]) >= part:
                    stale.unlink()
        stream = hub_data.undecoded(self._opened[split], self._about["audio"], keep=self._derived.write)
        if position is not None:
            stream.load_state_dict(position)
        features = hub_data.features_of(stream, self.name)
        named = self._options.columns.named()
        types = {c: feature_of(features, c, self.name) for columns in named.values() for c in columns}
        pending: list[dict[str, Any]] = []

        def save(*, end: bool) -> None:
            nonlocal part
            if self._derived.write and (pending or end):
                header = {"position": stream.state_dict(), "end": end}
                state.write_rows(folder / f"part-{part:05d}.jsonl", [header, *pending])
                pending.clear()
                part += 1

        try:
            for example in self._data.reading(stream, split):
                values = {
                    name: _one_or_all([plain(types[column], cell(example, column)) for column in columns])
                    for name, columns in named.items()
                }
                file = self._audio(example, split, number)
                pending.append({"values": values, "file": file})
                yield self._row(split, here, number, values, self._located(file))
                number += 1
                if len(pending) >= _PART:
                    save(end=False)
            save(end=True)
        finally:
            save(end=False)  # --limit, an error or Ctrl-C: the rows so far

    def _audio(self, example: dict[str, Any], split: str, number: int) -> str:
        """Keeps the audio of a row; its file below the folder of derived audio, or below the data set's."""
        try:
            kept = self._data.audio(example.get(self._about["audio"]), self._derived)
        except hub_data.NoAudioError as error:
            kept = f"none/{digest([self.revision, split, number], 32)}"
            self._derived.problems[str(self._derived.folder / kept)] = f"{split}, row {number + 1}: {error}"
        return kept

    def _located(self, file: str) -> Path:
        if file.startswith(hub_data.IN_PLACE):
            return Path(self._data.path) / file.removeprefix(hub_data.IN_PLACE)
        return self._derived.folder / file

    def _row(self, split: str, here: str, number: int, values: Values, path: Path) -> Row:
        return Row(split, here, number, values, path, f"{self.name}, split {split}, row {number + 1}")


def _guess(split: str) -> str | None:
    """The split here for a name such as ``train.clean.100`` or ``dev-other``."""
    first = split.replace("-", ".").replace("_", ".").partition(".")[0]
    return SPLIT_FOLDERS.get(first.casefold())


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
