"""Rows for training and evaluation: shards, or JSON in a format of :mod:`paqa_builder.formats.known`.

Audio is read when a batch needs it (:mod:`recipes.data.audio`), so a data set may be larger than memory. A
JSON file without splits is divided by a hash of the clip: a tenth is ``test``, the rest ``train``.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache, cached

from paqa_builder.dataset import read as reader
from paqa_builder.dataset.lock import NC
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.formats.audio_column import rows_without_audio
from paqa_builder.formats.defects import Defects, defects
from paqa_builder.formats.item import Broken, Item
from paqa_builder.formats.known import FORMATS, answer_in, answers_of
from paqa_builder.formats.read import find_audio, open_data
from paqa_builder.questions.traces import grammar
from paqa_builder.untrusted import tables
from recipes.config import Data

if TYPE_CHECKING:
    import numpy as np

log = logging.getLogger(__name__)

_WANTED = ("id", "clip_id", "question", "choices", "answer", "trace", "skill", "level")
_CONTRIBUTION = "audio_contribution"
_OPTIONAL = (_CONTRIBUTION, "template", "answer_index")
_FOLDER = "data"
# Most recently read row groups of audio, bounded by bytes.
_groups: LRUCache[Any, Any] = LRUCache(512 << 20, getsizeof=lambda column: column.nbytes)


@dataclass(frozen=True, slots=True)
class AudioRef:
    """Location of a clip's audio in a Parquet shard: the file, its row group, and the row in the group."""

    file: str
    group: int
    place: int

    def read(self) -> bytes:
        """The encoded bytes of the clip."""
        return _group(self.file, self.group)[self.place].as_py()


