"""``mix``: scenes with exact truth, as ``paqa mix`` writes them (``manifest.jsonl`` and what it names).

Everything is known: who speaks when (turns cut at pauses longer than half a second, overlaps included),
which sounds happen when (every active stretch of each), and what is said, where all of it is. A
scene with any speech that nobody transcribed has no utterances at all (None, unknown) rather than
some of them. A scene without sounds has the empty tuple: there truly are none.

The manifest may also be of older scenes in the same layout: labels of ESC-50 and FSD50K are then put into
AudioSet's words (others stay as they are), the split ``dev`` means validation, and licences are joined here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar

from paqa_builder.errors import SourceError
from paqa_builder.labels.crosswalk import audioset_name
from paqa_builder.licenses import combined
from paqa_builder.mix.truth_files import turns
from paqa_builder.records import Clip, Tag, Truth, Turn, Utterance, Word
from paqa_builder.sources import SPLITS, Source

SPLIT_OF = {**{split: split for split in SPLITS}, "dev": "validation", "eval": "test"}


@contextmanager
def _reading(where: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{where}: not a scene ({type(error).__name__}: {error})") from error


def _label(event: Mapping[str, Any]) -> str:
    return event.get("audioset") or audioset_name(event["label"]) or event["label"]


class Mix(Source):
    """A folder that ``paqa mix`` made."""

    name: ClassVar[str] = "mix"
    revision: ClassVar[str] = "2"

    @cached_property
    def vocabulary(self) -> frozenset[str] | None:
        """The labels of all scenes: what else may be in a recording, its pool need not have said."""
        labels: set[str] = set()
        for where, row in self._rows():
            with _reading(where):
                labels |= {_label(event) for event in row["events"]}
        return frozenset(labels)

    def clips(self) -> Iterator[Clip]:
        seen: set[str] = set()
        for where, row in self._rows():
            with _reading(where):
                clip = self._clip(row)
            if clip.id in seen:
                raise SourceError(f"{where}, field 'id': {clip.id!r} has a line already")
            seen.add(clip.id)
            yield clip

    def _rows(self) -> Iterator[tuple[str, Any]]:
        """Each line of the manifest, with the words that name it in an error."""
        path = self.root / "manifest.jsonl"
        if not path.is_file():
            raise SourceError(
                f"{path}: not there; either this is no folder of scenes, or mixing it did not finish",
                fix=f"paqa mix --spec … --out {self.root}",
            )
        try:
            for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
                if line.strip():
                    yield f"{path}, line {number}", json.loads(line)
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise SourceError(f"{path}: cannot be read as JSON lines ({error})") from error

    def _clip(self, row: Mapping[str, Any]) -> Clip:
        if row["split"] not in SPLIT_OF:
            raise ValueError(f"split {row['split']!r} is none of {', '.join(SPLIT_OF)}")
        made_of = [*row["segments"], *row["events"]]
        credit_lines = dict.fromkeys(part.get("attribution") for part in made_of)
        return Clip(
            id=str(row["id"]),
            source=self.name,
            split=SPLIT_OF[row["split"]],
            path=str(self.root / row["audio"]),
            license=row.get("license") or combined(part.get("licence") or "" for part in made_of),
            attribution=row.get("attribution") or "; ".join(credit for credit in credit_lines if credit),
            source_url=row.get("source_url") or "",
            truth=self._truth(row),
        )

    def _truth(self, row: Mapping[str, Any]) -> Truth:
        segments = sorted(row["segments"], key=lambda s: (s["start"], s["end"]))
        spoken = turns((segment["speaker"], segment["activity"]) for segment in segments)
        tags = [
            Tag(
                float(start),
                float(end),
                _label(event),
                1.0,
                "clip",
                True,
                self.origin,
            )
            for event in row["events"]
            for start, end in event["active_segments"]
        ]
        known = all(segment.get("text") is not None for segment in segments)
        return Truth(
            turns=tuple(Turn(float(a), float(b), speaker, 1.0, self.origin) for a, b, speaker in spoken),
            tags=tuple(sorted(tags, key=lambda t: (t.start, t.end, t.label))),
            utterances=tuple(map(self._utterance, segments)) if known else None,
            tags_complete=True,
        )

    def _utterance(self, segment: Mapping[str, Any]) -> Utterance:
        words = tuple(
            Word(float(w["start"]), float(w["end"]), w["text"], 1.0) for w in segment.get("words") or ()
        )
        return Utterance(
            start=float(segment["start"]),
            end=float(segment["end"]),
            speaker=segment["speaker"],
            text=segment["text"],
            words=words,
            language=segment.get("language"),
            confidence=1.0,
            origin=self.origin,
        )
