"""Label Studio's JSON export, with the controls that ``paqa export --to label-studio`` sets up.

============================ =====================================================
control (``from_name``)      what
============================ =====================================================
``speakers``                 turns, by label
``sounds``                   sounds, by label
``presence``                 labels of the whole clip
``speech``                   speakers of utterances, by label
``transcription``            texts of utterances; the region has the same ``id``
============================ =====================================================

A clip is matched by ``clip_id`` or ``name`` in the task's data, or by its audio file. A layer is known if the
data's ``layers`` name it or if it has a region. Tasks that are not annotated are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from paqa_builder.annotations.base import FIX, Annotation, span
from paqa_builder.errors import SourceError
from paqa_builder.untrusted import read_json

CONTROLS = ("speakers", "sounds", "presence", "speech", "transcription")
UNKNOWN = "unknown speaker"
_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that is uploaded."""
_LAYERS = {"speakers": "turns", "sounds": "tags", "presence": "tags", "speech": "utterances"}


def looks_like_tasks(path: Path) -> bool:
    """Whether a JSON file begins as a list, which an export of Label Studio is."""
    try:
        file = path.open("rb")
    except OSError:  # reading it names the reason
        return True
    with file:
        return file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def read_label_studio(path: Path) -> Iterator[Annotation]:
    """The annotated tasks of an export."""
    try:
        tasks = read_json(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read as JSON ({error})", fix=FIX) from error
    if not isinstance(tasks, list):
        raise SourceError(f"{path}: is no list of tasks", fix="export the project as JSON")
    for number, task in enumerate(tasks, 1):
        where = f"{path}, task {number}"
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise SourceError(f"{where}: has no data", fix="export the project as JSON, not as JSON-MIN")
        result = _result(task, where)
        if result is not None:
            yield _annotation(task["data"], result, where)


def _result(task: dict[str, Any], where: str) -> list[Any] | None:
    """The regions of the annotation; None for a task without one."""
    given = task.get("annotations")
    given = given if isinstance(given, list) else []
    done = [a for a in given if isinstance(a, dict) and not a.get("was_cancelled")]
    chosen = [a for a in done if a.get("ground_truth")] or done
    if len(chosen) > 1:
        raise SourceError(
            f"{where}: has {len(chosen)} annotations",
            fix="mark the right one as ground truth in Label Studio",
        )
    if not chosen:
        return None
    result = chosen[0].get("result")
    if not isinstance(result, list):
        raise SourceError(f"{where}: its annotation has no result", fix=FIX)
    return result


def _annotation(data: dict[str, Any], result: list[Any], where: str) -> Annotation:
    annotation = Annotation(where, _names(data), "label-studio")
    if not annotation.names:
        raise SourceError(f"{where}: has no clip_id, name or audio in its data", fix=FIX)
    stated = data.get("layers")
    for layer in ("turns", "tags", "utterances"):
        if isinstance(stated, list) and layer in stated:
            annotation.knows(layer)
    texts: dict[str, str] = {}
    speech: list[tuple[str, float, float, str]] = []
    for place, row in enumerate(result, 1):
        here = f"{where}, region {place}"
        if isinstance(row, dict) and row.get("type") == "relation":  # an arrow between two regions
            continue
        name = row.get("from_name") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(row.get("value"), dict):
            raise SourceError(f"{here}: has no value", fix=FIX)
        if name not in CONTROLS:
            raise SourceError(f"{here}: control {name!r} is none of {', '.join(CONTROLS)}", fix=FIX)
        value, kind, identity = row["value"], str(row.get("type")), str(row.get("id"))
        labels = value.get("text" if kind == "textarea" else kind)
        labels = [labels] if isinstance(labels, str) else labels
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise SourceError(f"{here}: has no list of {kind!r}", fix=FIX)
        if name == "transcription":
            texts[identity] = " ".join(labels).strip()
            annotation.knows("utterances")
            if "start" in value:
                start, end = span(value["start"], value.get("end"), here)
                speech.append((identity, start, end, UNKNOWN))
            continue
        if not all(label.strip() for label in labels):
            raise SourceError(f"{here}: a label has no text", fix=FIX)
        annotation.knows(_LAYERS[name])
        whole = name == "presence"
        start, end = (0.0, 0.0) if whole else span(value.get("start"), value.get("end"), here)
        for label in labels:
            if name == "speakers":
                annotation.turn(start, end, label)
            elif name == "speech":
                speech.append((identity, start, end, label))
            else:
                annotation.tag(start, end, label, localized=not whole)
    timed = {identity for identity, *_ in speech}
    if lost := [text for identity, text in texts.items() if text and identity not in timed]:
        raise SourceError(f"{where}: the text {lost[0][:40]!r} belongs to no region with times", fix=FIX)
    _speak(annotation, speech, texts)
    return annotation


def _speak(
    annotation: Annotation, speech: list[tuple[str, float, float, str]], texts: dict[str, str]
) -> None:
    """Adds an utterance for each region with a text; the speaker of a label goes before an unknown one."""
    seen = set()
    for identity, start, end, speaker in sorted(speech, key=lambda item: item[3] == UNKNOWN):
        if identity in seen or not texts.get(identity):
            continue
        seen.add(identity)
        annotation.utterance(start, end, texts[identity], None if speaker == UNKNOWN else speaker)


def _names(data: dict[str, Any]) -> tuple[str, ...]:
    names = [data.get("clip_id"), data.get("name")]
    audio = data.get("audio")
    if isinstance(audio, str):
        with suppress(ValueError):  # of a malformed address
            parts = urlsplit(audio)
            file = parse_qs(parts.query).get("d", [unquote(parts.path)])[0]
            stem = PurePosixPath(file).stem
            names += [stem, _UPLOADED.sub("", stem)]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))
