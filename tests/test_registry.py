"""Names, plugins, suggestions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from paqa_builder import registry
from paqa_builder.config import load
from paqa_builder.errors import ConfigError, SourceError
from paqa_builder.pipeline import plan

TAGGER = """
from paqa_builder.backends import Tagger

class {name}(Tagger):
    revision = "1"
    def tag(self, heard):
        return []
"""


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
