"""``fsd50k``: FSD50K, 51,197 Freesound clips labelled with 200 classes of AudioSet.

Reads the official tree below the root: ``FSD50K.ground_truth/{dev,eval}.csv`` and
``FSD50K.{dev,eval}_audio/``. Two files are optional: ``FSD50K.ground_truth/vocabulary.csv``, and
``FSD50K.metadata/{dev,eval}_clips_info_FSD50K.json`` with title, uploader and licence of each clip.

Labels are clip-level and include the ancestors in the ontology, except through a class with several
parents (a bell need not be a musical instrument). The labels of *eval* are complete within the vocabulary;
those of *dev* are correct, but may be incomplete.

Source: Fonseca, Favory, Pons, Font, Serra, "FSD50K: An Open Dataset of Human-Labeled Sound Events",
IEEE/ACM TASLP 30, 2022.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.labels import audioset
from paqa_builder.licenses import UNKNOWN, spdx
from paqa_builder.records import Clip, Tag, Truth
from paqa_builder.sources import Source, SourceOptions, plain_name
from paqa_builder.sources.downloads import ALL, Archive, Downloads, zenodo
from paqa_builder.sources.header import columns_of
from paqa_builder.untrusted import read_json

if TYPE_CHECKING:
    import pandas

log = logging.getLogger(__name__)

SPLIT_OF = {"train": "train", "val": "validation", "eval": "test"}


_RECORD = 4060432
_PART = 3_221_225_472
DOWNLOADS = Downloads(
    license="CC-BY-4.0 as a whole; each clip CC0, CC BY, CC BY-NC or Sampling+",
    page="https://zenodo.org/records/4060432",
    archives=(
        Archive(
            "zip",
            (zenodo(_RECORD, "FSD50K.ground_truth.zip", 334_701, "ca27382c195e37d2269c4c866dd73485"),),
            unpacked=10_000_000,
            small=ALL,
            small_bytes=334_701,
        ),
        Archive(
            "zip",
            (zenodo(_RECORD, "FSD50K.metadata.zip", 6_700_838, "b9ea0c829a411c1d42adb9da539ed237"),),
            unpacked=80_000_000,
            small=ALL,
            small_bytes=6_700_838,
        ),
        Archive(
            "zip",
            (
                zenodo(_RECORD, "FSD50K.eval_audio.z01", _PART, "3090670eaeecc013ca1ff84fe4442aeb"),
                zenodo(_RECORD, "FSD50K.eval_audio.zip", 3_037_675_767, "6fa47636c3a3ad5c7dfeba99f2637982"),
            ),
            subset="eval",
            unpacked=8_900_000_000,
            small=64,
            small_bytes=45_000_000,
        ),
        Archive(
            "zip",
            (
                zenodo(_RECORD, "FSD50K.dev_audio.z01", _PART, "faa7cf4cc076fc34a44a479a5ed862a3"),
                zenodo(_RECORD, "FSD50K.dev_audio.z02", _PART, "8f9b66153e68571164fb1315d00bc7bc"),
                zenodo(_RECORD, "FSD50K.dev_audio.z03", _PART, "1196ef47d267a993d30fa98af54b7159"),
                zenodo(_RECORD, "FSD50K.dev_audio.z04", _PART, "d088ac4e11ba53daf9f7574c11cccac9"),
                zenodo(_RECORD, "FSD50K.dev_audio.z05", _PART, "81356521aa159accd3c35de22da28c7f"),
                zenodo(_RECORD, "FSD50K.dev_audio.zip", 2_306_663_327, "c480d119b8f7a7e32fdb58f3ea4d6c5a"),
            ),
            subset="dev",
            unpacked=25_600_000_000,
        ),
    ),
)


class Fsd50kOptions(SourceOptions):
    """Options of ``fsd50k``."""

    subsets: tuple[Literal["dev", "eval"], ...] = Field(
        ("dev", "eval"), min_length=1, description="dev (40,966 clips) or eval (10,231 clips) or both."
    )


class Fsd50k(Source):
    """FSD50K in its official tree. A clip's id is its Freesound id."""

    name: ClassVar[str] = "fsd50k"
    layout: ClassVar[tuple[str, ...]] = ("FSD50K.ground_truth",)
    revision: ClassVar[str] = "1.0"
    Options = Fsd50kOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        seen: set[str] = set()
        for subset in dict.fromkeys(self.options.subsets):
            yield from self._subset(subset, seen)

    @cached_property
    def vocabulary(self) -> frozenset[str] | None:
        """AudioSet names of the 200 classes; None without ``vocabulary.csv``."""
        path = self.root / "FSD50K.ground_truth" / "vocabulary.csv"
        if not path.is_file():
            return None
        table = _read_csv(path, names=["index", "label", "mid"])
        return frozenset(
            tag.label
            for row, mid in enumerate(table["mid"], start=1)
            for tag in self._tags(mid, f"{path}, row {row}")
        )

    def _subset(self, subset: str, seen: set[str]) -> Iterator[Clip]:
        path = self.root / "FSD50K.ground_truth" / f"{subset}.csv"
        folder = self.root / f"FSD50K.{subset}_audio"
        for needed in (path, folder):
            if not needed.exists():
                raise SourceError(f"{needed}: not there", fix=self._fix(subset))
        table = self._table(path, ["fname", "labels", "mids", *(["split"] if subset == "dev" else [])])
        infos = self._infos(subset)
        self._count_unlisted(folder, set(table["fname"]))

        truths: dict[str, Truth] = {}  # 51,197 clips share a few thousand label sets
        splits = table["split"] if subset == "dev" else ["eval"] * len(table)
        rows = zip(table["fname"], table["labels"], table["mids"], splits, strict=True)
        for number, (name, labels, mids, split) in enumerate(rows, start=2):
            where = f"{path}, row {number}"
            if not name or name in seen:
                raise SourceError(f"{where}, column 'fname': {name!r} is empty or has a row already")
            plain_name(name, f"{where}, column 'fname'")
            seen.add(name)
            if not mids or labels.count(",") != mids.count(","):
                raise SourceError(f"{where}, column 'mids': not one for each label")
            if split not in SPLIT_OF:
                raise SourceError(f"{where}, column 'split': {split!r} is neither train nor val")
            if mids not in truths:
                truths[mids] = Truth(tags=self._tags(mids, where), tags_complete=subset == "eval")
            yield self._clip(name, SPLIT_OF[split], folder, infos.get(name), truths[mids])

    def _clip(self, name: str, split: str, folder: Path, info: dict[str, Any] | None, truth: Truth) -> Clip:
        credit, terms, groups = f"Freesound sound {name}", UNKNOWN, [f"recording:{name}"]
        if info is not None:
            title, uploader = info.get("title") or name, info.get("uploader") or "unknown"
            credit = f'"{title}" by {uploader}, Freesound sound {name}'
            terms = spdx(str(info.get("license") or ""))
            if info.get("uploader"):
                groups.append(f"uploader:{info['uploader']}")
        return Clip(
            id=name,
            source=self.name,
            split=split,
            path=os.path.join(folder, f"{name}.wav"),
            license=terms,
            attribution=credit,
            source_url=f"https://freesound.org/s/{name}/",
            truth=truth,
            groups=tuple(groups),
        )

    def _tags(self, mids: str, where: str) -> tuple[Tag, ...]:
        labels = []
        for mid in filter(None, mids.split(",")):
            label = audioset.by_mid().get(mid)
            if label is None:
                raise SourceError(f"{where}, column 'mids': AudioSet has no class {mid!r}")
            labels.append(label.name)
        return tuple(self.presence(label) for label in dict.fromkeys(labels))

    @staticmethod
    def _table(path: Path, columns: list[str]) -> pandas.DataFrame:
        table = _read_csv(path)
        table.columns = columns_of([str(name) for name in table.columns], columns, path)
        for column in columns:
            if column not in table:
                raise SourceError(
                    f"{path}: no column {column!r}; it has {', '.join(map(str, table.columns))}"
                )
        return table

    def _infos(self, subset: str) -> dict[str, dict[str, Any]]:
        """Title, uploader and licence of each clip; empty without the metadata file."""
        path = self.root / "FSD50K.metadata" / f"{subset}_clips_info_FSD50K.json"
        if not path.exists():
            log.warning("%s: not there: the licences of the clips are unknown", path)
            return {}
        try:
            infos = read_json(path)
        except (OSError, ValueError) as error:
            raise SourceError(f"{path}: cannot be read as JSON ({error})") from error
        if not isinstance(infos, dict) or not all(isinstance(info, dict) for info in infos.values()):
            raise SourceError(f"{path}: is not an object with an object for each clip")
        return infos

    @staticmethod
    def _count_unlisted(folder: Path, listed: set[str]) -> None:
        files = {name[:-4] for name in os.listdir(folder) if name.endswith(".wav")}
        if unlisted := len(files - listed):
            log.warning("%s: %d files have no row in the ground truth and are left out", folder, unlisted)

    def _fix(self, subset: str) -> str:
        for inner in ("FSD50K", "fsd50k"):
            if (self.root / inner / "FSD50K.ground_truth").is_dir():
                return f"--root {self.root / inner}"
        other = "eval" if subset == "dev" else "dev"
        return f"unpack FSD50K's archives below {self.root}, or set the source's option subsets to [{other}]"


def _read_csv(path: Path, **options: Any) -> pandas.DataFrame:
    import pandas

    try:
        # All cells are text, also ids and empty cells. Blank lines count as rows, so that row numbers
        # are those of the file.
        table = pandas.read_csv(
            path, dtype=str, keep_default_na=False, skip_blank_lines=False, encoding="utf-8-sig", **options
        )
    except (OSError, ValueError) as error:  # pandas' ParserError and UnicodeDecodeError are ValueErrors
        raise SourceError(f"{path}: cannot be read as CSV ({str(error).strip()})") from error
    if not isinstance(table.index, pandas.RangeIndex):
        raise SourceError(f"{path}: its rows have more fields than its first line")
    return table
