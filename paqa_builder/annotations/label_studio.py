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

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from paqa_builder.annotations.base import FIX, Annotation, span
from paqa_builder.errors import SourceError
from paqa_builder.untrusted import read_json

CONTROLS = ("speakers", "sounds", "presence", "speech", "transcription")
UNKNOWN = "unknown speaker"
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
    given = task.get("annotations") or ()
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
    for layer in data.get("layers") or ():
        if layer in ("turns", "tags", "utterances"):
            annotation.knows(layer)
    texts: dict[Any, str] = {}
    speech: list[tuple[Any, float, float, str]] = []
    for place, row in enumerate(result, 1):
        here = f"{where}, region {place}"
        name = row.get("from_name") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(row.get("value"), dict):
            raise SourceError(f"{here}: has no value", fix=FIX)
        if name not in CONTROLS:
            raise SourceError(f"{here}: control {name!r} is none of {', '.join(CONTROLS)}", fix=FIX)
        value, kind = row["value"], str(row.get("type"))
        labels = value.get("text" if kind == "textarea" else kind)
        labels = [labels] if isinstance(labels, str) else labels
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise SourceError(f"{here}: has no list of {kind!r}", fix=FIX)
        if name == "transcription":
            texts[row.get("id")] = " ".join(labels).strip()
            annotation.knows("utterances")
            if "start" in value:
                start, end = span(value["start"], value.get("end"), here)
                speech.append((row.get("id"), start, end, UNKNOWN))
            continue
        annotation.knows(_LAYERS[name])
        whole = name == "presence"
        start, end = (0.0, 0.0) if whole else span(value.get("start"), value.get("end"), here)
        for label in labels:
            if name == "speakers":
                annotation.turn(start, end, label)
            elif name == "speech":
                speech.append((row.get("id"), start, end, label))
            else:
                annotation.tag(start, end, label, localized=not whole)
    _speak(annotation, speech, texts)
    return annotation


def _speak(
    annotation: Annotation, speech: list[tuple[Any, float, float, str]], texts: dict[Any, str]
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
        parts = urlsplit(audio)
        file = parse_qs(parts.query).get("d", [unquote(parts.path)])[0]
        names.append(PurePosixPath(file).stem)
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))
