"""The card: YAML front matter for the Hub, and its text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.dataset import BUILD, clip_file, failed_scene, questions_of, scene_of

from paqa_builder import registry
from paqa_builder.dataset import card
from paqa_builder.dataset.lock import ShardFile
from paqa_builder.dataset.summary import Summary
from paqa_builder.dataset.write import write_shards

FILES = [
    ShardFile("data/test-00000-of-00001.parquet", 1, 1, ""),
    ShardFile("data/train-00000-of-00002.parquet", 1, 1, ""),
    ShardFile("data/train-00001-of-00002.parquet", 1, 1, ""),
    ShardFile("scenes/train-00000-of-00001.parquet", 1, 1, ""),
]


def front(summary: Summary, files: list[ShardFile] = FILES) -> dict[str, Any]:
    return yaml.safe_load(card.front_matter(summary, files))


def written(out: Path) -> tuple[dict[str, Any], str]:
    _, yaml_text, text = (out / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(yaml_text), text


def test_entropy_of_the_templates() -> None:
    summary = Summary()
    assert summary.entropy == 0
    summary.templates.update({"a": 5})
    assert summary.entropy == 0
    summary.templates.update({"b": 5, "c": 5, "d": 5})
    assert summary.entropy == pytest.approx(2)


class TestFrontMatter:
    def test_only_splits_that_exist_are_declared(self) -> None:
        content = front(Summary())["configs"][0]["description"]
        assert front(Summary())["configs"] == [
            {
                "config_name": "default",
                "description": content,
                "default": True,
                "data_files": [
                    {"split": "train", "path": "data/train-*.parquet"},
                    {"split": "test", "path": "data/test-*.parquet"},
                ],
            },
            {
                "config_name": "scenes",
                "description": content,
                "data_files": [{"split": "train", "path": "scenes/train-*.parquet"}],
            },
        ]

    def test_other_content_has_another_description(self) -> None:
        changed = [replace(FILES[0], sha256="1"), *FILES[1:]]
        before, after = (front(Summary(), files)["configs"][0]["description"] for files in (FILES, changed))
        assert before.startswith("content ")
        assert before != after

    @pytest.mark.parametrize(
        ("licenses", "expected"),
        [
            ({"CC-BY-4.0": 3}, {"license": "cc-by-4.0"}),
            ({"unknown": 3}, {"license": "unknown"}),
            ({"CC-BY-4.0": 3, "CC0-1.0": 1}, {"license": "other", "license_name": "per-clip"}),
            ({"https://example.org/terms": 1}, {"license": "other", "license_name": "per-clip"}),
        ],
    )
    def test_one_licence_is_named_and_several_are_other(
        self, licenses: dict[str, int], expected: dict[str, str]
    ) -> None:
        summary = Summary()
        summary.licenses.update(licenses)
        assert {key: front(summary).get(key) for key in ("license", "license_name")} == {
            "license_name": None, **expected,
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("count", "size"),
        [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (250_000, "100K<n<1M"), (10**7, "n>10M")],
    )
    def test_size_by_questions(self, count: int, size: str) -> None:
        summary = Summary()
        summary.questions["train"] = count
        assert front(summary)["size_categories"] == [size]

    def test_a_rare_language_is_not_claimed(self) -> None:
        summary = Summary()
        summary.languages.update({"en": 99, "de": 30, "cy": 1})
        assert front(summary)["language"] == ["de", "en"]
        assert "language" not in front(Summary())


class TestText:
    def test_the_card_states_the_content_of_the_data_set(self, tmp_path: Path) -> None:
        scenes = [
            scene_of(clip_file(tmp_path, "a.wav")),
            scene_of(clip_file(tmp_path, "b.wav"), split="test", terms="CC-BY-4.0"),
        ]
        items = [(scene, questions_of(scene)) for scene in scenes]
        write_shards(tmp_path / "out", [*items, (failed_scene(), [])], BUILD)
        yaml_part, text = written(tmp_path / "out")
        assert yaml_part["license"] == "other"
        assert "6 multiple-choice questions about 2 audio clips." in text
        assert "| train | 2 | 0.00 | 3 |" in text
        assert "| test | 1 | 0.00 | 3 |" in text
        assert "| background | 6 |" in text
        assert "2. Siren ← answer" in text
        assert "````text\n<THINK>…```code```…</THINK>\n````" in text
        assert "| tag: Siren | tag (fake) | 0.00 | 0.40 | 0.70 |" in text
        assert "| diarize | fake | 1 |" in text
        assert "| the corpus's own annotation | made_up | 1 |" in text
        assert "| CC-BY-4.0 | 1 |" in text
        assert "1 of 3 clips failed in some stage (read: 1)." in text
        assert "Clips without a question have no audio here" in text
        assert "\n\n\n" not in text

    def test_titles_and_corpus_texts_are_not_rendered_as_templates(self, tmp_path: Path) -> None:
        write_shards(tmp_path / "out", [], {"title": "{{ 7 * 7 }} | *"}, about="{% raw %}")
        _, text = written(tmp_path / "out")
        assert "# {{ 7 \\* 7 }} \\| \\*" in text
        assert "{% raw %}" in text

    def test_foreign_text_is_neither_html_nor_an_image_nor_an_escape(self, tmp_path: Path) -> None:
        hostile = (
            "<img src=x onerror=alert(1)> ![i](http://x/i.png) [l](http://x) &lt; a|b \x1b[31m `c`\n# h *b*"
        )
        scene = scene_of(clip_file(tmp_path, "a.wav"), terms=hostile)
        asked = [
            replace(q, question=hostile, choices=(hostile, *q.choices[1:]), trace=f"<THINK>{hostile}\n```")
            for q in questions_of(scene)
        ]
        write_shards(tmp_path / "out", [(scene, asked)], BUILD)
        _, text = written(tmp_path / "out")
        outside = "".join(text.split("````")[::2])
        shown = "&lt;img src=x onerror=alert(1)> !\\[i\\](http://x/i.png) \\[l\\](http://x) &amp;lt; a\\|b "
        assert outside.count(shown + "\\\\x1b\\[31m \\`c\\` # h \\*b\\*") == 3
        assert "<" not in outside
        assert "\x1b" not in text

    def test_scenes_with_audio_leave_no_clip_without(self, tmp_path: Path) -> None:
        items = [(scene_of(clip_file(tmp_path, "a.wav")), [])]
        write_shards(tmp_path / "out", items, BUILD, scenes_audio=True)
        assert "have no audio here" not in written(tmp_path / "out")[1]


class TestCorpusCards:
    def test_every_built_in_source_has_one(self) -> None:
        for entry in registry.entries("source"):
            if not entry.plugin:
                about = card.about_source(entry.name)
                assert len(about) > 100
                assert not about.startswith("#")

    def test_a_plugin_needs_none(self) -> None:
        assert card.about_source("nobody's_corpus") == ""

    def test_it_is_part_of_the_card(self, tmp_path: Path) -> None:
        scene = scene_of(clip_file(tmp_path, "a.wav"))
        clip = type(scene.clip)(id="a", source="fsd50k", split="train", path=scene.clip.path)
        write_shards(tmp_path / "out", [(type(scene)(clip, scene.audio), [])], BUILD)
        assert "IEEE/ACM Transactions" in written(tmp_path / "out")[1]
