"""Settings, templates, tables and work folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from fault_trials.hostile_case import DEEP, DIGITS, ESCAPES, FILE_NAME, Case
from fault_trials.site import Site


def yaml_files(built: Site, folder: Path) -> Iterator[Case]:
    """Settings for ``paqa build`` and templates for ``paqa verify``."""
    aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    texts = {
        "aliases that unpack to gigabytes": aliases + "gate: {policy: *a8}\n",
        "aliases below a known key": "stages: {tag: {options: {x: &a [1]}}}\ngate: {x: *a, y: [*a, *a]}\n",
        "an alias of itself": "gate: &a {policy: *a}\n",
        "a merge of itself": "gate: &a {<<: *a}\n",
        "10,000 levels": "gate: " + "[" * 10_000 + "]" * 10_000,
        "a tag that runs code": "gate: !!python/object/apply:os.system ['touch /tmp/paqa-was-here']\n",
        "a number of 5,000 digits": f"seed: {DIGITS}\n",
        "a date that does not exist": "seed: 2020-99-99\n",
        "a base-60 number": "seed: 1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9\n",
        "keys that are lists": "? [a, b]\n: 1\n",
        "a lone surrogate": 'source: "\\ud800"\nroot: "\\udfff"\n',
        "a null character": 'source: folder\nroot: "a\\0b"\n',
        "two documents": "seed: 1\n---\nseed: 2\n",
        "escapes": json.dumps({"source": ESCAPES, "root": ESCAPES}),
        "a list": "[1, 2]\n",
        "infinity": "seed: .inf\nlimit: .nan\n",
        "settings of other types": "stages: [1]\nquestions: 7\nplugins: {a: 1}\njobs: [2]\n",
        "no YAML": "\t{]\x1b[31m\n",
    }
    for number, (name, text) in enumerate(texts.items()):
        path = folder / f"{number}.yaml"
        path.write_text(text)
        build = ("build", "--config", path, "--out", folder / "out", "--preset", "fake")
        yield Case(f"build, {name}", build, (2,))
        templates = folder / f"templates-{number}"
        templates.mkdir()
        (templates / "hostile.yaml").write_text(text)
        yield Case(f"verify --templates, {name}", ("verify", built.out, "--templates", templates), (2,))


def work_folders(built: Site, folder: Path) -> Iterator[Case]:
    """Work folders for ``paqa status``."""
    contents = {
        "escapes": json.dumps({"clip": ESCAPES, "sha256": "", "failure": {"stage": ESCAPES}}).encode(),
        "other types": b'[1]\n"text"\n7\nnull\n',
        "a clip that is a list": b'{"clip": [[1]]}\n',
        "an empty object": b"{}",
        "100,000 levels": b"[" * DEEP,
        "a number of 5,000 digits": b'{"clip": ' + DIGITS.encode() + b"}\n",
        "not UTF-8": b"\xff\xfe",
        "a lone surrogate": b'{"clip": "\\ud800"}\n',
        "one line of 100 MB": b'{"clip": "' + b"x" * 100_000_000 + b'"}\n',
    }
    for name, content in contents.items():
        work = folder / name.replace(" ", "-").replace(",", "")
        shutil.copytree(built.work, work)
        stage = next(work.glob("read-*"))
        next(stage.glob("part-*")).write_bytes(content)
        (work / f"tag-{FILE_NAME}").mkdir()
        (stage / f"part-{FILE_NAME}.jsonl").write_bytes(content)
        status = ("status", "--out", folder / "none", "--work", work)
        yield Case(f"status, {name}", status, (0, 2, 3))
        yield Case(f"status --json, {name}", (*status, "--json"), (0, 2, 3))


def tables(built: Site, folder: Path) -> Iterator[Case]:
    """Corpora with a hostile ``metadata.csv``."""
    texts = {
        "a cell of 10 MB": b"file_name,license\none.wav," + b"x" * 10_000_000 + b"\n",
        "an open quote and 20 MB": b'file_name,license\none.wav,"' + b"x\n" * 10_000_000,
        "null characters": b"file_name,license\none.wav,\0\0\n",
        "not UTF-8": b"file_name,license\none.wav,\xff\xfe\n",
        "100,000 columns": b"file_name" + b",x" * 100_000 + b"\none.wav\n",
        "a path with ..": b"file_name,license\n../../../etc/passwd,CC0-1.0\n",
        "escapes": f"file_name,license\none.wav,{ESCAPES!r}\n".encode().replace(b"\\x1b", b"\x1b"),
        "an empty file": b"",
    }
    for name, text in texts.items():
        place = folder / name.replace(" ", "-").replace(",", "")
        shutil.copytree(built.corpus, place / "corpus")
        (place / "corpus/metadata.csv").write_bytes(text)
        build = ("build", "--config", built.config_inline, "--root", place / "corpus", "--limit", 1)
        yield Case(f"build, {name}", (*build, "--out", place / "out"), (0, 2, 3))
