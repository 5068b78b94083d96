"""Benchmark of the perception stages: runs them on audio with ground truth, without a build.

For quick trials of options::

    python benchmarks/perception.py                                      # $PAQA_TESTDATA/scenes
    python benchmarks/perception.py --truth $PAQA_TESTDATA/meetings
    python benchmarks/perception.py --option diarize.backend.same_voice=1 --json result.json

Figures are for all clips, even clips and odd clips, so that options tuned on one half can be tested on the
other. ``paqa bench`` scores a finished build with the same measures. Needs the extras ``cpu`` and ``eval``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from paqa_builder.bench.formats import load_references
from paqa_builder.bench.measures import Measure
from paqa_builder.bench.reference import Reference, match
from paqa_builder.bench.score import require, score, settled
from paqa_builder.bench.titles import TITLES
from paqa_builder.records import Clip, Scene, to_json

STAGES = {
    "separate": "deepfilternet3",
    "diarize": "segmentation_campplus",
    "tag": "yamnet",
    "transcribe": "faster_whisper",
}
AUDIO = (".flac", ".wav")
Pairs = dict[str, tuple[Scene, Reference]]


def clips_of(folder: Path, references: Iterable[Reference]) -> dict[Path, Reference]:
    """The audio files below a folder with ground truth, without stems."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in AUDIO)
    files = [path for path in files if "stems" not in path.relative_to(folder).parts]
    matched = match(references, [path.relative_to(folder).as_posix() for path in files])
    return {folder / name: reference for name, reference in matched.items()}


def hear(clips: dict[Path, Reference], options: dict[str, dict[str, Any]]) -> tuple[Pairs, dict[str, float]]:
    """Runs the stages with ground truth; returns scenes with their references, and CPU seconds by stage."""
    from paqa_builder import registry
    from paqa_builder.audio import encode_flac, read
    from paqa_builder.perception.stage import ClipContext, stage_class

    cpu: dict[str, float] = defaultdict(float)
    stages: dict[str, Any] = {}
    for name, backend_name in STAGES.items():
        cls, backend_cls = stage_class(name), registry.get(name, backend_name)
        backend = backend_cls(backend_cls.Options(**options[f"{name}.backend"]))
        backend.load()
        stages[name] = cls(backend, cls.Options(**options[name]), backend_name=backend_name)
    pairs: Pairs = {}
    with TemporaryDirectory() as folder:
        for path, reference in clips.items():

            def save(name: str, audio: Any, clip_id: str = path.stem) -> str:
                file = f"{clip_id}.{name}.flac"
                (Path(folder) / file).write_bytes(encode_flac(audio))
                return file

            clip = Clip(path.stem, "benchmark", "test", str(path))
            view = ClipContext(clip, Path(folder), save_stem=save)
            _, info = read(path)
            scene = Scene(clip, info)
            for name, stage in stages.items():
                if name not in ("separate", "diarize") and getattr(reference.truth, stage.layer) is None:
                    continue
                began = time.process_time()
                records = stage.run([view])[0]
                cpu[name] += time.process_time() - began
                layer: dict[str, Any] = {stage.layer: tuple(records)}
                scene = replace(scene, **layer)
                if name == "separate":
                    view.stems = records
                elif name == "diarize":
                    view.turns = records
            pairs[path.stem] = (scene, settled(reference, info.duration))
            print(f"\r{len(pairs)}/{len(clips)} clips", end="", file=sys.stderr)
    print(file=sys.stderr)
    return pairs, dict(cpu)


def halves(pairs: Pairs) -> dict[str, dict[str, Measure]]:
    """The measures over all clips, over the even ones and over the odd ones, in the order of names."""
    names = sorted(pairs)
    chosen = {"all": names, "even": names[::2], "odd": names[1::2]}
    return {part: score({name: pairs[name] for name in clips})[0] for part, clips in chosen.items()}


def rows_of(parts: dict[str, dict[str, Measure]]) -> Iterator[tuple[str, ...]]:
    """The rows of the table: a measure with its values over all, even and odd clips."""
    yield ("measure", *parts)
    for name, title in TITLES.items():
        if name in parts["all"]:
            shown = (
                measures[name].value if name in measures else float("nan") for measures in parts.values()
            )
            yield (name, *map(title.show, shown))


def parse_options(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Parses ``stage.option=value`` and ``stage.backend.option=value``; values are JSON or plain text."""
    options: dict[str, dict[str, Any]] = defaultdict(dict)
    for text in texts:
        place, _, value = text.partition("=")
        where, _, name = place.rpartition(".")
        try:
            options[where][name] = json.loads(value)
        except json.JSONDecodeError:
            options[where][name] = value
    if unknown := set(options) - set(STAGES) - {f"{name}.backend" for name in STAGES}:
        sys.exit(f"--option: no stage {', '.join(sorted(unknown))}; there are: {', '.join(STAGES)}")
    return options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--truth", type=Path, help="folder with audio and its ground truth")
    parser.add_argument("--option", action="append", default=[], metavar="STAGE[.backend].NAME=VALUE")
    parser.add_argument("--json", type=Path, help="write the result and all records to this file")
    args = parser.parse_args()
    if args.truth is None and "PAQA_TESTDATA" not in os.environ:
        sys.exit("name a folder with --truth, or set PAQA_TESTDATA")
    folder = args.truth or Path(os.environ["PAQA_TESTDATA"]) / "scenes"
    options = parse_options(args.option)
    require()
    pairs, cpu = hear(clips_of(folder, load_references(folder)), options)
    parts = halves(pairs)
    for row in rows_of(parts):
        print(f"{row[0]:<18}" + "".join(f"{cell:>9}" for cell in row[1:]))
    seconds = sum(scene.duration for scene, _ in pairs.values())
    rtf = {name: spent / seconds for name, spent in cpu.items()}
    print("CPU seconds per second of audio: " + ", ".join(f"{k} {v:.3f}" for k, v in rtf.items()))
    if args.json:
        result = {
            "clips": len(pairs),
            "seconds": round(seconds, 1),
            **{part: {name: m.value for name, m in measures.items()} for part, measures in parts.items()},
            "cpu_rtf": rtf,
            "records": [to_json(scene) for scene, _ in pairs.values()],
        }
        args.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
