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
from paqa_builder.sources.excerpts import ExcerptOptions, excerpts
from paqa_builder.sources.values import read_rttm

_FIX = "--root is the folder with the RTTM files in dev/ and test/, and the unpacked archives of audio"


class VoxConverseOptions(ExcerptOptions):
    """Options of ``voxconverse``."""

    dev_split: Literal["train", "validation"] = Field(
        "validation", description="Split of the part dev; the corpus has no part for training."
    )


class VoxConverse(Source):
    """VoxConverse. A clip's id is the name of the recording with the second at which the excerpt begins."""

    name: ClassVar[str] = "voxconverse"
    Options = VoxConverseOptions

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
            if found := sorted(folder.glob("*.rttm")):
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
        turns = read_rttm(rttm).get(rttm.stem, [])
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
