"""Mistakes that all corpora on disk share: the wrong folder, hidden files, names that lead elsewhere."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from helpers.source_contract import listed

from paqa_builder.config import load
from paqa_builder.errors import SourceError
from paqa_builder.pipeline import plan
from paqa_builder.sources.nearby import nearby

TREES = {
    "audioset": "test_audioset.py:tree", "avqa": "test_avqa.py:tree", "clotho": "test_clotho.py:tree",
    "common_voice": "test_common_voice.py:tree", "crema_d": "test_emotional_speech.py:crema_d",
    "ravdess": "test_emotional_speech.py:ravdess", "esc50": "test_esc50.py:tree",
    "librispeech": "test_librispeech.py:tree", "ami": "test_meetings.py:ami",
    "voxconverse": "test_meetings.py:voxconverse", "meld": "test_meld.py:tree", "musan": "test_musan.py:tree",
}  # fmt: skip
URBAN = "slice_file_name,fsID,salience,fold,class"
COVOST = "path\tsentence\ttranslation\tclient_id"


@pytest.fixture(params=sorted(TREES))
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """The name of a source, and the small tree of its own test."""
    file, function = TREES[request.param].split(":")
    make = runpy.run_path(str(Path(__file__).parent / file))[function]
    return request.param, make(tmp_path / "data" / "corpora" / "tree")


def planned(name: str, root: Path, out: Path) -> None:
    plan.make(load({"source": name, "root": root, "out": out, "preset": "fake"}), save=False)


def test_a_folder_near_the_root_is_answered_with_the_root(corpus: tuple[str, Path], tmp_path: Path) -> None:
    name, root = corpus
    inner = next(path for path in sorted(root.iterdir()) if path.is_dir())
    wrong = [root.parent, root.parent.parent, inner / "empty"]
    wrong[-1].mkdir()
    for folder in wrong:
        with pytest.raises(SourceError) as caught:
            planned(name, folder, tmp_path / "out")
        fix = str(caught.value.fix).removeprefix("--root ")
        assert Path(fix).is_dir(), str(caught.value)
        planned(name, Path(fix), tmp_path / "out")


def test_hidden_files_of_other_systems_change_nothing(corpus: tuple[str, Path]) -> None:
    name, root = corpus
    clips = listed(name, root)
    for path in [*root.rglob("*")]:
        if path.is_file():
            path.with_name(f"._{path.name}").write_bytes(b"\0\5\x16\7Mac OS X")
        else:
            (path / ".DS_Store").write_bytes(b"\0\1")
    (root / ".DS_Store").write_bytes(b"\0\1")
    assert listed(name, root) == clips


def test_no_folder_is_named_where_none_is_near(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c" / "d").mkdir(parents=True)
    (tmp_path / "table.csv").touch()
    assert nearby(tmp_path / "a" / "b" / "c", ["table.csv"]) is None
    assert nearby(tmp_path, ["table.csv"]) is None
    assert nearby(tmp_path / "a" / "b", ["table.csv"]) == tmp_path
    assert nearby(tmp_path / "a", []) is None


@pytest.mark.parametrize(
    ("name", "path", "text"),
    [
        ("urbansound8k", "metadata/UrbanSound8K.csv", f"{URBAN}\n../../x.wav,1,1,1,siren\n"),
        ("covost2", "covost_v2.de_en.test.tsv", f"{COVOST}\n../../x\tJa.\tYes.\ta\n"),
        ("fsd50k", "FSD50K.ground_truth/eval.csv", "fname,labels,mids\n../../x,Bark,/m/05tny_\n"),
        ("librispeech", "dev-clean/1/2/1-2.trans.txt", "1-2-/../../../x YES\n"),
    ],
)  # fmt: skip
def test_names_in_tables_do_not_lead_out_of_the_corpus(
    name: str, path: str, text: str, tmp_path: Path
) -> None:
    table = tmp_path / path
    table.parent.mkdir(parents=True, exist_ok=True)
    table.write_text(text)
    (tmp_path / "FSD50K.eval_audio").mkdir()
    (tmp_path / "SPEAKERS.TXT").write_text("")
    options = {"subsets": ["eval"]} if name == "fsd50k" else {}
    with pytest.raises(SourceError, match=r"is no file name|not of the form") as caught:
        listed(name, tmp_path, **options)
    assert table.name in str(caught.value)
