"""Reading of ground truth: a manifest in JSON or JSON lines, or a folder with RTTM, UEM, STM and CSV files.

``docs/bench.md`` describes the formats. Errors name the file and the line.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from functools import partial as bound
from pathlib import Path
from typing import Any, TypeVar

from paqa_builder.bench.reference import ORIGIN, Reference
from paqa_builder.errors import ConfigError
from paqa_builder.intervals import Span, union
from paqa_builder.labels.crosswalk import audioset_name
from paqa_builder.records import Tag, Truth, Turn, Utterance, Word
from paqa_builder.turns import merge_turns, rttm_turn
from paqa_builder.untrusted import json_files

MANIFEST = "manifest.jsonl"
_FIX = "docs/bench.md describes the formats"
T = TypeVar("T")


def load_references(path: Path, *, partial_labels: bool = False) -> list[Reference]:
    """Reads ground truth.

    Args:
        path: A manifest (``.jsonl``, ``.json``), an ``.rttm`` file, or a folder with a
            ``manifest.jsonl`` or with RTTM, UEM, STM and CSV files anywhere in it.
        partial_labels: Whether the labels are incomplete, so that a clip may have other sounds.

    Raises:
        ConfigError: The path does not exist, has no ground truth, or has a malformed line.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such file or folder", fix="check --truth")
    if path.is_dir() and (path / MANIFEST).is_file():
        path = path / MANIFEST
    if path.suffix in (".jsonl", ".json"):
        return _manifest(path, partial_labels)
    return _Folder(path, partial_labels).references()


# ---- manifest -----------------------------------------------------------------------------------


def _manifest(path: Path, partial: bool) -> list[Reference]:
    references = [
        _parsed(where, bound(_scene, row, path.parent, partial))
        for where, row in json_files.objects(path, fix=_FIX)
    ]
    if not references:
        raise ConfigError(f"{path}: has no scene", fix=_FIX)
    return references


def _scene(row: dict[str, Any], folder: Path, partial: bool) -> Reference:
    segments, events = row.get("segments"), row.get("events")
    names = [str(row["id"]), *([str(row["audio"])] if row.get("audio") else [])]
    speakers = {str(speaker["id"]) for speaker in row.get("speakers") or ()}
    stems = {name: folder / path for name, path in (row.get("stems") or {}).items()}
    spoken = {name for name in stems if name in speakers or (not speakers and name.startswith("S"))}
    return Reference(
        names=tuple(names),
        truth=Truth(
            turns=_turns(row, segments),
            tags=None if events is None else _sorted([tag for event in events for tag in _tags(event)]),
            utterances=_utterances(segments),
            tags_complete=events is not None and row.get("events_complete", not partial),
        ),
        scored=union((float(a), float(b)) for a, b in row["scored"]) if row.get("scored") else None,
        speech=tuple(stems[name] for name in sorted(spoken)),
        others=tuple(stems[name] for name in sorted(set(stems) - spoken)),
        snr=_snr(row, events or ()),
    )


def _turns(row: dict[str, Any], segments: list[dict[str, Any]] | None) -> tuple[Turn, ...] | None:
    # Active intervals show the pauses that whole utterances hide.
    if segments is not None and all(segment.get("activity") for segment in segments):
        active = [(s["speaker"], (a, b)) for s in segments for a, b in s["activity"]]
    elif (turns := row.get("turns", segments)) is not None:
        active = [(turn["speaker"], (turn["start"], turn["end"])) for turn in turns]
    else:
        return None
    spans = ((str(speaker), [(float(start), float(end))]) for speaker, (start, end) in active)
    return tuple(Turn(start, end, speaker, 1.0, ORIGIN) for start, end, speaker in merge_turns(spans))


def _utterances(segments: list[dict[str, Any]] | None) -> tuple[Utterance, ...] | None:
    if segments is None or any(segment.get("text") is None for segment in segments):
        return None  # an incomplete transcript cannot be scored
    utterances = [
        Utterance(
            start=float(segment["start"]),
            end=float(segment["end"]),
            speaker=str(segment["speaker"]),
            text=segment["text"],
            words=tuple(
                Word(float(w["start"]), float(w["end"]), w["text"], 1.0) for w in segment.get("words") or ()
            ),
            language=segment.get("language"),
            confidence=1.0,
            origin=ORIGIN,
        )
        for segment in segments
    ]
    return _sorted(utterances)


def _tags(event: dict[str, Any]) -> list[Tag]:
    # A known label of the corpus is preferred: the crosswalk has all AudioSet classes that are right for it.
    label = str(event["label"])
    if audioset_name(label) is None and event.get("audioset"):
        label = event["audioset"]
    if event.get("onset") is None:
        return [Tag(0.0, math.inf, label, 1.0, "clip", False, ORIGIN)]
    spans = event.get("active_segments") or [(event["onset"], event["offset"])]
    return [Tag(float(a), float(b), label, 1.0, "clip", True, ORIGIN) for a, b in spans]


def _snr(row: dict[str, Any], events: Any) -> float | None:
    """SNR of speech over all events together, in dB; None if the level of an event is unknown."""
    if row.get("snr_db") is not None:
        return float(row["snr_db"])
    levels = [event.get("snr_measured_db", event.get("snr_db")) for event in events]
    if not levels or None in levels:
        return None
    return -10 * math.log10(sum(10 ** (-float(level) / 10) for level in levels))


