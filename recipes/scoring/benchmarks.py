"""MMAU and MMAR: their own files in, their own files out, their own rule.

Both scorers read a copy of the question file with the model's answer in it, under a key that differs.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paqa_builder.errors import ConfigError
from recipes import config
from recipes.data.rows import Row
from recipes.scoring import answering, matching


@dataclass(frozen=True, slots=True)
class Format:
    """How a benchmark names its fields.

    Attributes:
        audio: Path of the audio, below a folder.
        prediction: Where its scorer looks for the answer.
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
    """Reads a list in JSON, or JSON Lines.

    Raises:
        ConfigError: The file is neither.
    """
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        found = json.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read as JSON ({error})") from error
    if not isinstance(found, list):
        raise ConfigError(f"{file}: holds no list of questions")
    return found


def save(items: Sequence[dict[str, Any]], file: Path) -> None:
    """Writes what :func:`load` reads, in the form that the file's name asks for."""
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
    found = []
    for item in items:
        lacks = [key for key in ("id", form.audio, "question", "choices", "answer") if key not in item]
        if lacks:
            raise ConfigError(f"{form.name}: question {item.get('id')}: lacks {', '.join(lacks)}")
        path = audio / item[form.audio]
        if not path.is_file():
            raise ConfigError(
                f"{form.name}: question {item['id']}: {path} is not there",
                fix="--audio-root DIR, the folder that holds the benchmark's audio",
            )
        found.append(
            Row(
                id=item["id"],
                clip_id=item[form.audio],
                audio=str(path),
                question=item["question"],
                choices=tuple(item["choices"]),
                answer=item["answer"],
                skill=str(item.get(form.groups[0]) or ""),
            )
        )
    return found


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
