"""The sources ``covost2`` and ``urbansound8k`` on small trees, and on real rows where they are."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from paqa_builder import registry
from paqa_builder.errors import SourceError
from paqa_builder.labels import audioset
from paqa_builder.sources import settle_truth
from paqa_builder.sources.covost2 import Covost2, Covost2Options
from paqa_builder.sources.urbansound8k import LABELS, UrbanSound8k, UrbanSound8kOptions

HEAD = "path\tsentence\ttranslation\tclient_id\n"


@pytest.fixture
def covost(tmp_path: Path) -> Path:
    rows = 'common_voice_de_1.mp3\tEr sagte "Nein", und ging.\tHe said "no" and left.\tab12\n'
    (tmp_path / "covost_v2.de_en.train.tsv").write_text(HEAD + rows)
    (tmp_path / "covost_v2.de_en.dev.tsv").write_text(
        f"{HEAD}common_voice_de_2\tGuten Tag.\tGood day.\tcd34\n"
    )
    (tmp_path / "covost_v2.zh-CN_en.test.tsv").write_text(f"{HEAD}common_voice_zh_3\t你好。\tHello.\tef56\n")
    (tmp_path / "notes.txt").write_text("not one of them")
    return tmp_path


def test_covost_gives_sentence_language_and_translation(covost: Path) -> None:
    clips = {clip.id: clip for clip in Covost2(covost).clips()}
    assert {name: clip.split for name, clip in clips.items()} == {
        "common_voice_de_1": "train", "common_voice_de_2": "validation", "common_voice_zh_3": "test",
    }  # fmt: skip
    one = clips["common_voice_de_1"]
    assert one.path == str(covost / "clips" / "common_voice_de_1.mp3")
    assert one.license == "CC0-1.0"
    assert [group.partition(":")[0] for group in one.groups] == ["speaker"]
    truth = settle_truth(one.truth, 4.2)
    (said,) = truth.utterances or ()
    assert (said.text, said.language) == ('Er sagte "Nein", und ging.', "de")
    assert (said.translation, said.translation_language) == ('He said "no" and left.', "en")
    assert (said.start, said.end, said.speaker) == (0.0, 4.2, None)
    assert truth.turns is None
    assert ((clips["common_voice_zh_3"].truth.utterances or ())[0]).language == "zh"


def test_covost_joins_a_published_table_with_common_voice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "covost_v2.de_en.tsv").write_text(
        "path\ttranslation\tsplit\na.mp3\tGood day.\tdev\nb.mp3\tYes.\ttrain\nc.mp3\tNo.\ttest\n"
    )
    with pytest.raises(SourceError, match="has no sentences") as missing:
        list(Covost2(tmp_path).clips())
    assert "Common Voice 4 (de)" in str(missing.value)
    (tmp_path / "de").mkdir()
    (tmp_path / "de/validated.tsv").write_text(
        "client_id\tpath\tsentence\tage\nx\tb.mp3\tJa.\t\ny\tother.mp3\tNie.\t\ny\ta.mp3\tGuten Tag.\t\n"
    )
    clips = list(Covost2(tmp_path).clips())
    assert [(clip.id, clip.split) for clip in clips] == [("b", "train"), ("a", "validation")]
    (said,) = clips[1].truth.utterances or ()
    assert (said.text, said.translation) == ("Guten Tag.", "Good day.")
    assert "1 rows are not in" in caplog.text
    (tmp_path / "covost_v2.de_en.dev.tsv").write_text(f"{HEAD}a.mp3\tGuten Tag.\tGood day.\ty\n")
    assert [clip.id for clip in Covost2(tmp_path).clips()] == ["a"]


def test_covost_lists_the_chosen_pairs(covost: Path) -> None:
    assert len(list(Covost2(covost, Covost2Options(pairs=("de_en",))).clips())) == 2
    with pytest.raises(SourceError, match="fr_en") as caught:
        list(Covost2(covost, Covost2Options(pairs=("fr_en",))).clips())
    assert "de_en" in str(caught.value)


def test_covost_names_the_option_for_a_clip_in_two_languages(covost: Path) -> None:
    (covost / "covost_v2.de_fr.dev.tsv").write_text(f"{HEAD}common_voice_de_2\tGuten Tag.\tBonjour.\tcd34\n")
    with pytest.raises(SourceError, match="pairs"):
        list(Covost2(covost).clips())


@pytest.mark.parametrize(
    ("text", "problem"),
    [("path\tsentence\n1\tx\n", "translation"), (f"{HEAD}1\tx\n", "fields"), (f"{HEAD}1\t\ty\tz\n", "empty")],
)
def test_covost_refuses_broken_tables(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "covost_v2.de_en.dev.tsv").write_text(text)
    with pytest.raises(SourceError, match=problem):
        list(Covost2(tmp_path).clips())
    with pytest.raises(SourceError, match="covost_v2"):
        list(Covost2(tmp_path.parent).clips())


@pytest.mark.testdata
def test_covost_on_real_rows(tmp_path: Path, testdata: Path) -> None:
    (sample,) = (testdata / "corpora" / "covost2").glob("*.tsv")
    with sample.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    # The sample is a manifest for training: the same clips and translations in other columns.
    lines = [f"{row['id']}\t(sentence)\t{row['tgt_text']}\tx\n" for row in rows]
    (tmp_path / "covost_v2.en_de.dev.tsv").write_text(HEAD + "".join(lines), encoding="utf-8")
    clips = list(Covost2(tmp_path).clips())
    assert len(clips) == len(rows) >= 99
    assert [(c.truth.utterances or ())[0].translation for c in clips] == [r["tgt_text"].strip() for r in rows]


US8K = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"


def test_urbansound_gives_labels_of_audioset(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    table = tmp_path / "metadata" / "UrbanSound8K.csv"
    rows = [f"{n}-3-0-0.wav,{n},0.0,0.3,1,{fold},3,{label}\n" for n, fold, label in (
        (10, 5, "dog_bark"), (11, 9, "siren"), (12, 10, "drilling"))]  # fmt: skip
    table.write_text(US8K + "".join(rows))
    clips = list(UrbanSound8k(tmp_path).clips())
    assert [(c.id, c.split) for c in clips] == [
        ("10-3-0-0", "train"), ("11-3-0-0", "validation"), ("12-3-0-0", "test"),
    ]  # fmt: skip
    assert [[t.label for t in c.truth.tags or ()] for c in clips] == [["Bark"], ["Siren"], ["Drill"]]
    assert not any(clip.truth.tags_complete for clip in clips)
    assert [clip.groups for clip in clips] == [("recording:10",), ("recording:11",), ("recording:12",)]
    assert clips[0].path == str(tmp_path / "audio" / "fold5" / "10-3-0-0.wav")
    for row in ("1.wav,1,0,1,1,11,3,siren\n", "1.wav,1,0,1,1,1,3,whistle\n"):
        table.write_text(US8K + row)
        with pytest.raises(SourceError, match="row 2"):
            list(UrbanSound8k(tmp_path).clips())
    with pytest.raises(SourceError, match="UrbanSound8K"):
        list(UrbanSound8k(tmp_path / "metadata").clips())


def test_urbansound_lists_the_chosen_salience(tmp_path: Path) -> None:
    (tmp_path / "metadata").mkdir()
    table = tmp_path / "metadata" / "UrbanSound8K.csv"
    table.write_text(f"{US8K}1-3-0-0.wav,1,0,1,1,1,3,siren\n2-3-0-0.wav,2,0,1,2,1,3,siren\n")
    assert [clip.id for clip in UrbanSound8k(tmp_path).clips()] == ["1-3-0-0", "2-3-0-0"]
    options = UrbanSound8kOptions(salience=("background",))
    assert [clip.id for clip in UrbanSound8k(tmp_path, options).clips()] == ["2-3-0-0"]
    table.write_text(f"{US8K}1-3-0-0.wav,1,0,1,3,1,3,siren\n")
    with pytest.raises(SourceError, match="column 'salience': '3'"):
        list(UrbanSound8k(tmp_path).clips())


def test_the_labels_are_audiosets() -> None:
    assert set(LABELS.values()) <= set(audioset.labels())


@pytest.mark.testdata
def test_urbansound_on_the_official_table(testdata: Path) -> None:
    clips = list(UrbanSound8k(testdata / "corpora" / "UrbanSound8K").clips())
    assert clips
    assert any(Path(clip.path).is_file() for clip in clips)


def test_they_are_in_the_registry_and_have_a_card() -> None:
    names = {entry.name for entry in registry.entries("source")}
    cards = Path(__file__).parents[2] / "data_cards"
    for name in ("covost2", "urbansound8k"):
        assert name in names
        assert registry.get("source", name).name == name
        assert (cards / f"{name}.md").is_file()