# ---- RTTM, UEM, STM, CSV ------------------------------------------------------------------------


class _Folder:
    """Ground truth from the files of a folder, by clip."""

    def __init__(self, path: Path, partial: bool) -> None:
        self.path, self.partial = path, partial
        self.turns: dict[str, dict[Turn, None]] = {}  # a dict: repeated records count once
        self.utterances: dict[str, dict[Utterance, None]] = {}
        self.tags: dict[str, dict[Tag, None]] = {}
        self.scored: dict[str, list[Span]] = {}
        self.aliases: dict[str, set[str]] = {}

    def references(self) -> list[Reference]:
        files = sorted(p for p in self.path.rglob("*") if p.is_file()) if self.path.is_dir() else [self.path]
        readers = {".rttm": self._rttm, ".uem": self._uem, ".stm": self._stm}
        tables = {f"{name}{end}" for name in ("labels", "text") for end in (".csv", ".tsv")}
        for file in files:
            if file.suffix in readers:
                self._lines(file, readers[file.suffix])
            elif file.name in tables:
                self._table(file)
        clips = sorted({*self.turns, *self.utterances, *self.tags})
        if not clips:
            raise ConfigError(
                f"{self.path}: no ground truth there; neither {MANIFEST} nor .rttm, .stm, "
                f"{', '.join(sorted(tables))}",
                fix=_FIX,
            )
        return [self._reference(clip) for clip in clips]

    def _reference(self, clip: str) -> Reference:
        def layer(records: dict[str, dict[Any, None]]) -> tuple[Any, ...] | None:
            # A layer without an entry for the clip was not annotated.
            return _sorted(records[clip]) if clip in records else None

        return Reference(
            names=(clip, *sorted(self.aliases.get(clip, ()))),
            truth=Truth(
                turns=layer(self.turns),
                tags=layer(self.tags),
                utterances=layer(self.utterances),
                tags_complete=clip in self.tags and not self.partial,
            ),
            scored=union(self.scored[clip]) if clip in self.scored else None,
        )

    def _lines(self, file: Path, read: Callable[[list[str]], str | None]) -> None:
        clips = set()
        for number, line in enumerate(file.read_text(encoding="utf-8-sig").split("\n"), 1):
            if line.strip() and not line.startswith(";"):
                clips.add(_parsed(f"{file}, line {number}", bound(read, line.split())))
        clips.discard(None)
        if len(clips) == 1:  # the file's own name may be the clip's id, too
            (clip,) = clips
            self.aliases.setdefault(str(clip), set()).add(file.stem)

    def _rttm(self, fields: list[str]) -> str | None:
        line = rttm_turn(fields)
        if line is None:
            return None
        clip, start, end, speaker = line
        turns = self.turns.setdefault(clip, {})
        if start < end:
            turns[Turn(start, end, speaker, 1.0, ORIGIN)] = None
        return clip

    def _uem(self, fields: list[str]) -> str:
        self.scored.setdefault(fields[0], []).append((float(fields[2]), float(fields[3])))
        return fields[0]

    def _stm(self, fields: list[str]) -> str:
        clip, _, speaker, start, end, *rest = fields
        if rest and rest[0].startswith("<") and rest[0].endswith(">"):
            del rest[0]  # a label such as <o,f0,male>
        self._add_utterance(clip, float(start), float(end), speaker, " ".join(rest), None)
        return clip

    def _add_utterance(
        self, clip: str, start: float, end: float, speaker: str | None, text: str, language: str | None
    ) -> None:
        utterances = self.utterances.setdefault(clip, {})
        if text and text.upper() != "IGNORE_TIME_SEGMENT_IN_SCORING":
            utterances[Utterance(start, end, speaker, text, (), language, 1.0, ORIGIN)] = None

    def _table(self, file: Path) -> None:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, delimiter="\t" if file.suffix == ".tsv" else ",")
            for number, raw in enumerate(reader, 2):
                row = {
                    _COLUMNS.get(name := (key or "").strip().casefold(), name): (value or "").strip()
                    for key, value in raw.items()
                }
                _parsed(f"{file}, line {number}", bound(self._row, file.stem, row))

    def _row(self, kind: str, row: dict[str, str]) -> None:
        clip, start, end = row["clip"], float(row.get("start") or 0.0), float(row.get("end") or math.inf)
        timed = bool(row.get("start") and row.get("end"))
        if kind == "text":
            self._add_utterance(
                clip, start, end, row.get("speaker") or None, row["text"], row.get("language") or None
            )
            return
        tags = self.tags.setdefault(clip, {})
        if row["label"]:  # a row without a label: the clip has no sound
            tags[Tag(start, end, row["label"], 1.0, "clip", timed, ORIGIN)] = None


_COLUMNS = {
    "filename": "clip", "file": "clip", "id": "clip", "event_label": "label", "onset": "start",
    "offset": "end", "sentence": "text", "transcript": "text",
}  # fmt: skip


def _parsed(where: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{where}: malformed ({type(error).__name__}: {error})", fix=_FIX) from error


def _sorted(records: Any) -> tuple[Any, ...]:
    return tuple(sorted(records, key=lambda record: (record.start, record.end)))
