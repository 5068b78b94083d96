"""``mix``: scenes with exact ground truth, as written by ``paqa mix`` (``manifest.jsonl`` and its files).

Ground truth of a scene: speaker turns (split at pauses longer than half a second, overlaps included),
every active interval of each sound, and the utterances. Utterances are None (unknown) if any speech of
the scene lacks a transcript. Tags are the empty tuple if the scene has no sounds.

Older manifests of the same layout are read, too: labels of ESC-50 and FSD50K are mapped to AudioSet
(others stay), the splits ``dev`` and ``eval`` become validation and test, and licences are combined here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, ClassVar

import yaml

from paqa_builder.errors import SourceError
from paqa_builder.labels.crosswalk import audioset_name
from paqa_builder.licenses import combined, conflict
from paqa_builder.records import Clip, Tag, Truth, Turn, Utterance, Word
from paqa_builder.sources import SPLITS, Source
from paqa_builder.turns import merge_turns
from paqa_builder.untrusted import json_files, load_yaml

SPLIT_OF = {**{split: split for split in SPLITS}, "dev": "validation", "eval": "test"}


@contextmanager
def _reading(where: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"{where}: not a scene ({type(error).__name__}: {error})") from error


def _label(event: Mapping[str, Any]) -> str:
    return event.get("audioset") or audioset_name(event["label"]) or event["label"]


def _groups(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The speakers and recordings that a scene is made of; recordings are named within their kind of pool."""
    speakers = [f"speaker:{name}" for s in row["segments"] if (name := s.get("corpus_speaker"))]
    speech = [f"recording:speech/{name}" for s in row["segments"] if (name := s.get("utt_id"))]
    sounds = [f"recording:events/{name}" for e in row["events"] if (name := e.get("src_file"))]
    return tuple(dict.fromkeys([*speakers, *speech, *sounds]))


def _inside(name: str) -> str:
    """A path below the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(f"audio {name!r} leads out of the folder")
    return name


class Mix(Source):
    """A folder written by ``paqa mix``."""

    name: ClassVar[str] = "mix"
    revision: ClassVar[str] = "2"

    @cached_property
    def vocabulary(self) -> frozenset[str] | None:
        """The labels of all scenes. Recordings may contain other sounds that their pool does not label."""
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
        """The decoded lines of the manifest, each with its position for error messages."""
        path = self.root / "manifest.jsonl"
        if not path.is_file():
            raise SourceError(
                f"{path}: no such file: the folder is not from paqa mix, or mixing did not finish",
                fix=f"paqa mix --spec … --out {self.root}",
            )
        return json_files.objects(path, SourceError)

    def _clip(self, row: Mapping[str, Any]) -> Clip:
        if row["split"] not in SPLIT_OF:
            raise ValueError(f"split {row['split']!r} is none of {', '.join(SPLIT_OF)}")
        parts = [*row["segments"], *row["events"]]
        names = dict.fromkeys(part.get("attribution") for part in parts)
        return Clip(
            id=str(row["id"]),
            source=self.name,
            split=SPLIT_OF[row["split"]],
            path=str(self.root / _inside(row["audio"])),
            license=self._license(row, parts),
            attribution=row.get("attribution") or "; ".join(filter(None, names)),
            source_url=row.get("source_url") or "",
            truth=self._truth(row),
            groups=_groups(row),
        )

    def _license(self, row: Mapping[str, Any], parts: Sequence[Mapping[str, Any]]) -> str:
        """The most restrictive of the licences that a scene and its parts state."""
        stated = row.get("license") or ""
        of_parts = [part.get("licence") or part.get("license") or "" for part in parts]
        if not all(isinstance(name, str) for name in (stated, *of_parts)):
            raise ValueError("a licence is no text")
        names = [stated, *filter(None, of_parts)] if stated else of_parts
        if self._refuses_conflicts and (found := conflict(names)):
            raise SourceError(
                f"{self.root}, scene {row['id']!r}: its recordings may not be in one mixture: {found[2]}",
                fix="remove its line from manifest.jsonl; or write license_conflicts: keep to spec.yaml, "
                "if the scenes are never published",
            )
        return combined(names)

    @cached_property
    def _refuses_conflicts(self) -> bool:
        """Whether the folder's specification does not keep mixtures that licences do not permit."""
        path = self.root / "spec.yaml"
        try:
            spec = load_yaml(path.read_text(encoding="utf-8")) if path.is_file() else None
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise SourceError(f"{path}: cannot be read as YAML ({error})") from error
        return not (isinstance(spec, Mapping) and spec.get("license_conflicts") == "keep")

    def _truth(self, row: Mapping[str, Any]) -> Truth:
        segments = sorted(row["segments"], key=lambda s: (s["start"], s["end"]))
        turns = merge_turns((segment["speaker"], segment["activity"]) for segment in segments)
        tags = [
            Tag(float(start), float(end), _label(event), 1.0, "clip", True, self.origin)
            for event in row["events"]
            for start, end in event["active_segments"]
        ]
        known = all(segment.get("text") is not None for segment in segments)
        return Truth(
            turns=tuple(Turn(float(a), float(b), speaker, 1.0, self.origin) for a, b, speaker in turns),
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
