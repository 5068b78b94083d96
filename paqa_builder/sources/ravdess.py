"""``ravdess``: RAVDESS, two sentences spoken and sung by 24 actors with eight emotions.

Reads ``Actor_<NN>/<codes>.wav`` (or ``.mp4``) at the root or in the folders of the archives,
``Audio_Speech_Actors_01-24/`` and ``Audio_Song_Actors_01-24/``. All annotation is in the file names: seven
numbers for modality, speech or song, emotion, intensity, sentence, repetition and actor. The time of the
sentence is not annotated, so it spans the clip, and there are no turns.

Source: Livingstone, Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)",
PLoS ONE 13(5), 2018.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, Speaker, Truth
from paqa_builder.sources import Source, SourceOptions
from paqa_builder.sources.downloads import Archive, Downloads, zenodo
from paqa_builder.sources.values import visible

_NAME = re.compile(r"(0[13])-(0[12])-(0[1-8])-(0[12])-(0[12])-(0[12])-(0[1-9]|1\d|2[0-4])")
_SILENT = re.compile(r"02(-\d\d){6}")
_FOLDER = re.compile(r"Actor_\d\d")
_SONG = "02"
_FIX = "--root is the folder with Actor_01 to Actor_24, or with the unpacked archives"

EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "joy", "04": "sadness", "05": "anger", "06": "fear",
    "07": "disgust", "08": "surprise",
}  # fmt: skip
SENTENCES = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}


_RECORD = 1188976
DOWNLOADS = Downloads(
    license="CC-BY-NC-SA-4.0",
    page="https://zenodo.org/records/1188976",
    archives=tuple(
        Archive(
            "zip",
            (zenodo(_RECORD, f"{name}.zip", size, md5),),
            subset=subset,
            unpacked=3 * size,
            into=name,
            small=small,
            small_bytes=9_000_000 if small else 0,
        )
        for subset, name, size, md5, small in (
            ("speech", "Audio_Speech_Actors_01-24", 208_468_073, "bc696df654c87fed845eb13823edef8a", 60),
            ("song", "Audio_Song_Actors_01-24", 225_505_317, "5411230427d67a21e18aa4d466e6d1b9", 0),
        )
    ),
)


class RavdessOptions(SourceOptions):
    """Options of ``ravdess``."""

    song: bool = Field(True, description="Whether sung sentences are listed, too.")


class Ravdess(Source):
    """RAVDESS. A clip's id is its file name without the suffix."""

    name: ClassVar[str] = "ravdess"
    layout: ClassVar[tuple[str, ...]] = ("Actor_[0-9][0-9]", "Audio_S*_Actors_01-24")
    Options = RavdessOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        seen: dict[str, Path] = {}
        for path in self._files():
            if _SILENT.fullmatch(path.stem):
                continue  # video without audio
            match = _NAME.fullmatch(path.stem)
            if not match:
                raise SourceError(
                    f"{path}: not of the form 03-01-06-01-02-01-12.wav", fix="remove the file, or rename it"
                )
            _, channel, emotion, _, sentence, _, actor = match.groups()
            if channel == _SONG and not self.options.song:
                continue
            if path.stem in seen:
                raise SourceError(f"{path}: is in {seen[path.stem].parent}, too", fix="remove one of them")
            seen[path.stem] = path
            yield self._clip(path, channel == _SONG, EMOTIONS[emotion], SENTENCES[sentence], actor)

    def _files(self) -> list[Path]:
        above = [self.root, *(p for p in visible(self.root.iterdir()) if p.is_dir())]
        folders = [p for folder in above for p in sorted(folder.iterdir()) if _FOLDER.fullmatch(p.name)]
        files = [p for folder in folders if folder.is_dir() for p in visible(folder.iterdir())]
        files = [path for path in files if path.suffix.lower() in (".wav", ".mp4")]
        if not files:
            raise SourceError(f"{self.root}: no folder Actor_01 to Actor_24 with WAV files", fix=_FIX)
        return files

    def _clip(self, path: Path, sung: bool, emotion: str, text: str, actor: str) -> Clip:
        said = self.spoken(text, language="en", speaker=actor, emotion=emotion)
        sex = "male" if int(actor) % 2 else "female"
        return Clip(
            id=path.stem,
            source=self.name,
            split=_split_of(int(actor)),
            path=str(path),
            license="CC-BY-NC-SA-4.0",
            attribution="RAVDESS (Livingstone & Russo, 2018)",
            source_url="https://zenodo.org/records/1188976",
            truth=Truth(
                tags=(self.presence("Singing"),) if sung else None,
                utterances=(said,),
                speakers=(Speaker(actor, sex=sex),),
            ),
            groups=(f"speaker:{actor}",),
        )


def _split_of(actor: int) -> str:
    """Two actors, one of each sex, for validation, two for test."""
    return "train" if actor <= 20 else "validation" if actor <= 22 else "test"
