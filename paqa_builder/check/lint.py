"""Runs all checks on a data set, and the blind solver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from paqa_builder.check import recordings
from paqa_builder.check.copies import Copies, Leaks, Near, Overlap
from paqa_builder.check.findings import Finding, Grade, Report, Tally
from paqa_builder.check.texts import Form, Spread, Traces
from paqa_builder.errors import ConfigError
from paqa_builder.formats.audio_column import has_audio, rows_without_audio
from paqa_builder.formats.defects import NO_AUDIO, Defects, defects
from paqa_builder.formats.item import Item
from paqa_builder.formats.read import Data, find_audio, open_data, parquet_files
from paqa_builder.gate.item import BlindItem
from paqa_builder.untrusted.tables import damaged, open_table

LEAST = 50
"""Fewest questions for the blind solver."""
_MARGIN, _LARGE = 0.02, 0.05


def lint(
    path: Path, against: Sequence[Path] = (), audio_root: Path | None = None, *, blind: bool = True
) -> Report:
    """Checks a data set.

    Args:
        against: Data sets that it must not overlap with; of folders of audio files or of shards, the
            recordings are compared, too.
        audio_root: Folder to which its audio paths are relative.
        blind: Whether to answer the questions from their text.

    Raises:
        ConfigError: A file cannot be read, has no question, or is in an unknown format.
    """
    data = open_data(path)
    folders = [path for path in against if recordings.is_audio_folder(path)]
    others = [open_data(other) for other in against if other not in folders]
    if audio_root is not None and not audio_root.is_dir():
        raise ConfigError(f"{audio_root}: no such folder", fix="check --audio-root")
    total = sum(1 for _ in data.items())
    if not total:
        first = next(data.rows(), None)
        why = f": {first.where}: {first.why}" if first and not isinstance(first, Item) else ""
        raise ConfigError(f"{path}: has no question{why}", fix="see docs/check.md for the formats")
    form, spread, traces, usable = Form(), Spread(), Traces(), Usable(data.format)
    copies, near, leaks = Copies(), Near(total), Leaks(_sha256(data))
    overlap, audio = Overlap(others), Audio(data, audio_root)
    for row in data.rows():
        form.see(row)
        if isinstance(row, Item):
            for check in (usable, spread, traces, copies, near, leaks, overlap, audio):
                check.see(row)
    findings = [
        *form.findings(), *usable.findings(), *spread.findings(), *([_blind(data)] if blind else []),
        *copies.findings(), *near.findings(), *traces.findings(), *audio.findings(), *leaks.findings(),
        *recordings.groups(data), *overlap.findings(),
        *_same_recordings(data, audio_root, [*folders, *(o.path for o in others if o.path.is_dir())]),
    ]  # fmt: skip
    return Report(str(path), data.format, total, tuple(findings))


def _same_recordings(data: Data, root: Path | None, against: Sequence[Path]) -> Iterator[Finding]:
    """Compares the recordings with those of folders of audio files and of shards."""
    if against:
        others = [(path, recordings.collect(path)) for path in against]
        yield from recordings.overlap(recordings.collect_data(data, root), others)


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


class Usable:
    """Questions that training leaves out or refuses."""

    def __init__(self, form: str) -> None:
        self.form = form
        self.seen = 0
        self.defects = Defects()

    def see(self, item: Item) -> None:
        """Adds one question."""
        self.seen += 1
        self.defects.add(item.id, [why for why in defects(item, self.form) if why != NO_AUDIO])

    def findings(self) -> Iterator[Finding]:
        """The finding on all questions."""
        count = self.defects.questions
        message = f"{count} of {self.seen} cannot be trained on"
        message += f": {self.defects}" if count else ""
        yield Finding("training", "error" if count else "ok", message, count)


class Audio:
    """Missing or empty audio files."""

    def __init__(self, data: Data, root: Path | None) -> None:
        self.data, self.root = data, root
        self.missing, self.unnamed = Tally(), Tally()
        self.seen = self.looked = 0
        self._exists: dict[str, bool] = {}

    def see(self, item: Item) -> None:
        """Adds one question."""
        self.seen += 1
        if item.audio is None:
            self.unnamed.add(item.id)
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
            return
        if 0 < self.unnamed.count < self.seen:  # a file without any audio may be checked as text
            message = f"{self.unnamed.count} of {self.seen} name no audio"
            yield self.unnamed.finding("audio names", "error", message)
        if self.looked:
            message = f"{self.missing.count} of {self.looked} refer to missing audio"
            yield self.missing.finding("audio", "error", message)
        else:
            yield Finding("audio", "skipped", "not searched: --audio-root DIR")


def _null_audio(data: Data) -> Finding:
    """Finds rows without audio, by the Parquet statistics where they suffice."""
    empty, rows, known = Tally(), 0, False
    for path in parquet_files(data.path):
        with damaged(path), open_table(path) as parquet:
            if not has_audio(parquet):
                rows += parquet.metadata.num_rows
                continue
            known = True
            for group in range(parquet.num_row_groups):
                for place in rows_without_audio(path, parquet, group):
                    empty.add(f"row {rows + place + 1}")
                rows += parquet.metadata.row_group(group).num_rows
    if not known:
        return Finding("audio", "skipped", "the data has no column audio")
    return empty.finding("audio", "error", f"{empty.count} of {rows} rows have no audio")


def _sha256(data: Data) -> dict[str, str]:
    """SHA-256 of the audio by clip, for shards with scenes; else empty."""
    if data.format != "shards" or not data.path.is_dir():
        return {}
    from paqa_builder.dataset import read as reader

    files = (data.path / "scenes").glob("*.parquet")
    wanted = {"clip_id", "sha256"}
    if not all(wanted <= set(open_table(path).schema_arrow.names) for path in files):
        return {}  # scenes by others
    rows = reader.rows(data.path, "scenes", sorted(wanted))
    return {row["clip_id"]: row["sha256"] for row in rows if row["sha256"]}
