"""Reading of pools from manifests, folders and sources.

A pool is named by one argument:

- ``FILE.csv`` or ``FILE.jsonl``: a manifest with paths relative to it. Columns: ``path`` and ``speaker``
  (or ``label``), and any of :data:`COLUMNS`.
- A folder with ``clips.csv``: its rows of kind ``speech`` and ``utterance``, or ``event``.
- Any other folder: ``SPEAKER/….wav`` (or ``LABEL/….wav``); ``x.txt`` is the transcript of ``x.wav``.
- ``NAME:DIR`` (events only): a source of ``paqa ls sources``, e.g. ``fsd50k:/data/FSD50K``; its
  clips with exactly one most specific label.
"""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from paqa_builder.audio import SUFFIXES
from paqa_builder.config.environment import expanded
from paqa_builder.errors import PaqaError, SourceError
from paqa_builder.labels import audioset as ontology
from paqa_builder.licenses import UNKNOWN, allows, normal
from paqa_builder.mix.recordings import Kind, Recording, RecordingPool, assign_splits, check_splits
from paqa_builder.mix.spec import Spec
from paqa_builder.pipeline.own_folders import OwnFolders
from paqa_builder.sources import SPLITS
from paqa_builder.sources.header import columns_of
from paqa_builder.untrusted import json_files, loads

log = logging.getLogger(__name__)

COLUMNS = (
    "path", "speaker", "label", "audioset", "text", "sex", "language", "words", "split", "fold", "source",
    "license", "attribution", "source_url",
)  # fmt: skip
_ALSO = {"filename": "path", "file_name": "path", "licence": "license", "gender": "sex"}
_LAYOUT_ONLY = {"kind"}
_KNOWN = (*COLUMNS, *_ALSO, *_LAYOUT_ONLY)


def read_recordings(kind: Kind, places: Iterable[str], spec: Spec, out: Path | None = None) -> RecordingPool:
    """Reads and joins pools, assigns splits, and checks that they are disjoint.

    Args:
        out: The folder of the mixed scenes, which may be below a pool's and is left out of it.

    Raises:
        SourceError: A pool is missing or malformed, splits share material, or a split of the specification
            has no recording.
    """
    roots: dict[str, Path] = {}
    recordings: list[Recording] = []
    for number, place in enumerate(places):
        name = f"{kind}{number}"
        roots[name], listed = _read(kind, place, name, spec, out)
        recordings += listed
    if kind == "speech" and spec.speech.text == "required":
        recordings = [recording for recording in recordings if recording.text]
    if kind == "events" and spec.events and spec.events.labels is not None:
        wanted = {*spec.events.labels, *(spec.ambience.labels if spec.ambience else ())}
        recordings = [recording for recording in recordings if {recording.label, recording.group} & wanted]
    recordings = _allowed(recordings, kind, spec)
    recordings = assign_splits(recordings, kind, {name: spec.splits[name] for name in spec.used_splits})
    check_splits(recordings, kind)
    for split in spec.used_splits:
        if not any(recording.split == split for recording in recordings):
            raise SourceError(
                f"the {kind} pool ({', '.join(places) or 'none given'}) has nothing for the split {split!r}",
                fix=f"add --{kind} …, or remove {split} from the specification's splits",
            )
    return RecordingPool(kind, roots, tuple(recordings))


def _allowed(recordings: list[Recording], kind: Kind, spec: Spec) -> list[Recording]:
    """The recordings under licences that the specification allows."""
    if not spec.license_allow:
        return recordings
    kept = [recording for recording in recordings if allows(spec.license_allow, recording.license)]
    if left_out := Counter(r.license for r in recordings) - Counter(r.license for r in kept):
        counted = ", ".join(f"{count} {name}" for name, count in left_out.most_common())
        log.warning("%s: left out recordings whose licence is not allowed: %s", kind, counted)
    return kept


def _read(kind: Kind, place: str, name: str, spec: Spec, out: Path | None) -> tuple[Path, list[Recording]]:
    path = expanded(place)
    if path.is_file():
        return path.parent.resolve(), list(_from_rows(kind, _rows(path), path, name, spec, {}))
    if (path / "clips.csv").is_file():
        table = path / "clips.csv"
        kinds = {"event"} if kind == "events" else {"speech", "utterance"}
        rows = [(where, row) for where, row in _rows(table) if row.get("kind") in kinds]
        return path.resolve(), list(_from_rows(kind, rows, table, name, spec, _names(path)))
    if path.is_dir():
        return path.resolve(), list(_from_tree(kind, path, name, _own_folders(path, out)))
    corpus, colon, folder = place.partition(":")
    root = expanded(folder)
    if kind == "events" and colon and root.is_dir():
        return root.resolve(), list(_from_source(corpus, root, name, _own_folders(root, out)))
    raise SourceError(
        f"{place}: no such manifest or folder", fix=f"check --{kind}; docs/mix.md lists the kinds of pools"
    )


