"""Terminal escapes and markup in every name and text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fault_trials.hostile_case import ESCAPES, FILE_NAME, Case, copied_set, lock_again
from fault_trials.site import SCENES, Site, write_corpus


def with_names(built: Site, folder: Path) -> Iterator[Case]:
    """A data set with :data:`ESCAPES` in every text, a work folder and a corpus with such names."""
    out = copied_set(built, folder)
    clip, question = "", ""
    for path in sorted(out.rglob("*.parquet")):
        rows = rewrite(path, lambda row: texts_changed(row, lambda text: text + ESCAPES))
        clip, question = rows[0]["clip_id"], rows[0].get("id", question)
    lock_again(out)
    for more in ((), ("--json",)):
        yield Case(f"inspect {' '.join(more)}", ("inspect", clip, "--shards", out, "--all", *more), (0,))
        yield Case(f"explain {' '.join(more)}", ("explain", question, "--shards", out, *more), (0,))
        yield Case(f"verify {' '.join(more)}", ("verify", out, *more), (3,))
        yield Case(f"check {' '.join(more)}", ("check", out, *more))
    yield Case("explain --trace", ("explain", question, "--shards", out, "--trace"), (0,))
    yield Case("inspect, no such clip", ("inspect", f"x{ESCAPES}", "--shards", out), (2,))
    yield Case("explain, no such question", ("explain", f"x{ESCAPES}", "--shards", out), (2,))
    yield Case("verify, no such folder", ("verify", folder / f"none{FILE_NAME}"), (2,))
    yield Case("check, no such file", ("check", folder / f"none{FILE_NAME}.json"), (2,))
    yield Case("status, no such folder", ("status", "--out", folder / f"none{FILE_NAME}"), (2,))
    yield from _questions_with_names(folder)
    yield from _corpus_with_names(folder)


def _questions_with_names(folder: Path) -> Iterator[Case]:
    rows = [
        {
            "id": f"q{n}{ESCAPES}",
            "question": f"Which one{ESCAPES}?",
            "choices": [f"a{ESCAPES}", f"b{n}{ESCAPES}"],
            "answer": f"a{ESCAPES}",
            "audio_id": f"../{ESCAPES}.wav",
            "trace": f"<THINK>{ESCAPES}",
            "split": ESCAPES,
            "skill": ESCAPES,
        }
        for n in range(3)
    ]
    path = folder / f"questions{FILE_NAME}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, *rows, [ESCAPES], {ESCAPES: ESCAPES}]))
    yield Case("check of questions", ("check", path))
    yield Case("check of questions --json", ("check", path, "--json"))
    unknown = folder / f"unknown{FILE_NAME}.json"
    unknown.write_text(json.dumps([{f"field{ESCAPES}": 1}]))
    yield Case("check, unknown fields", ("check", unknown), (2,))


def _corpus_with_names(folder: Path) -> Iterator[Case]:
    corpus = write_corpus(folder / f"corpus{FILE_NAME}", {f"clip{FILE_NAME}": SCENES["one"]})
    (corpus / f"broken{FILE_NAME}.wav").write_bytes(b"RIFF\x1b[31m")
    out = folder / f"set{FILE_NAME}"
    build = ("build", "--source", "folder", "--preset", "fake", "--jobs", 1, "--out", out, "--root", corpus)
    yield Case("build", build, (3,))
    yield Case("build --json", (*build, "--json"), (3,))
    yield Case("status of this build", ("status", "--out", out), (0,))
    yield Case("plan", ("plan", *build[1:5], *build[7:]), (0,))
    (corpus / "metadata.csv").write_text(f"file_name,license,split{ESCAPES!r}\n{ESCAPES!r},x,y\n")
    yield Case("build with metadata.csv", build, (2, 3))
    settings = folder / "settings.yaml"
    settings.write_text(json.dumps({f"key{ESCAPES}": ESCAPES, "stages": {f"tag{ESCAPES}": ESCAPES}}))
    yield Case("build with settings", ("build", "--config", settings), (2,))
    yield Case("build, no such source", ("build", "--source", ESCAPES, "--root", corpus), (2,))


def texts_changed(value: Any, change: Callable[[str], str]) -> Any:
    """A row with every text in it changed, hashes left as they are."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [texts_changed(item, change) for item in value]
    if isinstance(value, dict):
        return {
            name: item if name in ("sha256", "audio", "origin", "split") else texts_changed(item, change)
            for name, item in value.items()
        }
    return value


def rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> list[dict[str, Any]]:
    """Changes every row of a shard; returns the new rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    rows = [change(row) for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    return rows
