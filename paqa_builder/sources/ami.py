"""``ami``: the AMI corpus, meetings of three to five people with turns and words.

Reads the manual annotation (``ami_public_manual_1.6.2.zip``, unpacked at the root or in its folder):
``words/*.words.xml``, ``corpusResources/meetings.xml`` and ``participants.xml``; and the audio,
``amicorpus/<meeting>/audio/<meeting>.Mix-Headset.wav``. Without that annotation, turns come from RTTM files
below the root. Meetings last up to 90 minutes and are cut to excerpts.

A turn ends at a pause of more than half a second between words, and is one utterance. Splits are those of
the partition full-corpus-ASR.

Source: Carletta et al., "The AMI Meeting Corpus: A Pre-announcement", MLMI 2005.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from paqa_builder.errors import SourceError
from paqa_builder.records import Clip, Truth, Turn
from paqa_builder.sources import Source
from paqa_builder.sources.ami_annotation import Annotation, speaker_of
from paqa_builder.sources.excerpts import ExcerptOptions, excerpts
from paqa_builder.sources.values import read_rttm

log = logging.getLogger(__name__)

_FIX = "--root is the folder with amicorpus/ and the unpacked ami_public_manual_1.6.2.zip"
_ANNOTATION = ("", "ami_public_manual_1.6.2", "ami_public_1.6.2", "annotations", "manual")

# Sessions of the partition full-corpus-ASR; all other sessions are train.
_VALIDATION = frozenset(
    {"ES2011", "IS1008", "TS3004", "IB4001", "IB4002", "IB4003", "IB4004", "IB4010", "IB4011"}
)
_TEST = frozenset({"ES2004", "IS1009", "TS3003", "EN2002"})
_IN_NO_SPLIT = frozenset({"IB4005"})


class AmiOptions(ExcerptOptions):
    """Options of ``ami``."""

    microphone: str = Field(
        "Mix-Headset",
        pattern=r"^[\w-]+$",
        description="Signal: Mix-Headset, or a distant microphone such as Array1-01.",
    )


class Ami(Source):
    """The AMI corpus. A clip's id is the meeting with the second at which the excerpt begins."""

    name: ClassVar[str] = "ami"
    Options = AmiOptions

    def clips(self) -> Iterator[Clip]:
        annotated = self._annotated()
        recordings = self._recordings()
        known = sorted(set(recordings) & set(annotated))
        if not known:
            raise SourceError(
                f"{self.root}: no audio of a meeting with annotation, "
                f"such as amicorpus/{min(annotated)}/audio/{min(annotated)}.{self.options.microphone}.wav",
                fix=_FIX,
            )
        self._warn("without audio", set(annotated) - set(recordings))
        self._warn("without annotation", set(recordings) - set(annotated))
        self._warn("in no split", {name for name in known if name[:6] in _IN_NO_SPLIT})
        for meeting in known:
            if meeting[:6] not in _IN_NO_SPLIT:
                yield from self._meeting(meeting, recordings[meeting], annotated[meeting])

    def _meeting(self, meeting: str, audio: Path, truth: Truth | Annotation) -> Iterator[Clip]:
        if isinstance(truth, Annotation):
            truth = truth.truth(meeting, self.origin)
        for part in excerpts(self, meeting, audio, truth):
            speakers = tuple(f"speaker:{speaker.name}" for speaker in part.truth.speakers or ())
            yield Clip(
                id=part.id,
                source=self.name,
                split=_split_of(meeting),
                path=str(part.path),
                license="CC-BY-4.0",
                attribution="AMI Meeting Corpus",
                source_url="https://groups.inf.ed.ac.uk/ami/corpus/",
                truth=part.truth,
                groups=(f"recording:{meeting}", *speakers),
            )

    def _annotated(self) -> dict[str, Annotation] | dict[str, Truth]:
        """The annotation by meeting."""
        for name in _ANNOTATION:
            folder = self.root / name
            if (folder / "words").is_dir():
                annotation = Annotation(folder)
                return dict.fromkeys(annotation.meetings, annotation)
        turns: dict[str, dict[tuple[float, float, str], None]] = {}  # a turn may be in two files
        for path in sorted(self.root.rglob("*.rttm")):
            for meeting, own in read_rttm(path).items():
                turns.setdefault(meeting, {}).update(dict.fromkeys(own))
        if not turns:
            raise SourceError(
                f"{self.root / 'words'}: no such folder, and no RTTM files below {self.root}", fix=_FIX
            )
        return {
            meeting: Truth(
                turns=tuple(Turn(a, b, who, 1.0, self.origin) for a, b, who in sorted(own)),
                speakers=tuple(speaker_of(who) for who in sorted({who for _, _, who in own})),
            )
            for meeting, own in turns.items()
        }

    def _recordings(self) -> dict[str, Path]:
        """The audio file by meeting."""
        end = f".{self.options.microphone}.wav"
        found: dict[str, Path] = {}
        for path in sorted(self.root.rglob(f"*{end}")):
            found.setdefault(path.name.removesuffix(end), path)
        return found

    def _warn(self, what: str, meetings: set[str]) -> None:
        if meetings:
            log.warning(
                "%s: %d meetings %s left out (such as %s)", self.root, len(meetings), what, min(meetings)
            )


def _split_of(meeting: str) -> str:
    session = meeting[:6]
    return "validation" if session in _VALIDATION else "test" if session in _TEST else "train"
