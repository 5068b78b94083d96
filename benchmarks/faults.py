"""Long trials of faults: kills, races, full disks, damaged files, odd audio, hostile files.

::

    python benchmarks/faults.py                          # all sections
    python benchmarks/faults.py kills races --kills 50
    python benchmarks/faults.py models --models demo/audio --kills 10

Prints every promise when its trials are done, and a table of all at the end: how many trials each had, and
how many kept it. Below it are the trials that broke one. The exit code is 3 if there is any. Sections:

- ``kills``: builds that are killed and continued.
- ``models``: the same with the models of preset `cpu`, on a folder of audio; only with ``--models``.
- ``races``: two builds at once.
- ``disks``: full and read-only disks.
- ``states``: damaged files of the work folder and of the data set.
- ``decoding``: audio files whose headers are wrong, cut files, mutated files.
- ``hostile``: data sets, JSON, YAML and names made to harm.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fault_trials import decoding, disks, hostile, kills, races, states
from fault_trials.promise import Promise, table

Section = Callable[[Path, argparse.Namespace], Iterator[Promise]]
SECTIONS: dict[str, Section] = {
    "kills": lambda folder, options: kills.trials(folder, options.kills),
    "models": lambda folder, options: kills.trials_of_models(folder, options.kills, options.models),
    "races": lambda folder, options: races.trials(folder, options.races),
    "disks": lambda folder, options: disks.trials(folder),
    "states": lambda folder, options: states.trials(folder),
    "decoding": lambda folder, options: decoding.trials(folder, options.files),
    "hostile": lambda folder, options: hostile.trials(folder),
}


def main() -> None:
    """Runs the chosen sections and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"{', '.join(SECTIONS)}; all if none")
    parser.add_argument("--kills", type=int, default=50, help="kills per promise")
    parser.add_argument("--races", type=int, default=9, help="races per promise")
    parser.add_argument("--files", type=int, default=540, help="mutated audio files")
    parser.add_argument("--models", type=Path, help="folder of audio, for the section models")
    parser.add_argument("--lengths", action="store_true", help="also print the seconds of every audio file")
    options = parser.parse_args()
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"unknown sections: {', '.join(sorted(unknown))}")
    promises: list[Promise] = []
    with tempfile.TemporaryDirectory(prefix="paqa-faults-") as folder:
        for name in options.sections or SECTIONS:
            began = time.monotonic()
            for promise in SECTIONS[name](Path(folder) / name, options):
                promises.append(promise)
                kept = promise.trials - len(promise.broken)
                print(f"{name}: {kept} of {promise.trials} kept: {promise.text}", file=sys.stderr, flush=True)
                for broken in promise.broken:
                    print(f"{name}: {broken}", file=sys.stderr)
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        if options.lengths:
            lengths = decoding.table([decoding.length_of(Path(folder), name) for name in decoding.TRICKS])
            print(f"{lengths}\n")
    print(table(promises))
    for promise in promises:
        for broken in promise.broken:
            print(f"- {broken}")
    sys.exit(3 if any(promise.broken for promise in promises) else 0)


if __name__ == "__main__":
    main()