def _rows(path: Path, known: Sequence[str] = _KNOWN) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a CSV or JSON lines file, each with its position for error messages.

    Args:
        known: Columns whose names are recognised in any case, and refused if misspelt.
    """
    if path.suffix in (".jsonl", ".json"):
        return [(where, _named(row, known, where)) for where, row in json_files.objects(path, SourceError)]
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, strict=True)
            table.fieldnames = columns_of(table.fieldnames or (), known, path)
            return [(f"{path}, row {n}", dict(row)) for n, row in enumerate(table, 2)]
    except (OSError, csv.Error, ValueError) as error:
        raise SourceError(f"{path}: cannot be read as CSV ({error})") from error


def _named(row: dict[str, Any], known: Sequence[str], where: str) -> dict[str, Any]:
    return dict(zip(columns_of(list(row), known, where), row.values(), strict=True))


def _names(folder: Path) -> dict[str, str]:
    """AudioSet names of ESC-50's categories, if the folder has the table."""
    table = folder / "esc50_to_audioset.csv"
    if not table.is_file():
        return {}
    return {row["esc50_category"]: row["audioset_primary"] for _, row in _rows(table, ())}


def _from_rows(
    kind: Kind,
    rows: Iterable[tuple[str, Mapping[str, Any]]],
    path: Path,
    name: str,
    spec: Spec,
    audioset: Mapping[str, str],
) -> Iterator[Recording]:
    group_column = "speaker" if kind == "speech" else "label"
    unused: set[str] = set()
    seen: dict[str, Recording] = {}
    for where, raw in rows:
        row = {_ALSO.get(str(key), str(key)): value for key, value in raw.items()}
        unused |= set(row) - set(COLUMNS) - _LAYOUT_ONLY
        for column in ("path", group_column):
            if not row.get(column):
                raise SourceError(f"{where}, column {column!r}: is missing or empty")
        file = str(row["path"])
        if not (path.parent / file).is_file():
            raise SourceError(f"{where}, column 'path': no file {file!r} below {path.parent}")
        group = str(row[group_column])
        recording = Recording(
            root=name,
            path=file,
            group=group,
            split=_split(row, where, spec),
            source=str(row.get("source") or file),
            license=normal(str(row.get("license") or "")),
            attribution=str(row.get("attribution") or ""),
            source_url=str(row.get("source_url") or ""),
            text=str(row["text"]).strip() if row.get("text") else None,
            sex=str(row["sex"]) if row.get("sex") else None,
            language=str(row["language"]) if row.get("language") else None,
            words=_words(row.get("words"), where),
            label=(str(row.get("audioset") or "") or audioset.get(group, group))
            if kind == "events"
            else None,
        )
        if seen.setdefault(file, recording) != recording:
            raise SourceError(f"{where}, column 'path': {file!r} has another row with other values")
    yield from seen.values()
    if unused:
        log.warning("%s: columns not used: %s", path, ", ".join(sorted(unused)))


def _split(row: Mapping[str, Any], where: str, spec: Spec) -> str:
    if row.get("split"):
        if row["split"] not in SPLITS:
            raise SourceError(f"{where}, column 'split': {row['split']!r} is none of {', '.join(SPLITS)}")
        return str(row["split"])
    fold = str(row.get("fold") or "")
    if not fold:
        return ""
    if fold not in spec.folds:
        raise SourceError(
            f"{where}, column 'fold': {fold!r} has no split", fix="name it in the specification's folds"
        )
    return spec.folds[fold]


def _words(value: Any, where: str) -> tuple[tuple[float, float, str], ...] | None:
    if not value:
        return None
    try:
        items = loads(value) if isinstance(value, str) else value
        return tuple((float(w["start"]), float(w["end"]), str(w["text"])) for w in items)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{where}, column 'words': not a list of {{start, end, text}} ({error})") from error


def _own_folders(folder: Path, out: Path | None) -> OwnFolders:
    return OwnFolders(folder, *([out] if out else []))


def _from_tree(kind: Kind, folder: Path, name: str, own: OwnFolders) -> Iterator[Recording]:
    audio = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    files = sorted(path for path in audio if own.of(path) is None)
    loose = [p for p in files if p.parent == folder]
    if not files or loose:
        problem = f"{loose[0].name} is in no subfolder" if loose else "no audio files below it"
        inner = "each speaker" if kind == "speech" else "each label"
        raise SourceError(f"{folder}: {problem}", fix=f"make a subfolder for {inner}, or name a manifest")
    for file in files:
        below = file.relative_to(folder).as_posix()
        group = below.partition("/")[0]
        beside = file.with_suffix(".txt")
        text = beside.read_text(encoding="utf-8").strip() if kind == "speech" and beside.is_file() else None
        label = group if kind == "events" else None
        yield Recording(name, below, group, "", below, UNKNOWN, text=text or None, label=label)


def _from_source(corpus: str, folder: Path, name: str, own: OwnFolders) -> Iterator[Recording]:
    from paqa_builder import registry

    try:
        source = registry.get("source", corpus)(folder)
    except PaqaError as error:
        raise SourceError(f"--events {corpus}:{folder}: {error.message}", fix=error.fix) from error
    root = folder.resolve()
    for clip in own.without(source.clips()):
        names = {tag.label for tag in clip.truth.tags or () if ontology.is_event(tag.label)}
        leaves = {n for n in names if not any(n in ontology.ancestors(other) for other in names)}
        path = Path(clip.path).resolve()
        if len(leaves) == 1 and path.is_file() and path.is_relative_to(root):
            (label,) = leaves
            below = path.relative_to(root).as_posix()
            recording = Recording(name, below, label, clip.split, clip.id, clip.license, clip.attribution)
            yield replace(recording, source_url=clip.source_url, label=label)
