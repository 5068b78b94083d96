"""Which column of a data set of the Hub holds what, and the ground truth of a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from paqa_builder.errors import SourceError, suggest
from paqa_builder.labels.crosswalk import audioset_name
from paqa_builder.records import Origin, Speaker, Tag, Truth, Turn, Utterance
from paqa_builder.sources.values import sex_of

_ABOUT_SPEAKERS = ("sex", "age", "accent")

Values = dict[str, Any]
"""The cells of a row by their meaning: plain JSON values, names for class labels."""


class HubColumns(BaseModel):
    """Names of columns by what they hold. A dot leads into a column: ``json.text``, ``turns.start``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audio: str | None = Field(None, description="By default the one column of type Audio.")
    id: str | None = None
    text: str | None = Field(None, description="Transcript, or a list of them with start and end.")
    translation: str | None = None
    language: str | None = None
    speaker: str | None = None
    sex: str | None = None
    age: str | None = None
    accent: str | None = None
    emotion: str | None = None
    caption: str | tuple[str, ...] | None = Field(None, description="One column, or several.")
    labels: str | None = Field(None, description="Sound classes: one or a list.")
    start: str | None = Field(None, description="Seconds: of the clip's text, speaker and labels.")
    end: str | None = None
    group: str | tuple[str, ...] | None = Field(None, description="Recording that clips have in common.")
    license: str | None = None
    attribution: str | None = None
    source_url: str | None = None

    @model_validator(mode="after")
    def _check(self) -> HubColumns:
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end belong together")
        if self.speaker is None and any(getattr(self, name) for name in _ABOUT_SPEAKERS):
            raise ValueError("sex, age and accent need the column speaker")
        return self

    def named(self) -> dict[str, tuple[str, ...]]:
        """The columns by meaning, without the audio."""
        given = {name: value for name, value in self if value is not None and name != "audio"}
        return {name: (value,) if isinstance(value, str) else tuple(value) for name, value in given.items()}


def feature_of(features: Mapping[str, Any], column: str, where: str) -> Any:
    """The type of a column.

    Raises:
        SourceError: There is no such column; suggests a similar one.
    """
    found: Any = features
    for part in column.split("."):
        found = found if isinstance(found, Mapping) else getattr(found, "feature", found)
        names = list(found) if isinstance(found, Mapping) else []
        if part not in names:
            raise SourceError(
                f"{where}: no column {column!r}.{suggest(part, names)}",
                fix=f"the columns are: {', '.join(map(str, features))}",
            )
        found = found[part]
    return found


def plain(feature: Any, value: Any) -> Any:
    """A cell as a plain value: names for class labels."""
    if isinstance(value, list | tuple):
        inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", feature)
        return [plain(inner, item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(feature, "int2str") and isinstance(value, int):
        return feature.int2str(value) if 0 <= value < feature.num_classes else None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def cell(example: Mapping[str, Any], column: str) -> Any:
    """The value of a column in a row; None where a part of the name is missing."""
    found: Any = example
    for part in column.split("."):
        if isinstance(found, list):
            found = [item.get(part) if isinstance(item, Mapping) else None for item in found]
        else:
            found = found.get(part) if isinstance(found, Mapping) else None
    return found


def truth_of(values: Values, origin: Origin, language: str | None, where: str) -> Truth:
    """The ground truth of a row.

    Args:
        language: Language of rows without one.
        where: The row, for error messages.

    Raises:
        SourceError: Lists of a row differ in length, or a time is no number.
    """
    timed = "start" in values
    names = ("start", "end", "text", "speaker", "labels", "language", "emotion", "translation")
    rows = _parallel({name: values.get(name) for name in names} if timed else {}, where)
    if timed:
        spans = [(_number(row["start"], where), _number(row["end"], where)) for row in rows]
        kept = [n for n, (start, end) in enumerate(spans) if start < end]  # false for NaN, too
        spans, rows = [spans[n] for n in kept], [rows[n] for n in kept]
    else:
        texts = _list(values.get("text"))
        rows = [
            {**{name: _at(values.get(name), n) for name in names}, "text": t} for n, t in enumerate(texts)
        ]
        spans = [(0.0, 0.0)] * len(rows)
    pairs = list(zip(spans, rows, strict=True))
    said = [
        _utterance(start, end, row, origin, language) for (start, end), row in pairs if _text(row.get("text"))
    ]
    turns = [
        Turn(start, end, who, 1.0, origin)
        for (start, end), row in pairs
        if timed and (who := _text(row.get("speaker")))
    ]
    if timed:
        tags = [
            Tag(start, end, label, 1.0, "clip", True, origin)
            for (start, end), row in pairs
            for label in _labels(row.get("labels"))
        ]
    else:
        tags = [Tag(0.0, 0.0, name, 1.0, "clip", False, origin) for name in _labels(values.get("labels"))]
    captions = tuple(filter(None, map(_text, _list(values.get("caption")))))
    return Truth(
        turns=tuple(turns) if timed and "speaker" in values else None,
        tags=tuple(tags) if "labels" in values else None,
        utterances=tuple(said) if said or (timed and "text" in values) else None,
        captions=captions or None,
        speakers=_speakers(values),
    )


def _utterance(
    start: float, end: float, row: Mapping[str, Any], origin: Origin, language: str | None
) -> Utterance:
    emotion, translation = _text(row.get("emotion")), _text(row.get("translation"))
    spoken_in = _text(row.get("language")) or language
    return Utterance(
        start, end, _text(row.get("speaker")), _text(row["text"]) or "", (),
        spoken_in.partition("-")[0].lower() if spoken_in else None, 1.0, origin,
        translation, None, emotion.lower() if emotion else None,
    )  # fmt: skip


def _speakers(values: Values) -> tuple[Speaker, ...] | None:
    found: dict[str, Speaker] = {}
    for n, name in enumerate(_list(values.get("speaker"))):
        if who := _text(name):
            sex, age, accent = (_text(_at(values.get(what), n)) for what in _ABOUT_SPEAKERS)
            found.setdefault(who, Speaker(who, sex_of(sex or ""), age, accent))
    return tuple(found.values()) or None


def _labels(value: Any) -> list[str]:
    names = dict.fromkeys(filter(None, map(_text, _list(value))))
    return list(dict.fromkeys(audioset_name(name) or name for name in names))


def _parallel(columns: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """Rows of lists of one length; what is no list holds for each."""
    lengths = {name: len(value) for name, value in columns.items() if isinstance(value, list)}
    if len(set(lengths.values())) > 1:
        counted = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise SourceError(f"{where}: lists of different lengths: {counted}")
    size = next(iter(lengths.values()), 1 if columns else 0)
    return [{name: _at(value, n) for name, value in columns.items()} for n in range(size)]


def _at(value: Any, n: int) -> Any:
    if isinstance(value, list):
        return value[n] if n < len(value) else None
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: Any) -> str | None:
    return None if value is None else " ".join(str(value).split()) or None


def _number(value: Any, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise SourceError(f"{where}: {value!r} is no time in seconds") from error
