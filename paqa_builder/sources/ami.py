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
from paqa_builder.sources.downloads import ALL, Archive, Downloads, RemoteFile
from paqa_builder.sources.excerpts import ExcerptOptions, excerpts
from paqa_builder.sources.values import read_rttm, visible

log = logging.getLogger(__name__)

_FIX = "--root is the folder with amicorpus/ and the unpacked ami_public_manual_1.6.2.zip"
_ANNOTATION = ("", "ami_public_manual_1.6.2", "ami_public_1.6.2", "annotations", "manual")

# Sessions of the partition full-corpus-ASR; all other sessions are train.
_VALIDATION = frozenset(
    {"ES2011", "IS1008", "TS3004", "IB4001", "IB4002", "IB4003", "IB4004", "IB4010", "IB4011"}
)
_TEST = frozenset({"ES2004", "IS1009", "TS3003", "EN2002"})
_IN_NO_SPLIT = frozenset({"IB4005"})


_MIRROR = "https://groups.inf.ed.ac.uk/ami"
_MEETINGS = (
    "ES2004abcd IS1009abcd TS3003abcd EN2002abcd ES2011abcd IS1008abcd TS3004abcd IB4001 IB4002 IB4003 "
    "IB4004 IB4010 IB4011 EN2001abde EN2003a EN2004a EN2005a EN2006ab EN2009bcd ES2002abcd ES2003abcd "
    "ES2005abcd ES2006abcd ES2007abcd ES2008abcd ES2009abcd ES2010abcd ES2012abcd ES2013abcd ES2014abcd "
    "ES2015abcd ES2016abcd IN1001 IN1002 IN1005 IN1007 IN1008 IN1009 IN1012 IN1013 IN1014 IN1016 "
    "IS1000abcd IS1001abcd IS1002bcd IS1003abcd IS1004abcd IS1005abc IS1006abcd IS1007abcd TS3005abcd "
    "TS3006abcd TS3007abcd TS3008abcd TS3009abcd TS3010abcd TS3011abcd TS3012abcd"
)
"""Sessions with the letters of their meetings; those of test and validation first."""
# Published by users of the corpus; the corpus states none.
_SHA256 = {
    "EN2002a": "a15017d0d3c871866971ee178052a0ce3a7e44d6fbf89fc23dcab326511b65f5",
    "EN2002b": "50e2c8e4737850c4bf3cc24e7087c755e1c733cd91822106afd0df485ba64893",
    "EN2002c": "a057708b3adb553f709fcde97d2af8e0455076bc3f88c250975227433d6e0270",
    "EN2002d": "6aa99d9d71cb695ea699d6be277f78eff68e847c93560031486eba9f18164ebe",
    "ES2004a": "3e2560b19bee6952c7c7ce041b0f1ea8a7ea9468044c4eea79d2a2c67e24ab0f",
    "ES2004b": "ad0cf07c42b1694ccf7bea8f1a37348d9cfab194787abc7d050b29ba56e365c8",
    "ES2004c": "47dc9bd2e3b1d174842091ae9e1fe765218f0c87658b17d6469c404e03ec2ac5",
    "ES2004d": "3cfce3297ebb7faeb53c02727eea5e9f2c76e9ed4b62db3b03d73e66836e91f3",
    "IS1009a": "6eb5a0ede0d9e72794f976ce7bea5b78133eae969f99b4c5418b43c2468d25b1",
    "IS1009b": "07c2891ae6ad7c507b2a4f15b2dcd0a2343491df9e4e6a58f9db0d0b2c5e1382",
    "IS1009c": "f317910070db0f2649315decbb34686d648bbe9dc3f7576710184f4d572bdbcc",
    "IS1009d": "470440114ee2ed076cfc77c53136ad5d3af500d8a5a6ca36755e83534f5ca4ea",
    "TS3003a": "b6ce59ff735c234afdd94b13744aa26f6785af746170543fd03b33160e920a6d",
    "TS3003b": "0c94f3a09ab747caa7714efe8852f5ff37d36cf272b75709344991df1aa266ca",
    "TS3003c": "b9f455870e8cb0ba765523a1767cc366775ab7e5e3eabf37d9c91289e5a1a70a",
    "TS3003d": "ece4a41c37c1092c737d1dfe313afb18248364625991f745fed4b372c3c67eb3",
}
_MEETING_BYTES = 67_000_000
"""Of the headset mix of a meeting, on average."""


def _recordings(split: str) -> Archive:
    names = [session[:6] + letter for session in _MEETINGS.split() for letter in session[6:] or [""]]
    files = tuple(
        RemoteFile(
            f"{_MIRROR}/AMICorpusMirror/{path}",
            checksum=f"sha256:{_SHA256[name]}" if name in _SHA256 else "",
            path=path,
        )
        for name in names
        if _split_of(name) == split
        for path in [f"amicorpus/{name}/audio/{name}.Mix-Headset.wav"]
    )
    return Archive(
        "files", files, subset=split, label=f"meetings of {split}",
        about_bytes=_MEETING_BYTES * len(files),
        small=int(split == "test"), small_bytes=35_000_000 if split == "test" else 0,
    )  # fmt: skip


def _split_of(meeting: str) -> str:
    session = meeting[:6]
    return "validation" if session in _VALIDATION else "test" if session in _TEST else "train"


DOWNLOADS = Downloads(
    license="CC-BY-4.0",
    page="https://groups.inf.ed.ac.uk/ami/download/",
    archives=(
        Archive(
            "zip",
            (
                RemoteFile(
                    f"{_MIRROR}/AMICorpusAnnotations/ami_public_manual_1.6.2.zip", 22_887_865,
                    "sha256:b56e5babb2496b8795deeeda7e71178d7fbc9963f94276cf2a3f4b56ebbc9f9d",
                ),
            ),
            unpacked=300_000_000,
            into="ami_public_manual_1.6.2",
            strip="ami_public_manual_1.6.2",
            small=ALL,
            small_bytes=22_887_865,
        ),
        *map(_recordings, ("test", "validation", "train")),
    ),
)  # fmt: skip


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
    layout: ClassVar[tuple[str, ...]] = ("words/*.words.xml", "ami_public_manual_1.6.2/words", "amicorpus")
    Options = AmiOptions
    downloads: ClassVar[Downloads | None] = DOWNLOADS

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
        for path in visible(self.root.rglob("*.rttm")):
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
        for path in visible(self.root.rglob(f"*{end}")):
            found.setdefault(path.name.removesuffix(end), path)
        return found

    def _warn(self, what: str, meetings: set[str]) -> None:
        if meetings:
            log.warning(
                "%s: %d meetings %s left out (such as %s)", self.root, len(meetings), what, min(meetings)
            )
