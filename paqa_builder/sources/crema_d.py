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
from paqa_builder.sources.values import sex_of

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


class CremaDOptions(SourceOptions):
    """Options of ``crema_d``."""

    emotion: Literal["perceived", "acted"] = Field(
        "perceived",
        description="Emotion that most listeners heard (none where votes are equal), or that of the actor.",
    )


class CremaD(Source):
    """CREMA-D. A clip's id is its file name without the suffix."""

    name: ClassVar[str] = "crema_d"
    Options = CremaDOptions

    def clips(self) -> Iterator[Clip]:
        folder = self.root / _AUDIO
        files = sorted(folder.glob("*.wav"))
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
