"""Licences of a data set: the configuration nc, ATTRIBUTION.md, croissant.json, the card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import datasets
import pytest
from datasets import load_dataset
from helpers.dataset import BUILD, clip_file, questions_of, scene_of

from paqa_builder.dataset import lock
from paqa_builder.dataset.read import load_questions
from paqa_builder.dataset.write import write_shards
from paqa_builder.errors import ConfigError
from paqa_builder.records import Speaker

LICENSES = {
    "free": "CC0-1.0",
    "by": "CC-BY-4.0",
    "nc": "CC-BY-NC-3.0",
    "sa": "CC-BY-SA-4.0",
    "mixed": "CC-BY-4.0 AND CC-BY-NC-4.0",
    "mine": "unknown",
}


@pytest.fixture(autouse=True)
def _offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    items = []
    for name, text in LICENSES.items():
        scene = scene_of(clip_file(tmp_path / "audio", f"{name}.wav"))
        scene = replace(scene, clip=replace(scene.clip, license=text))
        items.append((scene, questions_of(scene)))
    write_shards(tmp_path / "out", items, {**BUILD, "speaker_names": "hash"})
    return tmp_path / "out"


class TestConfigurations:
    def test_known_licences_that_are_not_open_are_in_nc(self, out: Path) -> None:
        by_name = {name: load_dataset(str(out), name)["train"] for name in ("default", "nc")}
        assert set(by_name["default"]["clip_id"]) == {"free", "by", "mine"}
        assert set(by_name["nc"]["clip_id"]) == {"nc", "sa", "mixed"}
        assert set(load_dataset(str(out), "scenes")["train"]["clip_id"]) == set(LICENSES)

    def test_load_dataset_without_a_name_gives_no_restricted_clip(self, out: Path) -> None:
        assert set(load_dataset(str(out))["train"]["clip_id"]) == {"free", "by", "mine"}

    def test_all_questions_are_read_by_the_python_api(self, out: Path) -> None:
        clips = {question.id.split("-")[1] for question in load_questions(out)}
        assert clips == set(LICENSES)

    def test_the_card_says_what_is_restricted_and_what_is_unknown(self, out: Path) -> None:
        card = (out / "README.md").read_text()
        assert 'load_dataset("PATH_OR_REPO", "nc")' in card
        assert "**unknown licence**" in card
        assert "replaced by hashes" in card


class TestAttribution:
    def test_every_clip_is_listed_under_its_licence(self, out: Path) -> None:
        sections = (out / "ATTRIBUTION.md").read_text().split("\n## ")[1:]
        by_licence = {section.splitlines()[0]: section for section in sections}
        assert "- `by`: Jo" in by_licence["CC-BY-4.0"]
        assert "https://creativecommons.org/licenses/by/4.0/" in by_licence["CC-BY-4.0"]
        assert "- `mine`" in by_licence["Licence unknown"]
        assert "configuration `nc`" in by_licence["CC-BY-NC-3.0"]
        assert list(by_licence)[:2] == ["CC-BY-4.0", "CC0-1.0"]

    def test_markup_and_addresses_of_others_are_text(self, tmp_path: Path) -> None:
        scene = scene_of(clip_file(tmp_path / "audio", "a.wav"))
        clip = replace(scene.clip, attribution="<img src=x>\n# Big ![a](b)", source_url="javascript:alert(1)")
        write_shards(tmp_path / "out", [(replace(scene, clip=clip), [])], BUILD)
        text = (tmp_path / "out" / "ATTRIBUTION.md").read_text()
        assert "<img" not in text
        assert "\n# Big" not in text
        assert "javascript" not in text


class TestCroissant:
    def test_mlcroissant_reads_the_records(self, out: Path) -> None:
        mlcroissant = pytest.importorskip("mlcroissant")
        content = mlcroissant.Dataset(jsonld=str(out / "croissant.json"))
        assert not content.metadata.ctx.issues.errors
        counts = {found.id: len(list(content.records(found.id))) for found in content.metadata.record_sets}
        per_clip = len(list(load_questions(out))) // len(LICENSES)
        assert counts == {
            "default/train-00000-of-00001": 3 * per_clip,
            "nc/train-00000-of-00001": 3 * per_clip,
            "scenes/train-00000-of-00001": len(LICENSES),
        }

    def test_checksums_and_personal_data_are_stated(self, out: Path) -> None:
        content = json.loads((out / "croissant.json").read_text())
        written = lock.read(out)
        assert written is not None
        assert {f["contentUrl"]: f["sha256"] for f in content["distribution"]} == {
            file.path: file.sha256 for file in written.files
        }
        assert "speakers' names are hashed" in content["rai:personalSensitiveInformation"]

    def test_what_the_corpus_says_of_speakers_is_stated(self, tmp_path: Path) -> None:
        scene = scene_of(clip_file(tmp_path / "audio", "a.wav"))
        truth = replace(scene.clip.truth, speakers=(Speaker("S1", sex="female", age="34"),))
        scene = replace(scene, clip=replace(scene.clip, truth=truth))
        write_shards(tmp_path / "out", [(scene, [])], BUILD)
        content = json.loads((tmp_path / "out" / "croissant.json").read_text())
        assert "age of speakers in 1 clips" in content["rai:personalSensitiveInformation"]
        assert "sex (1 clips)" in (tmp_path / "out" / "README.md").read_text()


class TestFiles:
    @pytest.mark.parametrize("name", ["ATTRIBUTION.md", "croissant.json"])
    def test_a_file_of_another_program_is_not_overwritten(self, name: str, tmp_path: Path) -> None:
        out = tmp_path / "out"
        out.mkdir()
        (out / name).write_text("mine")
        with pytest.raises(ConfigError, match=name):
            write_shards(out, [], BUILD)
        assert (out / name).read_text() == "mine"

    @pytest.mark.parametrize("name", ["ATTRIBUTION.md", "croissant.json"])
    def test_an_edited_one_is_kept_aside(self, name: str, tmp_path: Path) -> None:
        out = tmp_path / "out"
        write_shards(out, [], BUILD)
        (out / name).write_text("mine")
        write_shards(out, [], {**BUILD, "seed": 1})
        kept = out / name.replace(".", ".old.")
        assert kept.read_text() == "mine"
        assert (out / name).read_text() != "mine"

    def test_a_lock_that_lists_other_documents_is_damaged(self, tmp_path: Path) -> None:
        write_shards(tmp_path, [], BUILD)
        content = json.loads((tmp_path / lock.LOCK).read_text())
        (tmp_path / lock.LOCK).write_text(json.dumps({**content, "documents": {"../x": "0"}}))
        with pytest.raises(Exception, match="documents"):
            lock.read(tmp_path)

    def test_a_lock_of_an_earlier_version_is_read(self, tmp_path: Path) -> None:
        write_shards(tmp_path, [], BUILD)
        content = json.loads((tmp_path / lock.LOCK).read_text())
        del content["documents"]
        (tmp_path / lock.LOCK).write_text(json.dumps(content))
        written = lock.read(tmp_path)
        assert written is not None
        assert set(written.all_documents) == {"README.md"}
