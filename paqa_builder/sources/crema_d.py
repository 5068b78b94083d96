"""``crema_d``: CREMA-D, twelve sentences spoken by actors with six emotions.

Reads the official tree: ``AudioWAV/<actor>_<sentence>_<emotion>_<level>.wav``, ``VideoDemographics.csv``
(age, sex) and, if it is there, ``processedResults/summaryTable.csv`` (the emotion that most listeners
heard). The time of the sentence is not annotated, so it spans the clip, and there are no turns.

Source: Cao, Cooper, Keutmann, Gur, Nenkova, Verma, "CREMA-D: Crowd-Sourced Emotional Multimodal Actors
Dataset", IEEE Transactions on Affective Computing 5(4), 2014.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, Speaker, Truth
from paqa_builder.sources import Source, SourceOptions, read_table
from paqa_builder.sources.downloads import ALL, Archive, Downloads, GitTree, RemoteFile
from paqa_builder.sources.values import sex_of, visible

_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{2,3}|X)")
_AUDIO, _ACTORS, _VOTES = "AudioWAV", "VideoDemographics.csv", "processedResults/summaryTable.csv"
_FIX = "--root is the folder CREMA-D"

SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}
EMOTIONS = {
    "ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "joy", "NEU": "neutral", "SAD": "sadness",
}  # fmt: skip
_OF_LETTER = {code[0]: emotion for code, emotion in EMOTIONS.items()}


_COMMIT = "1658cd342dff90010aa843eaeebd53610a08b1dc"
_REPOSITORY = f"CheyneyComputerScience/CREMA-D/{_COMMIT}"


def _tables() -> tuple[RemoteFile, ...]:
    checksums = {
        _ACTORS: (4_033, "e33ddc8b60bedf98541735801127cbb67098b5957271adbdd5dea8a44294eec3"),
        _VOTES: (449_048, "fb0e382700d32c0d9adc0c6815292215a36bcf912f2657048862c91e3bd2b317"),
    }
    return tuple(
        RemoteFile(f"https://raw.githubusercontent.com/{_REPOSITORY}/{path}", size, f"sha256:{sha256}", path)
        for path, (size, sha256) in checksums.items()
    )


def _recordings() -> tuple[RemoteFile, ...]:
    """The 7,442 recordings: 91 actors, 12 sentences, 6 emotions; only one sentence has three levels."""
    # These were not recorded, or lost.
    missing = {"1002_TIE_NEU_XX", "1076_ITS_NEU_XX"}
    missing |= {
        f"{take}_{emotion}_XX" for take in ("1008_WSI", "1009_MTI", "1019_ITH") for emotion in EMOTIONS
    }
    names = (
        f"{actor}_{sentence}_{emotion}_{level}"
        for actor in range(1001, 1092)
        for sentence in SENTENCES
        for emotion in EMOTIONS
        for level in (("LO", "MD", "HI") if sentence == "IEO" and emotion != "NEU" else ("XX",))
    )
    # The files are in Git LFS, so the archive of the repository does not have them.
    url = f"https://media.githubusercontent.com/media/{_REPOSITORY}/{_AUDIO}"
    return tuple(RemoteFile(f"{url}/{name}.wav") for name in names if name not in missing)


DOWNLOADS = Downloads(
    license="ODbL-1.0",
    page="https://github.com/CheyneyComputerScience/CREMA-D",
    archives=(
        Archive("files", _tables(), label="tables", small=ALL, small_bytes=453_081),
        Archive(
            "files",
            _recordings(),
            label="recordings",
            about_bytes=605_899_936,
            into=_AUDIO,
            small=82,
            small_bytes=6_700_000,
            trees=(GitTree(_AUDIO, "387d831b6b63df157bef95de05ec61dbffc95da3", lfs=True),),
        ),
    ),
    note="7,442 single files, which takes an hour or more; the small cut has one actor",
)


class CremaDOptions(SourceOptions):
    """Options of ``crema_d``."""

    emotion: Literal["perceived", "acted"] = Field(
        "perceived",
        description="Emotion that most listeners heard (none where votes are equal), or that of the actor.",
    )


class CremaD(Source):
    """CREMA-D. A clip's id is its file name without the suffix."""

    name: ClassVar[str] = "crema_d"
    layout: ClassVar[tuple[str, ...]] = ("AudioWAV",)
    Options = CremaDOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

    def clips(self) -> Iterator[Clip]:
        folder = self.root / _AUDIO
        files = visible(folder.glob("*.wav"))
        if not files:
            raise SourceError(f"{folder}: no WAV files", fix=_FIX)
        actors = self._actors()
        votes = self._votes()
        for path in files:
            match = _NAME.fullmatch(path.stem)
            if not match or match[2] not in SENTENCES or match[3] not in EMOTIONS:
                raise SourceError(
                    f"{path}: not of the form 1001_DFA_ANG_XX.wav", fix=f"remove the file from {_AUDIO}"
                )
            actor, sentence, acted, _ = match.groups()
            if actor not in actors:
                raise SourceError(f"{self.root / _ACTORS}: no row for the actor {actor} of {path.name}")
            emotion = EMOTIONS[acted] if votes is None else votes.get(path.stem)
            said = self.spoken(SENTENCES[sentence], language="en", speaker=actor, emotion=emotion)
            yield Clip(
                id=path.stem,
                source=self.name,
                split=_split_of(actor),
                path=str(path),
                license="ODbL-1.0",
                attribution="CREMA-D (Cao et al., 2014)",
                source_url="https://github.com/CheyneyComputerScience/CREMA-D",
                truth=Truth(utterances=(said,), speakers=(actors[actor],)),
                groups=(f"speaker:{actor}",),
            )

    def _actors(self) -> dict[str, Speaker]:
        rows = read_table(self.root / _ACTORS, ("ActorID", "Age", "Sex"), fix=_FIX)
        return {
            row["ActorID"]: Speaker(row["ActorID"], sex=sex_of(row["Sex"]), age=row["Age"] or None)
            for _, row in rows
        }

    def _votes(self) -> dict[str, str | None] | None:
        """The perceived emotion by clip, None where several have most votes; None without votes."""
        path = self.root / _VOTES
        if self.options.emotion == "acted" or not path.is_file():
            return None
        # FileName, or fileName: columns are recognised in any case.
        rows = read_table(path, ("FileName", "VoiceVote"), fix=_FIX)
        return {row["FileName"]: _OF_LETTER.get(row["VoiceVote"]) for _, row in rows}


def _split_of(actor: str) -> str:
    """One actor in ten for validation, one for test."""
    return {"9": "validation", "0": "test"}.get(actor[-1], "train")