@cached(_groups)
def _group(file: str, group: int) -> Any:
    return tables.values(Path(file), "audio.bytes", group)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One question about one clip.

    Attributes:
        audio: The clip: encoded bytes, a path, samples (float32, mono, at the model's rate), or a location
            in a shard.
        answer: The text of the right choice.
        trace: Reasoning trace, the target of stage I; empty if the data has none.
        contribution: ``strong`` or ``weak``: whether the question needs the audio; None if unknown.
        scene: The clip's row of ``scenes``, without word times; None if the data has none.
        template: The name of the question's template; empty if unknown.
    """

    id: str
    clip_id: str
    audio: bytes | str | np.ndarray | AudioRef
    question: str
    choices: tuple[str, ...]
    answer: str
    trace: str = ""
    skill: str = ""
    level: str = ""
    contribution: str | None = None
    scene: dict[str, Any] | None = None
    template: str = ""


def read(data: Data, split: str) -> list[Row]:
    """Reads all rows of a split in the data's order, with locations of audio in place of the audio.

    Raises:
        ConfigError: The data, the split or a column is missing.
        NotReadyError: The Hub's data set could not be fetched.
    """
    if data.path is None:
        raise ConfigError("data.path is not set", fix="--set data.path=SHARDS")
    rows = list(_of_json(data, split) if _is_json(data) else _of_shards(_local(data.path), split))
    wanted = [row for row in rows if _contributes(row, data)]
    if not wanted:
        why = f" with audio_contribution {data.contribution}" if rows else ""
        raise ConfigError(f"{data.path}: no questions in split {split!r}{why}")
    wanted = wanted[: data.limit]
    return wanted if data.reflect else [without_reflection(row) for row in wanted]


def stream(data: Data, split: str, *, seed: int = 0, epoch: int = 0) -> Iterator[Row]:
    """Streams the rows of a split, shuffled within a buffer. Scenes are read before the first row.

    Args:
        seed: The same seed and epoch give the same order.

    Raises:
        ConfigError: The split cannot be streamed, or a column is missing.
    """
    from datasets import Audio, load_dataset

    if data.path is None or _is_json(data):
        raise ConfigError(f"{data.path}: streaming needs shards", fix="--set data.streaming=false")
    try:
        source = load_dataset(data.path, split=split, streaming=True)
    except (ValueError, FileNotFoundError, OSError) as error:
        raise ConfigError(f"{data.path}: split {split!r} cannot be streamed ({error})") from error
    _check_columns(list(source.column_names or _WANTED), data.path)
    source = source.cast_column("audio", Audio(decode=False))
    source = source.shuffle(seed=seed + epoch, buffer_size=data.shuffle_buffer)
    scenes = _streamed_scenes(data.path, split)
    rows = (
        _row(fields, (fields["audio"] or {}).get("bytes"), scenes.get(fields["clip_id"])) for fields in source
    )
    for row in islice((row for row in rows if _contributes(row, data)), data.limit):
        yield row if data.reflect else without_reflection(row)


def endless(data: Data, split: str, *, seed: int = 0) -> Iterator[Row]:
    """Streams the rows of a split (:func:`stream`), epoch after epoch."""
    for epoch in count():
        yield from stream(data, split, seed=seed, epoch=epoch)


def without_reflection(row: Row) -> Row:
    """Removes the trace of a row if it has a REFLECT.

    The part before REFLECT, CAPTION included, contains an error on purpose, so it cannot be kept alone.
    """
    return replace(row, trace="") if reflects(row.trace) else row


def reflects(trace: str) -> bool:
    """Whether a trace follows the grammar and has a REFLECT."""
    return not grammar.validate(trace) and grammar.parse(trace).reflect is not None


def _contributes(row: Row, data: Data) -> bool:
    return data.contribution in (None, row.contribution) or row.contribution is None


def _is_json(data: Data) -> bool:
    return data.format in ("paqa", "avqa") or (
        data.format == "auto" and str(data.path).removesuffix(".gz").endswith((".json", ".jsonl"))
    )


def _local(path: str) -> Path:
    """The folder of shards; a Hub data set is downloaded."""
    if Path(path).is_dir():
        return Path(path)
    if path.count("/") != 1 or path.startswith((".", "/")):
        raise ConfigError(
            f"{path}: no folder of shards with this name",
            fix="paqa build --source folder --root AUDIO --out " + path,
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(path, repo_type="dataset", allow_patterns=["*.parquet"]))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise NotReadyError(f"{path}: neither a folder nor a data set on the Hub ({error})") from error


def _of_shards(folder: Path, split: str) -> Iterator[Row]:
    files = sorted((folder / _FOLDER).glob("*.parquet"))
    if not files:
        raise ConfigError(
            f"{folder}: no shards in it (data/*.parquet)",
            fix=f"paqa build --source folder --root AUDIO --out {folder}",
        )
    splits = sorted({file.name.removeprefix(NC).rpartition("-of-")[0].rpartition("-")[0] for file in files})
    chosen = [file for file in files if file.name.removeprefix(NC).startswith(f"{split}-")]
    if not chosen:
        raise ConfigError(f"{folder}: no split {split!r}; there are: {', '.join(splits)}")
    scenes = {row["clip_id"]: _scene(row) for row in reader.rows(folder, "scenes", split=split)}
    for file in chosen:
        parquet = tables.open_table(file)
        _check_columns(parquet.schema_arrow.names, str(file))
        columns = [name for name in (*_WANTED, *_OPTIONAL) if name in parquet.schema_arrow.names]
        for group in range(parquet.num_row_groups):
            silent = set(rows_without_audio(file, parquet, group))
            for place, fields in enumerate(tables.rows(file, columns, [group])):
                audio = None if place in silent else AudioRef(str(file), group, place)
                yield _row(fields, audio, scenes.get(fields["clip_id"]))


def _check_columns(there: list[str], where: str) -> None:
    missing = [name for name in (*_WANTED, "audio") if name not in there]
    if missing:
        raise ConfigError(
            f"{where}: lacks the columns {', '.join(missing)}; it has: {', '.join(there)}",
            fix="data.path must be a data set made by `paqa build`",
        )


def row_of(item: Item, audio: bytes | str | AudioRef, **more: Any) -> Row:
    """Converts a question with a known answer to a row; ``more`` are further attributes of :class:`Row`."""
    assert item.answer is not None
    fields = {
        "id": item.id, "clip_id": item.clip, "question": item.question, "choices": item.choices,
        "answer": item.choices[item.answer], "trace": item.trace or "", "skill": item.skill,
        "level": item.level, "template": item.template,
    }  # fmt: skip
    return Row(**fields | {"audio": audio} | more)


def _row(fields: dict[str, Any], audio: bytes | AudioRef | None, scene: dict[str, Any] | None) -> Row:
    name = str(fields["id"])
    item = FORMATS["shards"].parse(fields, name)
    why = [item.why] if isinstance(item, Broken) else [f"has {why}" for why in defects(item, "shards")]
    if not audio:
        why.append("has no audio")
    if why:
        raise ConfigError(f"question {name}: {', '.join(why)}", fix="paqa check SHARDS")
    assert isinstance(item, Item)
    assert audio
    return row_of(item, audio, contribution=fields.get(_CONTRIBUTION), scene=scene)


def _of_json(data: Data, split: str) -> Iterator[Row]:
    """Rows of a split from a JSON file, without questions that have a defect."""
    assert data.path is not None
    path = Path(data.path)
    source = open_data(path, data.format if data.format in ("paqa", "avqa") else None)
    left_out, seen = Defects(), 0
    for item in source.rows():
        if isinstance(item, Broken):
            raise ConfigError(f"{path}: {item.where}: {item.why}", fix=f"paqa check {path}")
        audio = item.audio or ""
        clip = PurePosixPath(audio).stem if source.format == "paqa" else item.clip
        if (item.split or _split(clip)) != split:
            continue
        seen += 1
        if reasons := defects(item, source.format):
            left_out.add(item.id, reasons)
        else:
            file = str(find_audio(data.audio_root or path.parent, audio) or audio)
            yield _FOR_TRAINING.get(source.format, lambda row: row)(row_of(item, file, clip_id=clip))
    if left_out.questions:
        log.warning(
            "%s: left out %d of %d questions in split %r: %s",
            path, left_out.questions, seen, split, left_out,
        )  # fmt: skip


def _plain_answers(row: Row) -> Row:
    """Replaces the answers in the trace ("The answer is B.") by the text of the choice."""

    trace = row.trace.strip()
    for answer in reversed(answers_of(trace)):
        place = answer_in(answer.text, row.choices)
        if place is not None:
            element = f"<{answer.tag}>{row.choices[place]}</{answer.tag}>"
            trace = trace[: answer.start] + element + trace[answer.end :]
    return replace(row, trace=trace)


def _about_sound(row: Row) -> Row:
    """Replaces "video" by "audio" in the question, because only the sound of AVQA's videos is used."""
    return replace(row, question=re.sub(r"\bvideo\b", "audio", row.question), template="")


_FOR_TRAINING = {"paqa": _plain_answers, "avqa": _about_sound}


def _split(clip: str) -> str:
    return "test" if hashlib.sha256(clip.encode()).digest()[0] % 10 == 0 else "train"


def _scene(row: dict[str, Any]) -> dict[str, Any]:
    for layer in ("utterances", "truth_utterances"):
        for utterance in row.get(layer) or ():
            utterance.pop("words", None)
    return row


def _streamed_scenes(path: str, split: str) -> dict[str, dict[str, Any]]:
    from datasets import load_dataset

    try:
        scenes = load_dataset(path, "scenes", split=split, streaming=True)
        return {row["clip_id"]: _scene(row) for row in scenes}
    except ValueError:  # a data set without the second configuration
        return {}
