"""The columns of the published data set: a public interface, described in ``docs/shards.md``.

A column's type is written as plain data, from which follow both the Arrow schema and the features
that ``datasets`` reads: a type's name, ``[type]`` for a list, ``{name: type}`` for a struct.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from paqa_builder.records import Abstention, Clip, Measures, Scene, Stem, Tag, Turn, Utterance, to_json

if TYPE_CHECKING:
    import pyarrow

    from paqa_builder.questions.question import Question

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
        "translation": TEXT, "translation_language": TEXT, "words": [_WORD],
    }
]  # fmt: skip
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
"""Refused questions; without audio, which most of their clips have among the questions anyway."""

SCENES: Columns = {
    "clip_id": TEXT,
    "source": TEXT,
    "split": TEXT,
    "duration": REAL,
    "sample_rate": WHOLE,
    "channels": WHOLE,
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
    "failures": [{"stage": TEXT, "error": TEXT, "message": TEXT}],
}
SCENES_WITH_AUDIO: Columns = {"clip_id": TEXT, "audio": AUDIO, **SCENES}


def arrow_type(column: Any) -> pyarrow.DataType:
    """The Arrow type of a column."""
    import pyarrow as pa

    if column == AUDIO:
        # As a dictionary, an audio file exists once however many rows use it, in memory too.
        return pa.struct([("bytes", pa.dictionary(pa.int32(), pa.binary())), ("path", pa.string())])
    if isinstance(column, list):
        return pa.list_(arrow_type(column[0]))
    if isinstance(column, dict):
        return pa.struct([(name, arrow_type(inner)) for name, inner in column.items()])
    return {TEXT: pa.string(), REAL: pa.float64(), WHOLE: pa.int32(), TRUTH_VALUE: pa.bool_()}[column]


def features(column: Any) -> Any:
    """The column as ``datasets.Features`` writes it in JSON; also a whole table's columns.

    A list is written in the short form, ``[...]``, which every version of ``datasets`` reads.
    """
    if column == AUDIO:
        return {"_type": "Audio"}
    if isinstance(column, list):
        return [features(column[0])]
    if isinstance(column, dict):
        return {name: features(inner) for name, inner in column.items()}
    return {"dtype": column, "_type": "Value"}


def hub_metadata(columns: Columns) -> dict[str, str]:
    """What ``datasets`` looks for in a Parquet file's metadata to know its features."""
    return {"huggingface": json.dumps({"info": {"features": features(columns)}})}


def question_row(question: Question, clip: Clip, audio_contribution: str | None = None) -> dict[str, Any]:
    """One row of the default configuration, without its audio.

    Args:
        audio_contribution: What the blind gate says: ``"weak"``, ``"strong"``, or None if it did not judge.
    """
    return {
        "id": question.id,
        "question": question.question,
        "choices": list(question.choices),
        "answer": question.answer,
        "answer_index": question.answer_index,
        "skill": question.skill,
        "level": question.level,
        "trace": question.trace,
        "evidence": to_json(question.evidence),
        "clip_id": question.clip_id,
        **_published(clip),
        "template": question.template,
        "difficulty": to_json(question.difficulty),
        "reflection": to_json(question.reflection),
        "rewritten": to_json(question.rewritten),
        "provenance": [_origin(text) for text in question.provenance],
        "audio_contribution": audio_contribution,
    }


def quarantine_row(question: Question, clip: Clip, refused_by: str, reasons: Iterable[str]) -> dict[str, Any]:
    """One row of the configuration ``quarantine``.

    Args:
        refused_by: ``"verifier"`` or ``"gate"``.
    """
    row = question_row(question, clip) | {"refused_by": refused_by, "reasons": list(reasons)}
    return {name: row[name] for name in QUARANTINE}


def _origin(text: str) -> dict[str, str]:
    """Takes ``stage:backend@revision`` apart; a whole layer's origin may be its stage alone."""
    stage, _, made = text.partition(":")
    backend, _, revision = made.partition("@")
    return {"stage": stage, "backend": backend, "revision": revision}


def scene_row(scene: Scene) -> dict[str, Any]:
    """One row of the configuration ``scenes``. A layer that failed is None, an empty one ``[]``."""
    clip, audio, truth = scene.clip, scene.audio, scene.clip.truth
    return {
        "clip_id": clip.id,
        **_published(clip),
        "duration": round(audio.duration, 6) if audio else None,
        "sample_rate": audio.rate if audio else None,
        "channels": audio.channels if audio else None,
        "sha256": audio.sha256 if audio else None,
        "stems": _records(scene.stems),
        "turns": _records(scene.turns),
        "tags": _records(scene.tags),
        "utterances": _records(scene.utterances),
        "measures": _measures(scene.measures),
        "abstentions": _records(scene.abstentions),
        "truth_turns": _records(truth.turns),
        "truth_tags": _records(truth.tags),
        "truth_utterances": _records(truth.utterances),
        "truth_tags_complete": truth.tags_complete,
        "failures": to_json(scene.failures),
    }


def _published(clip: Clip) -> dict[str, str]:
    return {
        "source": clip.source,
        "split": clip.split,
        "license": clip.license,
        "attribution": clip.attribution,
        "source_url": clip.source_url,
    }


def _measures(measures: Measures | None) -> dict[str, Any] | None:
    return None if measures is None else {**to_json(measures), "origin": str(measures.origin)}


def _records(
    records: Iterable[Turn | Tag | Utterance | Stem | Abstention] | None,
) -> list[dict[str, Any]] | None:
    if records is None:
        return None
    rows = []
    for record in records:
        row = {**to_json(record), "origin": str(record.origin)}
        if isinstance(record, Stem):  # where the stem lies on this machine is nobody's business
            row["sample_rate"] = row.pop("rate")
            del row["path"]
        rows.append(row)
    return rows
