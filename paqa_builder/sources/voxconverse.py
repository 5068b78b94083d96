"""``voxconverse``: VoxConverse, excerpts of debates and news from YouTube with speaker turns.

Reads the turns (RTTM) in ``dev/`` and ``test/`` and the audio as its archives unpack: ``audio/`` and
``voxconverse_test_wav/``, or ``voxconverse_dev_wav/`` and ``voxconverse_test_wav/``, each with or without
a folder ``audio`` inside. The recordings last up to 20 minutes and are cut to excerpts.

Source: Chung, Huh, Nagrani, Afouras, Zisserman, "Spot the conversation: speaker diarisation in the wild",
Interspeech 2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, Truth, Turn
from paqa_builder.sources import Source
from paqa_builder.sources.downloads import ALL, Archive, Downloads, GitTree, RemoteFile
from paqa_builder.sources.excerpts import ExcerptOptions, excerpts
from paqa_builder.sources.values import read_rttm, visible

_FIX = "--root is the folder with the RTTM files in dev/ and test/, and the unpacked archives of audio"


_COMMIT = "24bf60be297701cd7e4ef18550c6d390c1b87365"
_TREES = {
    "dev": "5c21e076aed5aae194f1ac3ad5917d422f227daa",
    "test": "a8dddc96f07ec4ec5f5885706a114e4301e6e586",
}


def _turns(part: str, small: int) -> Archive:
    """The RTTM files of a part, from the archive that GitHub makes of the repository."""
    return Archive(
        "tar", (RemoteFile(f"https://github.com/joonson/voxconverse/archive/{_COMMIT}.tar.gz"),),
        subset=part, label=f"RTTM of {part}", about_bytes=1_000_000, unpacked=10_000_000,
        strip=f"voxconverse-{_COMMIT}", only=part, small=small, small_bytes=1_000_000 if small else 0,
        trees=(GitTree(part, _TREES[part]),),
    )  # fmt: skip


def _audio(part: str, size: int, about: int, sha256: str, small: int) -> Archive:
    name = f"voxconverse_{part}_wav"
    url = f"https://www.robots.ox.ac.uk/~vgg/data/voxconverse/data/{name}.zip"
    return Archive(
        "zip", (RemoteFile(url, size, f"sha256:{sha256}"),), subset=part, about_bytes=about,
        unpacked=round(1.3 * (size or about)), into=name, strip=name, small=small,
        small_bytes=40_000_000 if small else 0,
    )  # fmt: skip


DOWNLOADS = Downloads(
    license="CC-BY-4.0, for research; the owners of the videos keep their rights",
    page="https://www.robots.ox.ac.uk/~vgg/data/voxconverse/",
    archives=(
        _turns("dev", small=ALL),
        _audio(
            "dev", 1_988_647_478, 0, "e83a68b5df3bc945a3cf4544102038792ae79972753c585769e58ea677c523a8", 4
        ),
        _turns("test", small=0),
        _audio(
            "test", 0, 4_200_000_000, "472ebf1eaeb1dcb5c311b07a8b5c31bcedcccbf98f386d90a88cde2452da8c68", 0
        ),
    ),
)


class VoxConverseOptions(ExcerptOptions):
    """Options of ``voxconverse``."""

    dev_split: Literal["train", "validation"] = Field(
        "validation", description="Split of the part dev; the corpus has no part for training."
    )


class VoxConverse(Source):
    """VoxConverse. A clip's id is the name of the recording with the second at which the excerpt begins."""

    name: ClassVar[str] = "voxconverse"
    layout: ClassVar[tuple[str, ...]] = ("dev/*.rttm", "test/*.rttm")
    Options = VoxConverseOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        parts = {part: self._annotation(part) for part in ("dev", "test")}
        if not any(parts.values()):
            raise SourceError(f"{self.root}: no RTTM files in dev/ or test/", fix=_FIX)
        for part, files in parts.items():
            if not files:
                continue
            audio = self._audio(part, {path.stem for path in files})
            split = self.options.dev_split if part == "dev" else "test"
            for path in files:
                yield from self._recording(path, audio / f"{path.stem}.wav", split)

    def _annotation(self, part: str) -> list[Path]:
        for folder in (
            self.root / part,
            self.root / "voxconverse" / part,
            self.root / "voxconverse-master" / part,
        ):
            if found := visible(folder.glob("*.rttm")):
                return found
        return []

    def _audio(self, part: str, names: set[str]) -> Path:
        wav = self.root / f"voxconverse_{part}_wav"
        folders = [
            wav / "audio", wav, self.root / "audio" / part, self.root / part / "audio",
            self.root / part / "wav", self.root / part, self.root / "audio", self.root / "wav",
        ]  # fmt: skip
        for folder in folders:
            if any(path.stem in names for path in folder.glob("*.wav")):
                return folder
        raise SourceError(
            f"{wav}: no WAV files of the recordings in {part}/ there or in {self.root}", fix=_FIX
        )

    def _recording(self, rttm: Path, audio: Path, split: str) -> Iterator[Clip]:
        recordings = read_rttm(rttm)
        turns = recordings.get(rttm.stem) or (next(iter(recordings.values())) if len(recordings) == 1 else [])
        if not turns:
            raise SourceError(f"{rttm}: no turn of a recording called {rttm.stem!r}", fix="download it again")
        truth = Truth(turns=tuple(Turn(a, b, who, 1.0, self.origin) for a, b, who in sorted(turns)))
        for part in excerpts(self, rttm.stem, audio, truth):
            yield Clip(
                id=part.id,
                source=self.name,
                split=split,
                path=str(part.path),
                license="CC-BY-4.0",
                attribution="VoxConverse (Chung et al., 2020); audio from YouTube",
                source_url="https://www.robots.ox.ac.uk/~vgg/data/voxconverse/",
                truth=part.truth,
                groups=(f"recording:{rttm.stem}",),
            )
