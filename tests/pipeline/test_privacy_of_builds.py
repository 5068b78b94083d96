"""Nothing of the builder's machine and no secret in what is published."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from paqa_builder.config import Config
from paqa_builder.pipeline import build as building
from paqa_builder.records import Failure


def test_no_folder_of_the_machine_is_published(
    fake_config: Callable[..., Config], corpus: Path, tmp_path: Path
) -> None:
    root = tmp_path / "home of alice" / "x"
    root.mkdir(parents=True)
    shutil.copy(next(path for path in corpus.rglob("*.wav") if path.stat().st_size), root / "good.wav")
    (root / "broken.wav").write_bytes(b"RIFFxxxx")
    options = {"attribution": "of a friend", "license": f"{tmp_path}/terms of alice.txt"}
    settings = fake_config(root=root, source_options=options)
    report = building.build(settings)
    assert [clip for clip, _ in report.failures] == ["broken"]
    assert "broken.wav" in report.failures[0][1].message
    texts = [
        path.read_bytes().decode() for path in (settings.out / "README.md", settings.out / "paqa.lock.json")
    ]
    for path in settings.out.glob("*/*.parquet"):
        names = [name for name in pq.read_schema(path).names if name not in ("license", "audio")]
        texts.append(str(pq.read_table(path, columns=names).to_pylist()))
    assert str(tmp_path) not in "".join(texts[1:])
    assert str(tmp_path) not in "".join(failure.message for _, failure in report.failures)


def test_the_message_of_a_failure_has_no_folder_and_no_secret() -> None:
    failure = Failure("tag", "OSError", "/home/alice/m.onnx: http://a:b@c/ says Bearer abcdefg")
    assert failure.message == "m.onnx: http://…@c/ says Bearer …"
