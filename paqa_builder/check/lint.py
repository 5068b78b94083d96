"""Runs all checks on a data set, and the blind solver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from paqa_builder.check.copies import Copies, Leaks, Near, Overlap
from paqa_builder.check.findings import Finding, Grade, Report, Tally
from paqa_builder.check.texts import Form, Spread, Traces
from paqa_builder.errors import ConfigError
from paqa_builder.formats.item import Item
from paqa_builder.formats.read import Data, find_audio, open_data, parquet_files
from paqa_builder.gate.item import BlindItem

LEAST = 50
"""Fewest questions for the blind solver."""
_MARGIN, _LARGE = 0.02, 0.05


def lint(
    path: Path, against: Sequence[Path] = (), audio_root: Path | None = None, *, blind: bool = True
) -> Report:
    """Checks a data set.

    Args:
        against: Data sets that it must not overlap with.
        audio_root: Folder to which its audio paths are relative.
        blind: Whether to answer the questions from their text.

    Raises:
        ConfigError: A file cannot be read, has no question, or is in an unknown format.
    """
    data = open_data(path)
    others = [open_data(other) for other in against]
    if audio_root is not None and not audio_root.is_dir():
        raise ConfigError(f"{audio_root}: no such folder", fix="check --audio-root")
    total = sum(1 for _ in data.items())
    if not total:
        first = next(data.rows(), None)
        why = f": {first.where}: {first.why}" if first and not isinstance(first, Item) else ""
        raise ConfigError(f"{path}: has no question{why}", fix="see docs/check.md for the formats")
    form, spread, traces = Form(), Spread(), Traces()
    copies, near, leaks = Copies(), Near(total), Leaks(_sha256(data))
    overlap, audio = Overlap(others), Audio(data, audio_root)
    for row in data.rows():
        form.see(row)
        if isinstance(row, Item):
            for check in (spread, traces, copies, near, leaks, overlap, audio):
                check.see(row)
    findings = [
        *form.findings(), *spread.findings(), *([_blind(data)] if blind else []), *copies.findings(),
        *near.findings(), *traces.findings(), *audio.findings(), *leaks.findings(), *overlap.findings(),
    ]  # fmt: skip
    return Report(str(path), data.format, total, tuple(findings))


def _blind(data: Data) -> Finding:
    """Answers the questions without their audio."""
    from paqa_builder.gate.score import score
    from paqa_builder.gate.solver import held_out

    def items() -> Iterator[BlindItem]:
        for n, item in enumerate(data.items()):
            if item.answer is not None and len(item.choices) > 1:
                yield BlindItem(str(n), item.question, item.choices, item.answer, item.clip, item.template)

    clips = Counter(item.clip for item in items())
    if clips.total() < LEAST or len(clips) < 2:
        return Finding("blind score", "skipped", f"fewer than {LEAST} questions, or one clip")
    result = score(held_out(items))
    grade: Grade = "ok"
    if result.beats(_MARGIN):
        grade = "error" if result.beats(_LARGE) else "warning"
    return Finding("blind score", grade, str(result), figures=result.to_json())


class Audio:
    """Missing or empty audio files."""

    def __init__(self, data: Data, root: Path | None) -> None:
        self.data, self.root = data, root
        self.missing = Tally()
        self.looked = 0
        self._exists: dict[str, bool] = {}

    def see(self, item: Item) -> None:
        """Adds one question."""
        if self.root is None or item.audio is None:
            return
        self.looked += 1
        if item.audio not in self._exists:
            path = find_audio(self.root, item.audio)
            self._exists[item.audio] = path is not None and path.stat().st_size > 0
        if not self._exists[item.audio]:
            self.missing.add(item.id)

    def findings(self) -> Iterator[Finding]:
        """The findings on all questions."""
        if self.data.format == "shards" or self.data.path.suffix == ".parquet":
            yield _null_audio(self.data)
        elif self.looked:
            message = f"{self.missing.count} of {self.looked} refer to missing audio"
            yield self.missing.finding("audio", "error", message)
        else:
            yield Finding("audio", "skipped", "not searched: --audio-root DIR")


def _null_audio(data: Data) -> Finding:
    """Counts rows without audio from the Parquet statistics, without reading the audio."""
    import pyarrow.parquet as pq

    empty = rows = 0
    for path in parquet_files(data.path):
        metadata = pq.read_metadata(path)
        for n in range(metadata.num_row_groups):
            group = metadata.row_group(n)
            columns = {group.column(m).path_in_schema: group.column(m) for m in range(group.num_columns)}
            column = columns.get("audio.bytes")
            if column is not None:
                rows += group.num_rows
                empty += (column.statistics.null_count or 0) if column.statistics else 0
    if not rows:
        return Finding("audio", "skipped", "the data has no column audio")
    return Finding("audio", "error" if empty else "ok", f"{empty} of {rows} rows have no audio", empty)


def _sha256(data: Data) -> dict[str, str]:
    """SHA-256 of the audio by clip, for shards with scenes; else empty."""
    if data.format != "shards" or not data.path.is_dir():
        return {}
    from paqa_builder.dataset import read as reader

    rows = reader.rows(data.path, "scenes", ["clip_id", "sha256"])
    return {row["clip_id"]: row["sha256"] for row in rows if row["sha256"]}
