"""Locks that are malformed or name foreign files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fault_trials.hostile_case import DEEP, DIGITS, ESCAPES, FILE_NAME, Case, copied_set, sha256
from fault_trials.site import Site

Change = Callable[[dict[str, Any]], bytes]
HARMLESS = (
    "a lock with a lone surrogate", "a lock of 50 MB", "software that is a list", "a card that is a number",
)  # fmt: skip
"""Locks whose data set may be proved all the same."""


def locks(built: Site, folder: Path) -> Iterator[Case]:
    """Data sets whose ``paqa.lock.json`` is malformed or names foreign files."""
    precious = folder / "precious.txt"
    precious.write_text("precious\n")
    for name, change in _lock_changes(precious).items():
        place = folder / name.replace(" ", "-").replace("/", "-")
        out = copied_set(built, place)
        lock = out / "paqa.lock.json"
        lock.write_bytes(change(json.loads(lock.read_text())))
        codes = (0, 2, 3) if name in HARMLESS else (2, 3)
        yield Case(f"verify, {name}", ("verify", out), codes, (precious,))
        build = ("build", "--config", built.config_inline, "--out", out, "--work", place / "work")
        yield Case(f"build over it, {name}", build, (0, 2, 3), (precious,))


def _lock_changes(precious: Path) -> dict[str, Change]:
    def file(**values: object) -> Change:
        def change(lock: dict[str, Any]) -> bytes:
            known = {"path": "data/x.parquet", "rows": 1, "bytes": 9, "sha256": sha256(b"precious\n")}
            lock["files"].append(known | values)
            return json.dumps(lock).encode()

        return change

    def top(**values: object) -> Change:
        return lambda lock: json.dumps(lock | values).encode()

    def build(**values: object) -> Change:
        return lambda lock: json.dumps(lock | {"build": lock["build"] | values}).encode()

    return {
        "an absolute path": file(path=str(precious)),
        "a path with ..": file(path="../../precious.txt"),
        "a path with .. inside": file(path="data/../../../precious.txt"),
        "a path with escapes": file(path=f"data/{FILE_NAME}.parquet"),
        "a path with a null character": file(path="data/\0.parquet"),
        "an empty path": file(path=""),
        "a path that is a number": file(path=7),
        "a path of backslashes": file(path="..\\..\\precious.txt"),
        "bytes that are a text": file(bytes="9"),
        "unknown fields of a file": file(other=1),
        "files that are an object": top(files={}),
        "files that are null": top(files=None),
        "files that hold null": top(files=[None]),
        "an unknown format": top(format=2),
        "a format that is a list": top(format=[[]]),
        "a build that is null": top(build=None),
        "unknown fields": top(other=ESCAPES),
        "software that is a list": top(software=[ESCAPES]),
        "a card that is a number": top(card_sha256=7),
        "options of another type": build(questions={"options": {"per_clip": "many", ESCAPES: 1}}),
        "options that are a list": build(questions=[ESCAPES]),
        "templates that are a list": build(questions={"options": {}, "templates": [ESCAPES]}),
        "a lock of 100,000 levels": lambda lock: b"[" * DEEP + b"]" * DEEP,
        "a lock with a number of 5,000 digits": lambda lock: b'{"format": ' + DIGITS.encode() + b"}",
        "a lock with NaN": top(format=float("nan")),
        "a lock that is no text": lambda lock: b"\xff\xfe\x1b[31m",
        "a lock with a lone surrogate": top(software={"\ud800": "1"}),
        "a lock of 50 MB": top(software={"x": "y" * 50_000_000}),
    }
