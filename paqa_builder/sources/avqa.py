"""``avqa``: AVQA, multiple-choice questions about 10-s videos of VGGSound.

Reads ``train_qa.json``, ``val_qa.json`` and ``test_qa.json`` at the root, those that are there: lists of
``{id, video_name, question_text, multi_choice, answer, question_relation, question_type}``. The audio is in
any folder below the root, in files named after ``video_name`` with any suffix of audio or video. Videos
without a file are left out; a warning states their number.

A clip is a video. Its questions are no ground truth: the build keeps those whose answer its own records prove
(template ``avqa``) and counts the others.

Source: Yang, Wang, Duan, Chen, Hou, Jin, Zhu, "AVQA: A Dataset for Audio-Visual Question Answering on
Videos", ACM Multimedia 2022.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from paqa_builder.audio import SUFFIXES
from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, CorpusQuestion
from paqa_builder.sources import Source, SourceOptions, plain_name
from paqa_builder.sources.downloads import Archive, Downloads, GitTree, RemoteFile
from paqa_builder.untrusted import json_files

log = logging.getLogger(__name__)

SPLIT_OF = {"train": "train", "val": "validation", "test": "test"}
_VIDEO = re.compile(r"([\w-]{11})(?:_(\d{1,6}))?")
_LONGEST = 1000  # characters of a question or a choice
_MOST = 20  # choices


_COMMIT = "a5056c1d82849aa0981f50fa4c5a57bd16658c52"
_TABLES = f"https://raw.githubusercontent.com/AlyssaYoung/AVQA/{_COMMIT}/data/annotation"
DOWNLOADS = Downloads(
    license="not stated; for research",
    page="https://mn.cs.tsinghua.edu.cn/avqa/",
    archives=(
        Archive(
            "files",
            (RemoteFile(f"{_TABLES}/train_qa.json"), RemoteFile(f"{_TABLES}/val_qa.json")),
            label="questions",
            about_bytes=25_000_000,
            trees=(GitTree(".", "34c0573ea28795409654701eacc5a20e7288196f"),),
        ),
    ),
    note="questions only: put the audio of VGGSound below the folder",
)


class AvqaOptions(SourceOptions):
    """Options of ``avqa``."""

    subsets: tuple[Literal["train", "val", "test"], ...] = Field(
        (), description="Tables to list; empty for all that are there."
    )


class Avqa(Source):
    """AVQA over local files of VGGSound. A clip's id is the name of its video."""

    name: ClassVar[str] = "avqa"
    layout: ClassVar[tuple[str, ...]] = ("train_qa.json", "val_qa.json", "test_qa.json")
    revision: ClassVar[str] = "1.0"
    Options = AvqaOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        present = [subset for subset in SPLIT_OF if self._table(subset).exists()]
        subsets = tuple(dict.fromkeys(self.options.subsets or present))
        if not subsets:
            raise SourceError(
                f"{self.root}: no train_qa.json, val_qa.json or test_qa.json",
                fix="--root is the folder with AVQA's questions and the audio below it",
            )
        files, seen = self._files(), set[str]()
        for subset in subsets:
            videos = self._videos(self._table(subset))
            found = [video for video in videos if video in files and video not in seen]
            for video in found:
                yield self._clip(video, subset, files[video], videos[video])
            if not videos.keys() & files.keys():
                raise SourceError(
                    f"{self.root}: no audio file of a video of {self._table(subset).name} below it",
                    fix="name files <video_name>.wav (or .mp4, …), or choose another table (option subsets)",
                )
            if missing := len(videos.keys() - files.keys()):
                log.warning(
                    "%s: %d of %d videos have no file and are left out",
                    self._table(subset), missing, len(videos),
                )  # fmt: skip
            if repeated := len(seen & videos.keys()):
                log.warning(
                    "%s: %d videos are in an earlier table, too, and left out here",
                    self._table(subset), repeated,
                )  # fmt: skip
            seen.update(videos)

    def _table(self, subset: str) -> Path:
        return self.root / f"{subset}_qa.json"

    def _clip(self, name: str, subset: str, path: str, questions: list[CorpusQuestion]) -> Clip:
        match = _VIDEO.fullmatch(name)
        video, start = (match[1], match[2]) if match else (name, None)
        page = f"https://www.youtube.com/watch?v={video}" + (f"&t={int(start)}s" if start else "")
        return Clip(
            id=name,
            source=self.name,
            split=SPLIT_OF[subset],
            path=path,
            attribution=f"YouTube video {video}, segment by VGGSound; questions by AVQA",
            source_url=page if match else "https://mn.cs.tsinghua.edu.cn/avqa",
            groups=(f"recording:{video}",),
            questions=tuple(questions),
        )

    def _videos(self, table: Path) -> dict[str, list[CorpusQuestion]]:
        """The questions of each video, in the table's order."""
        if not table.exists():
            raise SourceError(f"{table}: not there", fix="check --root and the option subsets")
        videos: dict[str, list[CorpusQuestion]] = {}
        for where, row in json_files.objects(table, SourceError):
            name = plain_name(_text(row, "video_name", where), f"{where}, 'video_name'")
            questions = videos.setdefault(_stem(name), [])
            question = _question(row, where)
            if any(question.id == other.id for other in questions):
                raise SourceError(f"{where}: question {question.id!r} has an entry already")
            questions.append(question)
        return videos

    def _files(self) -> dict[str, str]:
        """Paths of the files below the root, by name without suffix; the first in the order of the paths."""
        files: dict[str, str] = {}
        for folder, below, names in os.walk(self.root):
            below.sort()
            for name in sorted(names):
                if name.lower().endswith(SUFFIXES):
                    files.setdefault(_stem(name), os.path.join(folder, name))
        return files


def _stem(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in SUFFIXES else name


def _question(row: dict[str, Any], where: str) -> CorpusQuestion:
    number, choices, answer = row.get("id"), row.get("multi_choice"), row.get("answer")
    if not isinstance(number, int | str) or isinstance(number, bool):
        raise SourceError(f"{where}, 'id': {number!r} is neither a number nor text")
    if not isinstance(choices, list) or not 2 <= len(choices) <= _MOST:
        raise SourceError(f"{where}, 'multi_choice': is no list of 2 to {_MOST} choices")
    texts = tuple(_checked(choice, f"{where}, 'multi_choice'") for choice in choices)
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(texts):
        raise SourceError(f"{where}, 'answer': {answer!r} is no index of a choice")
    return CorpusQuestion(
        str(number),
        _text(row, "question_text", where),
        texts,
        answer,
        _text(row, "question_type", where) if row.get("question_type") else "",
        _text(row, "question_relation", where) if row.get("question_relation") else "",
    )


def _text(row: dict[str, Any], name: str, where: str) -> str:
    if name not in row:
        raise SourceError(f"{where}: no {name!r}; it has {', '.join(row) or 'nothing'}")
    return _checked(row[name], f"{where}, {name!r}")


def _checked(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise SourceError(f"{where}: is no text of 1 to {_LONGEST} characters")
    return " ".join(value.split())
