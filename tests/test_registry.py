"""Names, plugins, suggestions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paqa_builder import registry
from paqa_builder.check.proof import prove
from paqa_builder.config import load
from paqa_builder.errors import ConfigError, SourceError
from paqa_builder.pipeline import build, plan
from paqa_builder.questions import facts

TAGGER = """
from paqa_builder.backends import Tagger

class {name}(Tagger):
    revision = "1"
    def tag(self, heard):
        return []
"""


@pytest.fixture(autouse=True)
def _forget_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))


def test_every_builtin_is_there() -> None:
    for entry in registry.entries():
        if not entry.plugin:
            assert registry.get(entry.kind, entry.name).__doc__


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from paqa_builder import registry; registry.entries(); "
        "print([m for m in ('torch', 'numpy', 'pyarrow', 'pandas', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_typo_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'yamnet'"):
        registry.get("tag", "yamnit")


def test_a_plugin_file_registers_under_its_class_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(TAGGER.format(name="QuietTagger"))
    (entry,) = registry.load_plugin(path)
    assert (entry.kind, entry.name, entry.plugin) == ("tag", "quiet_tagger", True)
    assert registry.get("tag", "quiet_tagger")().tag(None) == []
    assert registry.load_plugin(path) == [entry]


def test_a_plugin_source_without_a_name_gets_its_class_name(tmp_path: Path) -> None:
    path = tmp_path / "corpus.py"
    path.write_text(
        "from paqa_builder.sources import Source\n\n"
        "class NamelessCorpus(Source):\n    def clips(self):\n        raise KeyError('label')\n"
    )
    registry.load_plugin(path)
    assert registry.get("source", "nameless_corpus")(tmp_path).origin.backend == "nameless_corpus"
    config = load({"source": "nameless_corpus", "root": tmp_path, "preset": "fake"})
    with pytest.raises(SourceError, match="KeyError: 'label'"):
        plan.make(config, save=False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x = 1", "defines no Source"),
        ("import nonsense_module", "nonsense_module"),
        ("def broken(:", "SyntaxError"),
        (TAGGER.format(name="Yamnet"), "already taken"),
    ],
)
def test_bad_plugins_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        registry.load_plugin(path)


def test_a_missing_plugin_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        registry.load_plugin(tmp_path / "none.py")


FACT = '''
import os
from pathlib import Path

from paqa_builder.questions.facts import Verdict
from paqa_builder.questions.facts.bases import Subject, YesNoKind

class LongClip(YesNoKind):
    """Whether a clip lasts a second or more."""

    needs = ("turns",)

    def subjects(self, reading):
        Path(__file__).with_name(f"asked-by-{os.getpid()}").touch()
        return [Subject()]

    def decide(self, reading, about):
        return Verdict(reading.duration >= 1, "The clip has a length.", reading.layer("turns"))
'''
TEMPLATE = """
name: long_clip
level: both
skill: length
fact: long_clip
phrasings: [Is it long?, Does it last?, Is it a long clip?, Is the clip long?, Does the clip last?, Is it so?]
planning: [I look at its length., I compare its length.]
statement: ["{{ answer }}, it is", "the answer is {{ answer }}", "so {{ answer }}"]
examples: [{scene: {turns: [[0, 1, S1]]}, question: Is it long?, answer: "Yes", wrong: ["No"]}]
"""
REWARD = """
import paqa_builder as paqa

@paqa.reward
def short(completions, rows, tokens=None):
    return [float(len(text) < 9) for text in completions]
"""


def test_workers_load_a_plugin_with_a_fact_kind(corpus: Path, tmp_path: Path) -> None:
    plugin, template = tmp_path / "fact.py", tmp_path / "long_clip.yaml"
    plugin.write_text(FACT)
    template.write_text(TEMPLATE)
    config = load(
        {
            "source": "folder", "root": corpus, "out": tmp_path / "shards", "preset": "fake", "jobs": 2,
            "part_size": 2, "executor": "processes", "plugins": [plugin], "templates": [template],
            "questions": {"balance": False},
        }
    )  # fmt: skip
    report = build.build(config)
    assert report.summary.templates["long_clip"]
    askers = {int(path.name.rpartition("-")[2]) for path in tmp_path.glob("asked-by-*")}
    assert askers - {os.getpid()}  # other processes asked, too
    assert prove(config.out, [template], plugins=[plugin]).good


def test_a_plugin_adds_a_reward(tmp_path: Path) -> None:
    path = tmp_path / "brevity.py"
    path.write_text(REWARD)
    (entry,) = registry.load_plugin(path)
    assert (entry.kind, entry.name) == ("reward", "short")
    assert registry.get("reward", "short")(["yes", "a long answer"], []) == [1.0, 0.0]


def test_a_plugin_cannot_take_the_name_of_a_built_in_fact(tmp_path: Path) -> None:
    path = tmp_path / "clash.py"
    path.write_text(FACT.replace("LongClip", "QuietStretch"))
    facts.kinds()
    with pytest.raises(ConfigError, match="'quiet_stretch' is already taken"):
        registry.load_plugin(path)
