"""``meld``: MELD, dialogues of the series *Friends* with transcript, speaker and emotion of each utterance.

Reads the official tree: ``{train,dev,test}_sent_emo.csv`` at the root, and the media of each split in
``train_splits/``, ``dev_splits_complete/`` and ``output_repeated_splits_test/`` (or in a folder named after
the split) as ``dia<dialogue>_utt<utterance>.mp4`` (or ``.wav``, ``.flac``, ``.mp3``, ``.m4a``). Some files of
the test split exist only as ``final_videos_testdia<dialogue>_utt<utterance>.mp4``.

With ``mode: utterances``, every utterance is a clip. Its time in the clip is not annotated, and other people
may speak, too, so there are no turns. With ``mode: dialogues``, the files of a dialogue are joined in order;
an utterance and its turn are as long as its file. The times of the tables (``StartTime``, ``EndTime``) are
those of the episode and not used, because many are wrong. A dialogue with a missing or damaged file
becomes an error row (dialogues 125 of train and 110 of dev in the official files).

Source: Poria, Hazarika, Majumder, Naik, Cambria, Mihalcea, "MELD: A Multimodal Multi-Party Dataset for
Emotion Recognition in Conversations", ACL 2019.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, Truth, Turn, Utterance
from paqa_builder.sources import Source, SourceOptions, read_table, require
from paqa_builder.sources.downloads import Archive, Downloads, RemoteFile

log = logging.getLogger(__name__)

_SPLITS = {
    "train": ("train", "train_splits"),
    "dev": ("validation", "dev_splits_complete"),
    "test": ("test", "output_repeated_splits_test"),
}
_COLUMNS = ("Utterance", "Speaker", "Dialogue_ID", "Utterance_ID")
_OPTIONAL = ("Emotion", "Season", "Episode", "StartTime")
_ENCODINGS = ("utf-8-sig", "cp1252", "latin-1")
# Some copies of the tables contain Windows-1252 decoded as Latin-1.
_MARKS = str.maketrans(
    {"\x85": "…", "\x91": "‘", "\x92": "’", "\x93": "“", "\x94": "”", "\x96": "–", "\x97": "—"}
)
_PREFIXES = ("", "final_videos_test")
_SUFFIXES = (".mp4", ".wav", ".flac", ".mp3", ".m4a")
# "All", "Ross and Rachel", "Joey/Chandler": a turn of several speakers at once.
_SEVERAL = re.compile(r"\b(?:all|both|everyone|everybody|and|guys|girls|group|crowd|others)\b|[/,&+]", re.I)
_LONGEST = 60.0  # seconds; a longer file is not one utterance


DOWNLOADS = Downloads(
    license="GPL-3.0; audio from a television series",
    page="https://github.com/declare-lab/MELD",
    archives=(
        Archive(
            "tar",
            (
                RemoteFile(
                    "datasets/declare-lab/MELD:MELD.Raw.tar.gz",
                    10_878_146_150,
                    "sha256:a56b4407d574195cbce470d86f9c9d72fcfea59b0e34502ecd4babee4a5c613e",
                ),
            ),
            unpacked=22_000_000_000,
            strip="MELD.Raw",
            inner=("train.tar.gz", "dev.tar.gz", "test.tar.gz"),
        ),
    ),
)


class MeldOptions(SourceOptions):
    """Options of ``meld``."""

    mode: Literal["utterances", "dialogues"] = Field(
        "utterances",
        description="A clip is an utterance, or a dialogue joined from its utterances.",
    )
    splits: tuple[Literal["train", "dev", "test"], ...] = Field(
        (), description="Splits of MELD to list; empty for all whose tables are there."
    )
    gap: float = Field(
        0.0, ge=0, le=5, description="Seconds of silence between the utterances of a joined dialogue."
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """An utterance of a table, with its file and the place where the series has it."""

    dialogue: int
    number: int
    said: Utterance
    path: Path
    place: str


class Meld(Source):
    """MELD. A clip's id is ``<split>/dia<dialogue>_utt<utterance>`` or ``<split>/dia<dialogue>``."""

    name: ClassVar[str] = "meld"
    layout: ClassVar[tuple[str, ...]] = ("*_sent_emo.csv",)
    revision: ClassVar[str] = "2.0"
    Options = MeldOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        present = [name for name in _SPLITS if self._table(name).is_file()]
        wanted = tuple(dict.fromkeys(self.options.splits or present))
        if not wanted:
            raise SourceError(
                f"{self.root}: no train_sent_emo.csv, dev_sent_emo.csv or test_sent_emo.csv",
                fix="--root is the folder MELD.Raw",
            )
        make = self._utterances if self.options.mode == "utterances" else self._dialogues
        for name in wanted:
            yield from make(name, self._lines(name))

    def _table(self, name: str) -> Path:
        return self.root / f"{name}_sent_emo.csv"

    def _utterances(self, name: str, lines: list[_Line]) -> Iterator[Clip]:
        for line in lines:
            groups = (f"dialogue:{name}/{line.dialogue}", *filter(None, [line.place]))
            clip_id = f"{name}/dia{line.dialogue}_utt{line.number}"
            yield self._clip(name, clip_id, line.path, Truth(utterances=(line.said,)), groups)

    def _dialogues(self, name: str, lines: list[_Line]) -> Iterator[Clip]:
        dialogues: dict[int, list[_Line]] = {}
        for line in lines:
            dialogues.setdefault(line.dialogue, []).append(line)
        long = 0
        for number, members in dialogues.items():
            members.sort(key=lambda line: line.number)
            joined = self.derived.joined([line.path for line in members], self.options.gap)
            known = any(end for _, end in joined.spans)
            fitting = known and all(end - start <= _LONGEST for start, end in joined.spans)
            long += known and not fitting
            truth = self._truth(members, joined.spans) if fitting else Truth()
            places = dict.fromkeys(line.place for line in members if line.place)
            groups = (f"dialogue:{name}/{number}", *places)
            yield self._clip(name, f"{name}/dia{number}", joined.path, truth, groups)
        if long:
            log.warning(
                "%s: %d dialogues with a file of more than %.0f s have no ground truth",
                self._table(name), long, _LONGEST,
            )  # fmt: skip

    def _truth(self, lines: list[_Line], spans: tuple[tuple[float, float], ...]) -> Truth:
        """Turns and utterances as long as their files; no turns if one is by several speakers at once."""
        utterances = tuple(
            replace(line.said, start=start, end=end) for line, (start, end) in zip(lines, spans, strict=True)
        )
        names = [line.said.speaker or "" for line in lines]
        if any(not name or _SEVERAL.search(name) for name in names):
            return Truth(utterances=utterances)
        turns = tuple(
            Turn(start, end, name, 1.0, self.origin) for name, (start, end) in zip(names, spans, strict=True)
        )
        return Truth(turns=turns, utterances=utterances)

    def _clip(self, name: str, clip_id: str, path: Path, truth: Truth, groups: tuple[str, ...]) -> Clip:
        return Clip(
            id=clip_id,
            source=self.name,
            split=_SPLITS[name][0],
            path=str(path),
            license="GPL-3.0",
            attribution="MELD; audio from the series Friends",
            source_url="https://affective-meld.github.io/",
            truth=truth,
            groups=groups,
        )

    def _lines(self, name: str) -> list[_Line]:
        """The rows of a table, in its order."""
        folders = [self.root / folder for folder in (_SPLITS[name][1], name)]
        folder = next((folder for folder in folders if folder.is_dir()), folders[0])
        fix = f"unpack {name}.tar.gz of MELD.Raw, or leave the split out with the option splits"
        require(self._table(name), folder, fix=fix)
        files = set(os.listdir(folder))
        lines, seen = [], set()
        for where, row in read_table(
            self._table(name), _COLUMNS, optional=_OPTIONAL, encodings=_ENCODINGS, fix=fix
        ):
            numbers = row["Dialogue_ID"], row["Utterance_ID"]
            if not all(number.isascii() and number.isdigit() and len(number) < 10 for number in numbers):
                raise SourceError(f"{where}: Dialogue_ID and Utterance_ID are not numbers, but {numbers}")
            dialogue, number = map(int, numbers)
            clip = f"dia{dialogue}_utt{number}"
            if clip in seen:
                raise SourceError(f"{where}: {clip} has a row already")
            seen.add(clip)
            said = self.spoken(
                row["Utterance"].translate(_MARKS),
                language="en",
                speaker=row["Speaker"].translate(_MARKS) or None,
                emotion=row.get("Emotion", "").lower() or None,
            )
            lines.append(_Line(dialogue, number, said, folder / _file(clip, files), _place(row)))
        return lines


def _file(clip: str, files: set[str]) -> str:
    """The file of an utterance: the first name that is there, else the official one."""
    names = [f"{prefix}{clip}{suffix}" for prefix in _PREFIXES for suffix in _SUFFIXES]
    return next((name for name in names if name in files), names[0])


def _place(row: dict[str, str]) -> str:
    """The group of all rows that are the same moment of the series; empty if the table has no times."""
    season, episode, start = (row.get(column, "") for column in ("Season", "Episode", "StartTime"))
    return f"recording:s{season}e{episode} {start}" if season and episode and start else ""
