"""Benchmarks MMAU and MMAR: question files, prediction files and official accuracy.

The official scorers read a copy of the question file with the model's answer in each question. The key of
the answer differs between the two.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError
from paqa_builder.formats import known
from paqa_builder.formats.item import Broken
from paqa_builder.formats.read import json_rows
from paqa_builder.untrusted.json_files import NotJson
from recipes import config
from recipes.data.rows import Row, row_of
from recipes.scoring import answering, matching


@dataclass(frozen=True, slots=True)
class Format:
    """Field names of a benchmark.

    Attributes:
        audio: Path of the audio, below a folder.
        prediction: Field from which its scorer reads the model's answer.
        groups: Fields by which its scorer lists accuracy.
    """

    name: str
    audio: str
    prediction: str
    groups: tuple[str, ...]


FORMATS = {
    "mmau": Format("mmau", "audio_id", "model_output", ("task", "sub-category", "difficulty")),
    "mmar": Format("mmar", "audio_path", "answer_prediction", ("modality", "category", "sub-category")),
}


def load(file: Path) -> list[dict[str, Any]]:
    """Reads the questions of a JSON or JSON lines file, without parsing their fields.

    Raises:
        ConfigError: The file cannot be read, or an entry is not an object.
    """
    rows = list(json_rows(file))
    for where, row in rows:
        if not isinstance(row, dict):
            why = row.why if isinstance(row, NotJson) else "not a question"
            raise ConfigError(f"{file}: {where}: {why}", fix=f"paqa check {file}")
    return [row for _, row in rows]


def save(items: Sequence[dict[str, Any]], file: Path) -> None:
    """Writes questions to JSON lines if the suffix is ``.jsonl``, else to a JSON list."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".jsonl":
        text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    else:
        text = json.dumps(list(items), indent=2, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8")


def to_rows(form: Format, items: Sequence[dict[str, Any]], audio: Path) -> list[Row]:
    """Converts questions to rows.

    Args:
        audio: Folder that the audio paths are relative to.

    Raises:
        ConfigError: A field or an audio file is missing.
    """
    rows = []
    for n, fields in enumerate(items, 1):
        where = f"question {fields.get('id', n)}"
        item = known.FORMATS[form.name].parse(fields, where)
        if isinstance(item, Broken):
            raise ConfigError(f"{form.name}: {where}: {item.why}")
        if item.audio is None:
            raise ConfigError(f"{form.name}: {where}: lacks {form.audio}")
        if item.answer is None:
            raise ConfigError(f"{form.name}: {where}: the answer is not among the choices")
        path = audio / item.audio
        if not path.is_file():
            raise ConfigError(
                f"{form.name}: {where}: {path} does not exist",
                fix="--audio-root DIR, the folder that holds the benchmark's audio",
            )
        rows.append(row_of(item, str(path)))
    return rows


def fill(form: Format, items: Sequence[dict[str, Any]], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Adds the answer of each completion to its question, under the scorer's key."""
    return [
        {**item, form.prediction: matching.answer_of(text)} for item, text in zip(items, texts, strict=True)
    ]


def score(form: Format, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Official accuracy of answered questions, overall and by group, with 95 % intervals.

    Questions without an answer count as wrong; ``unanswered`` is their number.

    Raises:
        ConfigError: A row lacks its choices or its right answer; names it.
    """
    hits: list[bool] = []
    by: dict[str, dict[str, list[bool]]] = {group: defaultdict(list) for group in form.groups}
    for n, item in enumerate(items, 1):
        parsed = known.FORMATS[form.name].parse(item, f"question {item.get('id', n)}")
        if isinstance(parsed, Broken):
            raise ConfigError(f"{form.name}: {parsed.where}: {parsed.why}", fix="score the whole rows")
        prediction = str(item.get(form.prediction) or "")
        hit = matching.is_right(prediction, item["answer"], item["choices"])
        hits.append(hit)
        for group in form.groups:
            by[group][str(item.get(group))].append(hit)
    return {
        "benchmark": form.name,
        **matching.accuracy(hits),
        "unanswered": sum(not item.get(form.prediction) for item in items),
        "by": {
            group: {name: matching.accuracy(by[group][name]) for name in sorted(by[group])}
            for group in form.groups
        },
    }


def run(
    settings: config.Config,
    name: str,
    questions: Path | None,
    audio_root: Path | None,
    predictions: Path | None,
    model: Path | str | None,
) -> dict[str, Any]:
    """Answers a benchmark with a model and scores it, or scores a prediction file.

    Args:
        name: One of :data:`FORMATS`.
        questions: The benchmark's question file; None: only score ``predictions``.
        audio_root: Folder that the audio paths are relative to; the question file's folder by default.
        predictions: Prediction file, to write or to score.
        model: A folder or Hub name.

    Raises:
        ConfigError: Neither a question file nor predictions are named, or no model is.
    """
    form = FORMATS[name]
    if questions is None:
        if predictions is None:
            raise ConfigError("--benchmark needs --questions FILE, or --predictions FILE to score")
        return score(form, load(predictions))
    if model is None:
        raise ConfigError("no model is set", fix="--model FOLDER_OR_HUB_NAME")
    items = load(questions)
    rows = to_rows(form, items, audio_root or questions.parent)
    answerer = answering.load_answerer(settings, model, pauses=True)
    answered = fill(form, items, answerer.ask(rows, batch=settings.evaluate.batch)[0].texts)
    out = predictions or settings.run.folder / f"{name}.{questions.suffix.strip('.')}"
    save(answered, out)
    return score(form, answered) | {"predictions": str(out)}
