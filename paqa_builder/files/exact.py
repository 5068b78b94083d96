"""Clips as rows of JSON values, without rounding: a clip that is read equals the clip that was written."""

from __future__ import annotations

import os
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from paqa_builder.records import NO_TRUTH, Clip, CorpusQuestion, Truth, from_json


def row_of(clip: Clip) -> list[Any]:
    """The values of a clip in the order of its fields; 0 for an empty annotation, groups or questions."""
    truth = clip.truth
    return [
        clip.id, clip.source, clip.split, os.fspath(clip.path), clip.license, clip.attribution,
        clip.source_url, 0 if truth is NO_TRUTH or truth == NO_TRUTH else _plain(truth),
        list(clip.groups) if clip.groups else 0, _plain(clip.questions) if clip.questions else 0,
    ]  # fmt: skip


def clip_of(row: list[Any]) -> Clip:
    """The clip of the first values of a row."""
    clip_id, source, split, path, license_, attribution, source_url, truth, groups, questions = row[:10]
    return Clip(
        clip_id,
        source,
        split,
        path,
        license_,
        attribution,
        source_url,
        from_json(Truth, truth) if truth else NO_TRUTH,
        tuple(groups) if groups else (),
        tuple(from_json(CorpusQuestion, question) for question in questions) if questions else (),
    )


def number(value: Any) -> Any:
    """The Python number of one of numpy, for :func:`json.dumps`."""
    return value.item()


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        return {name: _plain(getattr(value, name)) for name in _names(value.__class__)}
    return value


@cache
def _names(cls: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls))
