"""Columns of the published data set, and the conversion of records to rows and back.

The columns are a public interface, described in ``docs/shards.md``. A column's type is plain data: a type's
name, ``[type]`` for a list, ``{name: type}`` for a struct. The Arrow schema and the features that
``datasets`` reads are derived from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from paqa_builder.questions.question import Question
from paqa_builder.records import (
    Abstention,
    AudioInfo,
    Clip,
    CorpusQuestion,
    Failure,
    Measures,
    Origin,
    Scene,
    Speaker,
    Stem,
    Tag,
    Truth,
    Turn,
    Utterance,
    from_json,
    to_json,
)

if TYPE_CHECKING:
    import pyarrow

Columns = dict[str, Any]
AUDIO = "audio"
TEXT, REAL, WHOLE, TRUTH_VALUE = "string", "float64", "int32", "bool"

_EVIDENCE = {
    "stage": TEXT, "backend": TEXT, "revision": TEXT, "record": TEXT, "start": REAL, "end": REAL,
    "confidence": REAL, "value": TEXT, "stem": TEXT,
}  # fmt: skip
_SPAN = {"start": REAL, "end": REAL}
_WORD = {**_SPAN, "text": TEXT, "confidence": REAL}
_TURNS = [{**_SPAN, "speaker": TEXT, "confidence": REAL, "origin": TEXT}]
_TAGS = [{**_SPAN, "label": TEXT, "score": REAL, "stem": TEXT, "localized": TRUTH_VALUE, "origin": TEXT}]
_UTTERANCES = [
    {
        **_SPAN, "speaker": TEXT, "text": TEXT, "language": TEXT, "confidence": REAL, "origin": TEXT,
        "translation": TEXT, "translation_language": TEXT, "emotion": TEXT, "words": [_WORD],
    }
]  # fmt: skip
_CORPUS_QUESTIONS = [
    {"id": TEXT, "text": TEXT, "choices": [TEXT], "answer": WHOLE, "kind": TEXT, "about": TEXT}
]
_SPEAKERS = [{"name": TEXT, "sex": TEXT, "age": TEXT, "accent": TEXT}]
_VOICE = {
    "speaker": TEXT, "seconds": REAL, "pitch": REAL, "spread": REAL, "rate": REAL, "pauses": [REAL],
    "level": REAL,
}  # fmt: skip
_MEASURES = {
    "snr": REAL, "loudness": REAL, "quality": REAL, "overlap": REAL, "voices": [_VOICE],
    "events": [{**_SPAN, "label": TEXT, "level": REAL, "over_speech": REAL}], "origin": TEXT,
}  # fmt: skip
_ABSTENTIONS = [{"stage": TEXT, **_SPAN, "reason": TEXT, "text": TEXT, "confidence": REAL, "origin": TEXT}]

QUESTIONS: Columns = {
    "id": TEXT,
    "audio": AUDIO,
    "question": TEXT,
    "choices": [TEXT],
    "answer": TEXT,
    "answer_index": WHOLE,
    "skill": TEXT,
    "level": TEXT,
    "trace": TEXT,
    "evidence": [_EVIDENCE],
    "clip_id": TEXT,
    "source": TEXT,
    "split": TEXT,
    "license": TEXT,
    "attribution": TEXT,
    "source_url": TEXT,
    "template": TEXT,
    "difficulty": {
        "level": TEXT,
        "score": REAL,
        "snr": REAL,
        "overlap": REAL,
        "speakers": WHOLE,
        "hops": WHOLE,
        "closeness": REAL,
    },
    "reflection": {"kind": TEXT, "start": REAL, "end": REAL, "value": TEXT, "heard_as": TEXT},
    "rewritten": {"model": TEXT, "question": TEXT, "planning": TEXT, "reasoning": TEXT, "summary": TEXT},
    "provenance": [{"stage": TEXT, "backend": TEXT, "revision": TEXT}],
    "audio_contribution": TEXT,
}

QUARANTINE: Columns = {
    **{name: kind for name, kind in QUESTIONS.items() if name not in (AUDIO, "audio_contribution")},
    "refused_by": TEXT,
    "reasons": [TEXT],
}
"""Refused questions, without audio: most of their clips have it among the published questions."""

SCENES: Columns = {
    "clip_id": TEXT,
    "source": TEXT,
    "split": TEXT,
    "duration": REAL,
    "sample_rate": WHOLE,
    "channels": WHOLE,
    "mixdown": TEXT,
    "sha256": TEXT,
    "license": TEXT,
    "attribution": TEXT,
    "source_url": TEXT,
    "stems": [{"name": TEXT, "sample_rate": WHOLE, "rms": REAL, "origin": TEXT}],
    "turns": _TURNS,
    "tags": _TAGS,
    "utterances": _UTTERANCES,
    "measures": _MEASURES,
    "abstentions": _ABSTENTIONS,
    "truth_turns": _TURNS,
    "truth_tags": _TAGS,
    "truth_utterances": _UTTERANCES,
    "truth_tags_complete": TRUTH_VALUE,
    "truth_captions": [TEXT],
    "truth_speakers": _SPEAKERS,
    "groups": [TEXT],
    "corpus_questions": _CORPUS_QUESTIONS,
    "failures": [{"stage": TEXT, "error": TEXT, "message": TEXT}],
}
SCENES_WITH_AUDIO: Columns = {"clip_id": TEXT, "audio": AUDIO, **SCENES}


def arrow_type(column: Any) -> pyarrow.DataType:
    """The Arrow type of a column."""
    import pyarrow as pa

    if column == AUDIO:
        # A dictionary holds each audio file once, however many rows use it, in memory too.
        return pa.struct([("bytes", pa.dictionary(pa.int32(), pa.binary())), ("path", pa.string())])
    if isinstance(column, list):
        return pa.list_(arrow_type(column[0]))
    if isinstance(column, dict):
        return pa.struct([(name, arrow_type(inner)) for name, inner in column.items()])
    return {TEXT: pa.string(), REAL: pa.float64(), WHOLE: pa.int32(), TRUTH_VALUE: pa.bool_()}[column]


def features(column: Any) -> Any:
    """A column, or a table's columns, in the JSON form of ``datasets.Features``.

    A list has the short form ``[...]``, which every version of ``datasets`` reads.
    """
    if column == AUDIO:
        return {"_type": "Audio"}
    if isinstance(column, list):
        return [features(column[0])]
    if isinstance(column, dict):
        return {name: features(inner) for name, inner in column.items()}
    return {"dtype": column, "_type": "Value"}


def check_columns(there: pyarrow.Schema, folder: str) -> list[str]:
    """The columns to read of a shard: all but the audio.

    Raises:
        ValueError: A column has another type. Columns may be missing, as in shards of early versions.
    """
    columns = {"data": QUESTIONS, "scenes": SCENES, "quarantine": QUARANTINE}[folder]
    for name, column in columns.items():
        if name in there.names and column != AUDIO and not _matches(there.field(name).type, column):
            raise ValueError(f"column {name} has the type {there.field(name).type}")
    return [name for name in there.names if name != AUDIO]


def _matches(kind: pyarrow.DataType, column: Any) -> bool:
    from pyarrow import types

    if isinstance(column, list):
        return types.is_list(kind) and _matches(kind.value_type, column[0])
    if isinstance(column, dict):
        fields = {kind.field(n).name: kind.field(n).type for n in range(kind.num_fields)}
        return types.is_struct(kind) and all(
            _matches(fields[name], inner) for name, inner in column.items() if name in fields
        )
    if column == TEXT:
        return types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind)
    if column == TRUTH_VALUE:
        return types.is_boolean(kind)
    return types.is_integer(kind) or (column == REAL and types.is_floating(kind)) or types.is_null(kind)


def hub_metadata(columns: Columns) -> dict[str, str]:
    """The metadata of a Parquet file from which ``datasets`` reads its features."""
    return {"huggingface": json.dumps({"info": {"features": features(columns)}})}


def question_row(question: Question, clip: Clip, audio_contribution: str | None = None) -> dict[str, Any]:
    """A row of the default configuration, without its audio.

    Args:
        audio_contribution: Verdict of the blind gate: ``"weak"``, ``"strong"``, or None if it did not judge.
    """
    return {
        **to_json(question),
        **_published(clip),
        "provenance": [_origin_fields(text) for text in question.provenance],
        "audio_contribution": audio_contribution,
    }


def question_from_row(row: Mapping[str, Any]) -> Question:
    """Converts a row of the default configuration or of ``quarantine`` to a question."""
    values = {field.name: row[field.name] for field in fields(Question) if field.name in row}
    # The provenance of an empty layer may name its stage alone.
    provenance = [str(Origin(**item)) if item["backend"] else item["stage"] for item in row["provenance"]]
    return Question.from_json({**values, "provenance": provenance})


def quarantine_row(question: Question, clip: Clip, refused_by: str, reasons: Iterable[str]) -> dict[str, Any]:
    """A row of the configuration ``quarantine``.

    Args:
        refused_by: ``"verifier"`` or ``"gate"``.
    """
    row = question_row(question, clip) | {"refused_by": refused_by, "reasons": list(reasons)}
    return {name: row[name] for name in QUARANTINE}


def scene_row(scene: Scene) -> dict[str, Any]:
    """A row of the configuration ``scenes``. A layer that failed is None, an empty one ``[]``."""
    clip, audio = scene.clip, scene.audio
    layers = {name: getattr(scene, name) for name in ("stems", "turns", "tags", "utterances", "abstentions")}
    truths = {f"truth_{name}": getattr(clip.truth, name) for name in ("turns", "tags", "utterances")}
    return {
        "clip_id": clip.id,
        **_published(clip),
        "duration": round(audio.duration, 6) if audio else None,
        "sample_rate": audio.rate if audio else None,
        "channels": audio.channels if audio else None,
        "mixdown": audio.mixdown if audio else None,
        "sha256": audio.sha256 if audio else None,
        **{
            name: None if records is None else [_record_row(record) for record in records]
            for name, records in {**layers, **truths}.items()
        },
        "measures": None if scene.measures is None else _record_row(scene.measures),
        "truth_tags_complete": clip.truth.tags_complete,
        "truth_captions": to_json(clip.truth.captions),
        "truth_speakers": to_json(clip.truth.speakers),
        "groups": list(clip.groups),
        "corpus_questions": to_json(clip.questions),
        "failures": to_json(scene.failures),
    }


def scene_from_row(row: Mapping[str, Any]) -> Scene:
    """Converts a row of the configuration ``scenes`` to a scene.

    A layer without a column is None (unknown). The paths of the clip and of the stems are empty.
    """

    def layer(name: str, cls: type) -> tuple[Any, ...] | None:
        return None if row.get(name) is None else tuple(_record_from_row(cls, item) for item in row[name])

    published = {name: row.get(name) or "" for name in _PUBLISHED}
    truth = Truth(
        layer("truth_turns", Turn),
        layer("truth_tags", Tag),
        layer("truth_utterances", Utterance),
        bool(row.get("truth_tags_complete")),
        None if row.get("truth_captions") is None else tuple(row["truth_captions"]),
        None
        if row.get("truth_speakers") is None
        else tuple(from_json(Speaker, item) for item in row["truth_speakers"]),
    )
    audio = None
    if row.get("duration") is not None:
        audio = AudioInfo(
            row["duration"], row["sample_rate"], row["channels"], row["sha256"], row.get("mixdown") or "mean"
        )
    return Scene(
        Clip(
            id=row["clip_id"],
            path="",
            truth=truth,
            groups=tuple(row.get("groups") or ()),
            questions=tuple(from_json(CorpusQuestion, item) for item in row.get("corpus_questions") or ()),
            **published,
        ),
        audio,
        stems=layer("stems", Stem),
        turns=layer("turns", Turn),
        tags=layer("tags", Tag),
        utterances=layer("utterances", Utterance),
        measures=_record_from_row(Measures, row["measures"]) if row.get("measures") else None,
        abstentions=layer("abstentions", Abstention) or (),
        failures=tuple(Failure(**item) for item in row.get("failures") or ()),
    )


_PUBLISHED = ("source", "split", "license", "attribution", "source_url")


def _published(clip: Clip) -> dict[str, str]:
    return {name: getattr(clip, name) for name in _PUBLISHED}


def _origin_fields(text: str) -> dict[str, str]:
    """Splits ``stage:backend@revision``; the origin of a whole layer may be its stage alone."""
    stage, _, model = text.partition(":")
    backend, _, revision = model.partition("@")
    return {"stage": stage, "backend": backend, "revision": revision}


def _record_row(record: Turn | Tag | Utterance | Stem | Abstention | Measures) -> dict[str, Any]:
    row = {**to_json(record), "origin": str(record.origin)}
    if isinstance(record, Stem):  # its path on this machine is not published
        row["sample_rate"] = row.pop("rate")
        del row["path"]
    return row


def _record_from_row(cls: type, row: Mapping[str, Any]) -> Any:
    values = {**row, "origin": _origin_fields(row["origin"])}
    if cls is Stem:
        values |= {"rate": values.pop("sample_rate"), "path": ""}
    return from_json(cls, values)
