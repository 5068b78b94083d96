"""What grows with the number of clips: seconds, memory of the building process, files, finished builds.

::

    python benchmarks/growth.py                              # builds of 500 and 2,000 clips
    python benchmarks/growth.py --clips 1000 100000 --copied

Builds corpora of short tones with preset ``fake``, then builds them again, plans and asks for the status.
``--copied`` builds 50 clips and writes copies of their results for the others: 100,000 clips then take
minutes. What follows (plan, status, the shards, a second build) is the same as after a build; the seconds of
the build itself are not measured.

Seconds are those of the processor, of all processes of a command with their start. Memory is the largest
resident set of the building process, without its workers.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from paqa_builder import config as configuration
from paqa_builder.files import state
from paqa_builder.pipeline import ask, leaks
from paqa_builder.pipeline.plan import Plan, make
from paqa_builder.runtime.version import __version__
from paqa_builder.testing import tone_scene

SECONDS = 2.0
DONORS = 50
"""Clips whose results are copied."""
SETTINGS = ("--source", "folder", "--preset", "fake", "--jobs", "2")
VOICES, SOUNDS = ("low", "middle", "high"), ("Bell", "Siren", "Whistle", "Buzzer")
_RUN = """
import json, resource, sys
from paqa_builder.__main__ import main
try:
    main()
finally:
    own, others = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in (own, others))
    with open({out!r}, "w") as file:
        json.dump({{"seconds": cpu, "mb": own.ru_maxrss / 1024}}, file)
"""


def main() -> None:
    """Prints a table, and the same figures as JSON where asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--copied", action="store_true", help="copy the results of 50 clips")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--work", type=Path, help="folder for corpora and builds, which are kept there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.work or Path(temporary)
        rows = [measure(folder / str(count), count, copied=arguments.copied) for count in arguments.clips]
    for name in rows[0]:
        print(f"{name:<24}" + "".join(f"{row[name]:>12}" for row in rows))
    if arguments.json:
        figures = {"paqa": __version__, "python": platform.python_version(), "growth": rows}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(folder: Path, count: int, *, copied: bool = False) -> dict[str, Any]:
    """Builds a corpus and measures the build and what is run after it."""
    write_corpus(folder / "corpus", count, tiny_from=DONORS if copied else count)
    if copied:
        copy_results(folder, count)
    build = run("build", folder)
    work = folder / "out.work"
    stems = sum(path.is_file() for path in work.rglob("stems/**/*"))
    files = sum(path.is_file() for path in work.rglob("*"))
    again, plan, status = run("build", folder), run("plan", folder), run("status", folder)
    return {
        "clips": count,
        "build, ms a clip": "–" if copied else f"{1000 * build['seconds'] / count:.1f}",
        "build, MB": f"{build['mb']:.0f}",
        "second build, s": f"{again['seconds']:.2f}",
        "second build, MB": f"{again['mb']:.0f}",
        "plan, s": f"{plan['seconds']:.2f}",
        "plan, MB": f"{plan['mb']:.0f}",
        "status, s": f"{status['seconds']:.2f}",
        "files a clip, no stems": f"{(files - stems) / count:.3f}",
    }


def run(command: str, folder: Path, **settings: str) -> dict[str, float]:
    """Runs a command of ``paqa`` on a corpus. Returns processor seconds and megabytes.

    Args:
        settings: Variables of the environment.
    """
    used = folder / "used.json"
    arguments = [command, "--out", str(folder / "out")]
    if command != "status":
        flags = SETTINGS if command == "build" else SETTINGS[:4]
        arguments += ["--root", str(folder / "corpus"), *flags]
    script = [sys.executable, "-c", _RUN.format(out=str(used)), *arguments]
    ended = subprocess.run(script, capture_output=True, text=True, env=os.environ | settings)
    if ended.returncode:
        raise SystemExit(f"paqa {command} ended with {ended.returncode}:\n{ended.stderr}")
    figures: dict[str, float] = json.loads(used.read_text())
    return figures


