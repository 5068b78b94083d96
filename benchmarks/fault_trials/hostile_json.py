"""Question files in JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

from fault_trials.hostile_case import DEEP, DIGITS, ESCAPES, Case


def json_files(folder: Path) -> Iterator[Case]:
    """Question files for ``paqa check``."""
    row = {"id": "q1", "question": "Which one?", "choices": ["one", "two"], "answer": "one"}
    text = json.dumps(row)
    paqa = {"instruction": "<audio> Which? (a) one (b) two", "output": "<RESPONSE>one</RESPONSE>"}

    def answered(answer: str) -> str:
        return json.dumps(paqa | {"output": f"<RESPONSE>{answer}</RESPONSE>"}) + "\n"

    long = "a " * 140_000
    lines: dict[str, tuple[str, tuple[int, ...]]] = {
        "100,000 levels": ("[" * DEEP + "]" * DEEP, (2,)),
        "a row of 100,000 levels": (f'{text}\n{{"a":' * DEEP, (0, 2, 3)),
        "a number of 5,000 digits": (f'{text}\n{{"id": {DIGITS}, "question": "x", "choices": []}}\n', (0, 3)),
        "a number that is infinite": (f'{text}\n{{"question": "x", "choices": [1e999]}}\n', (0, 3)),
        "an index of 5,000 digits": (json.dumps(row | {"answer_index": DIGITS}) + f"\n{text}\n", (0, 3)),
        "a lone surrogate": (json.dumps(row | {"question": "\ud800?", "id": "\udfff"}) + "\n", (0, 2, 3)),
        "U+2028 in a line": (json.dumps(row | {"question": "a\u2028b?"}, ensure_ascii=False) + "\n", (0,)),
        "null characters": (json.dumps(row | {"id": "\0", "audio_id": "\0"}) + "\n", (0, 2, 3)),
        "null in every field": (json.dumps(dict.fromkeys(row)) + f"\n{text}\n", (0, 3)),
        "no choices": (json.dumps(row | {"choices": []}) + f"\n{text}\n", (0, 3)),
        "choices of other types": (json.dumps(row | {"choices": [None, {}, [], 1]}) + f"\n{text}\n", (0, 3)),
        "100,000 choices": (json.dumps(row | {"choices": [str(n) for n in range(DEEP)]}) + "\n", (0, 2, 3)),
        "a question of 280 kB": (json.dumps(row | {"question": long}) + "\n", (0, 2, 3)),
        "a choice of 280 kB": (json.dumps(row | {"choices": [long, "one"]}) + "\n", (0, 2, 3)),
        "a trace of open elements": (
            json.dumps(paqa | {"output": "<RESPONSE><FINAL_ANSWER>" * 12_000}) + "\n", (0, 2, 3),
        ),
        "open quotes, 280 kB": (json.dumps(row | {"trace": "“" * 280_000}) + "\n", (0, 3)),
        "open tags, 280 kB": (json.dumps(row | {"trace": "<THINK>" * 40_000}) + "\n", (0, 3)),
        "a choice that the answer almost repeats": (
            json.dumps(
                paqa
                | {
                    "instruction": f"Which? (a) {'a ' * 70_000}b (b) two",
                    "output": f"<RESPONSE>{long}</RESPONSE>",
                }
            )
            + "\n",
            (0, 2, 3),
        ),
        "an answer of 280 kB": (answered(long), (0, 2, 3)),
        "the answer is, 280 kB": (answered("answer is: " * 25_000), (0, 2, 3)),
        "spaces, 280 kB": (answered(f"is:{' ' * 280_000}x"), (0, 2, 3)),
        "letters, 280 kB": (json.dumps(paqa | {"instruction": "(a) " * 70_000}) + "\n", (0, 2, 3)),
        "an empty file": ("", (2,)),
        "an empty object": ("{}", (2,)),
        "a text": ('"text"', (2,)),
        "no JSON": (f"{ESCAPES}\n", (2,)),
    }  # fmt: skip
    for number, (name, (content, codes)) in enumerate(lines.items()):
        path = folder / f"{number}.jsonl"
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
        yield Case(f"check, {name}", ("check", path), codes)
    broken = folder / "broken.json"
    broken.write_bytes(b"\xff\xfe[")
    yield Case("check, not UTF-8", ("check", broken), (2,))
    bomb = folder / "bomb.jsonl.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as file:
        for _ in range(300):
            file.write(b" " * 10_000_000)
    yield Case("check, 3 GB of spaces in a .gz", ("check", bomb), (2,))
    cut = folder / "cut.json.gz"
    cut.write_bytes(gzip.compress(text.encode() * 1000)[:-20])
    yield Case("check, a cut .gz", ("check", cut), (2,))
