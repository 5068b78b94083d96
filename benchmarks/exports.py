"""Exports shards into every format, reads each back by its own library, and compares the rows.

::

    python benchmarks/exports.py shards                        # all formats, by what is installed
    python benchmarks/exports.py shards --to lhotse ms-swift
    python benchmarks/exports.py shards --features             # filter banks of all cuts by lhotse as well

Prints a table: format, library and version, rows, and whether they are those of the shards. Without the
library, the rows' keys are checked (``keys``), where there is such a check. llamafactory, ms-swift, lmms-eval
and label-studio-sdk are heavy: install each in an environment of its own. The exit code is 3 if any rows
differ.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from export_readers import toolkits, trainers
from export_readers.content import Content, equal, of_shards

from paqa_builder import registry
from paqa_builder.export import ExportOptions, export
from paqa_builder.export.layers import LAYERS, Layer
from paqa_builder.export.shards import splits_of

Reader = Callable[[Path], Content]
READERS: dict[str, list[tuple[str, Reader]]] = {
    "ms-swift": [("ms-swift", trainers.ms_swift), ("", trainers.ms_swift_rows)],
    "llama-factory": [("llamafactory", trainers.llama_factory), ("", trainers.llama_factory_rows)],
    "lmms-eval": [("lmms-eval", trainers.lmms_eval), ("", trainers.lmms_eval_rows)],
    "trl": [("trl", trainers.trl)],
    "moss": [("", trainers.moss)],
    "avqa": [("", trainers.avqa)],
    "audiomcq": [("", trainers.audiomcq)],
    "lhotse": [("lhotse", toolkits.lhotse)],
    "nemo": [("", toolkits.nemo)],
    "webdataset": [("webdataset", toolkits.webdataset)],
    "label-studio": [("label-studio-sdk", toolkits.label_studio), ("", toolkits.label_studio_tasks)],
    "textgrid": [("praat-parselmouth", toolkits.praat)],
    "eaf": [("pympi-ling", toolkits.pympi)],
    "audacity": [("", toolkits.audacity)],
    "rttm": [("pyannote.database", toolkits.rttm)],
    "ctm": [("lhotse", toolkits.ctm)],
    "jams": [("jams", toolkits.jams)],
}
"""Readers of each format with their packages, best first; an empty name is a check of keys."""

KINDS = {
    "lhotse": ["questions", "turns", "tags", "utterances", "words"],
    "nemo": ["turns", "utterances"],
    "label-studio": ["turns", "tags", "utterances"],
    "textgrid": ["turns", "tags", "utterances", "words"],
    "eaf": ["turns", "tags", "utterances", "words"],
    "audacity": ["turns", "tags", "utterances"],
    "rttm": ["turns"],
    "ctm": ["words"],
    "jams": ["turns", "tags", "utterances"],
}
"""Kinds of rows that a format has; ``questions`` for all others."""


def installed(package: str) -> str | None:
    """The version of a package; empty for a check of keys, None if it is not installed."""
    try:
        return version(package) if package else ""
    except PackageNotFoundError:
        return None


def read_back(shards: Path, name: str, folder: Path, layer: Layer = "best") -> tuple[str, int, bool]:
    """Exports a format, reads it and compares it.

    Returns:
        What read it, the number of rows, and whether they are those of the shards.
    """
    splits = tuple(splits_of(shards))
    export(shards, name, folder, ExportOptions(splits=splits, layer=layer))
    package, reader = next((p, r) for p, r in READERS[name] if installed(p) is not None)
    kinds = KINDS.get(name, ["questions"])
    wants_audio = getattr(registry.get("export", name), "audio", "none") != "none" or name == "webdataset"
    expected, found = (
        of_shards(shards, layer, audio=wants_audio, words=name in ("rttm", "nemo")),
        reader(folder / name),
    )
    by = f"{package} {installed(package)}" if package else "keys"
    return by, found.rows(kinds), equal(expected, found, kinds)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("shards", type=Path)
    parser.add_argument("--to", nargs="+", default=list(READERS), choices=list(READERS))
    parser.add_argument("--layer", default="best", choices=LAYERS)
    parser.add_argument("--features", action="store_true", help="compute filter banks of lhotse's cuts")
    options = parser.parse_args()
    print("| format | read back by | rows | equal | s |\n| --- | --- | --- | --- | --- |")
    good = True
    with tempfile.TemporaryDirectory(prefix="paqa-exports-") as temporary:
        for name in options.to:
            began = time.monotonic()
            try:
                by, rows, same = read_back(options.shards, name, Path(temporary), options.layer)
            except StopIteration:
                print(f"| {name} | not installed: {READERS[name][0][0]} | | | |", flush=True)
                continue
            good &= same
            verdict = "yes" if same else "NO"
            print(f"| {name} | {by} | {rows} | {verdict} | {time.monotonic() - began:.1f} |", flush=True)
        if options.features:
            export(options.shards, "lhotse", temporary)
            cuts, frames = toolkits.lhotse_features(Path(temporary) / "lhotse")
            print(f"\nlhotse: filter banks of {cuts} cuts, {frames} frames of 80 bands")
    sys.exit(0 if good else 3)


if __name__ == "__main__":
    main()