def write_corpus(folder: Path, count: int, *, tiny_from: int) -> None:
    """Writes clips of tones with different noise, and a few bytes in place of those from ``tiny_from`` on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"{number:07}.wav"
        if path.exists():
            continue
        if number >= tiny_from:
            path.write_bytes(b"RIFF%d" % number)
            continue
        random = np.random.default_rng(number)
        start, end = sorted(random.uniform(0.0, SECONDS, 2).round(2))
        tones = [(VOICES[number % 3], 0.1, 1.2), (SOUNDS[number % 4], start, end)]
        audio = tone_scene(SECONDS, tones)
        noise = 0.003 * random.standard_normal(len(audio.samples))
        soundfile.write(path, audio.samples + noise, audio.rate, subtype="PCM_16")


def copy_results(folder: Path, count: int) -> None:
    """Builds the first clips alone, then writes the results of all stages and the questions of all clips."""
    donors = folder / "donors"
    if donors.exists():
        return
    (donors / "corpus").mkdir(parents=True)
    for path in sorted((folder / "corpus").iterdir())[:DONORS]:
        shutil.copy2(path, donors / "corpus")
    run("build", donors, PAQA_EXECUTOR="inline")
    known, plan = _plan(donors), _plan(folder)
    fingerprint = leaks.stage_of(plan)
    assert fingerprint is not None
    for stage in (*plan.stages, fingerprint):
        donors_of = [part.file(stage.folder(known.work)) for part in known.parts_of(stage)]
        rows = [row for file in donors_of for row in state.read_rows(file)]
        for part in plan.parts_of(stage):
            copies = [
                _copied(rows[(part.start + n) % DONORS], item, part.start + n)
                for n, item in enumerate(part.fingerprints)
            ]
            state.write_rows(part.file(stage.folder(plan.work)), copies)
    _copy_questions(known, plan)


def _plan(folder: Path) -> Plan:
    settings = {"source": "folder", "preset": "fake", "root": folder / "corpus", "out": folder / "out"}
    return make(configuration.load(settings))


def _copied(row: dict[str, Any], item: Any, number: int) -> dict[str, Any]:
    copy = {**row, "clip": item.clip.id, "sha256": item.sha256}
    if "truth" in row:
        copy["truth"] = item.truth
    first = row["records"][0] if row.get("records") else {}
    if "sha256" in first:
        copy["records"] = [{**first, "sha256": item.sha256}]
    if "pcm" in first:  # no two clips are of the same recording
        bits = np.random.default_rng(number).bytes(len(base64.b64decode(first["bits"])))
        copy["records"] = [{**first, "pcm": item.sha256, "bits": base64.b64encode(bits).decode()}]
    copy.pop("stored", None)
    return copy


def _copy_questions(known: Plan, plan: Plan) -> None:
    """Writes the questions where the next build looks for them, with the pools of the first clips."""
    (folder,) = known.work.glob("questions-*/")
    rows = [row for part in known.parts for row in state.read_rows(part.file(folder))]
    for part in plan.parts:
        copies = list(_asked(rows, part))
        state.write_rows(part.file(plan.work / folder.name), copies)
    state.write(plan.work / folder.name / ask.CORPUS, state.read(folder / ask.CORPUS), sort_keys=True)
    ask.remember(plan, plan.work / folder.name)


def _asked(rows: list[dict[str, Any]], part: Any) -> Iterator[dict[str, Any]]:
    for n, item in enumerate(part.fingerprints):
        row = rows[(part.start + n) % DONORS]
        own = {"clip_id": item.clip.id}
        asked = [{**q, "id": f"{q['id'][:-8]}{part.start + n:08}"} | own for q in row["questions"]]
        yield {"clip": item.clip.id, "questions": asked, "quarantined": []}


if __name__ == "__main__":
    main()
