"""Benchmarks MMAU and MMAR: their question files, files of predictions, and official accuracy.

The official scorers read a copy of the question file with the model's answer in each question, under a key
that differs between the two.
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
    """The questions of a JSON or JSON lines file, as they are in it.

    Raises:
        ConfigError: The file cannot be read, or an entry is not an object.
    """
    rows = list(json_rows(file))
    for where, row in rows:
        if not isinstance(row, dict):
            raise ConfigError(f"{file}: {where}: not a question", fix=f"paqa check {file}")
    return [row for _, row in rows]


def save(items: Sequence[dict[str, Any]], file: Path) -> None:
    """Writes questions for :func:`load`: JSON lines for the suffix ``.jsonl``, else a JSON list."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".jsonl":
        text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
    else:
        text = json.dumps(list(items), indent=2, ensure_ascii=False) + "\n"
    file.write_text(text, encoding="utf-8")


def to_rows(form: Format, items: Sequence[dict[str, Any]], audio: Path) -> list[Row]:
    """The questions as rows.

    Args:
        audio: The folder that the files' paths start from.

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
    """The questions with the answers that completions end on, where the scorer looks for them."""
    return [
        {**item, form.prediction: matching.answer_of(text)} for item, text in zip(items, texts, strict=True)
    ]


def score(form: Format, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the official scorer says of answered questions, with 95 % intervals.

    Questions without an answer count as wrong; how many there are stands under ``unanswered``.
    """
    hits: list[bool] = []
    by: dict[str, dict[str, list[bool]]] = {group: defaultdict(list) for group in form.groups}
    for item in items:
        said = str(item.get(form.prediction) or "")
        hit = matching.is_right(said, item["answer"], item["choices"])
        hits.append(hit)
        for group in form.groups:
            by[group][str(item.get(group))].append(hit)
    return {
        "benchmark": form.name,
        **_share(hits),
        "unanswered": sum(not item.get(form.prediction) for item in items),
        "by": {
            group: {name: _share(found) for name, found in sorted(by[group].items())} for group in form.groups
        },
    }


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    share = sum(hits) / len(hits) if hits else 0.0
    low, high = matching.wilson(share, len(hits))
    return {"accuracy": round(share, 4), "interval": [round(low, 4), round(high, 4)], "n": len(hits)}


def run(
    settings: config.Config,
    name: str,
    questions: Path | None,
    audio_root: Path | None,
    predictions: Path | None,
    model: Path | str | None,
) -> dict[str, Any]:
    """Has a model answer a benchmark and scores it, or scores answers that are already there.

    Args:
        name: One of :data:`FORMATS`.
        questions: The benchmark's own file; None: only score ``predictions``.
        audio_root: The folder that its audio paths start from; the file's own by default.
        predictions: The file of answers, to write or to score.
        model: A folder or Hub name.

    Raises:
        ConfigError: There is nothing to score, or no model to ask.
    """
    form = FORMATS[name]
    if questions is None:
        if predictions is None:
            raise ConfigError("--benchmark needs --questions FILE, or --predictions FILE to score")
        return score(form, load(predictions))
    if model is None:
        raise ConfigError("no model to ask", fix="--model FOLDER_OR_HUB_NAME")
    items = load(questions)
    found = to_rows(form, items, audio_root or questions.parent)
    one = answering.examinee(settings, model, pauses=True)
    answered = fill(form, items, one.ask(found, batch=settings.evaluate.batch)[0].texts)
    out = predictions or settings.run.folder / f"{name}.{questions.suffix.strip('.')}"
    save(answered, out)
    return score(form, answered) | {"predictions": str(out)}
