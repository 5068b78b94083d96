"""Documentation agrees with the code: configuration keys, links, paths, names, commands."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from paqa_builder import registry
from paqa_builder.cli import app
from paqa_builder.config import Config
from paqa_builder.questions import load_templates
from paqa_builder.questions.examples import run_example, scene_of
from paqa_builder.questions.facts import kind
from paqa_builder.questions.options import QaOptions, Thresholds
from paqa_builder.questions.reading.interpretation import Interpretation

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data_cards/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
FOLDERS = ("paqa_builder", "recipes", "tests", "docs", "benchmarks", "examples", "data_cards")
PATH = re.compile(rf"(?:(?:{'|'.join(FOLDERS)})/[\w./-]*|[\w./-]+\.py)")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def inline_code(page: Path) -> list[str]:
    """Texts in single backticks, without those in code blocks."""
    return CODE.findall(FENCE.sub("", page.read_text(encoding="utf-8")))


def commands(page: Path) -> Iterator[list[str]]:
    """Command lines in code blocks and in backticks, as words, without comments and what follows a pipe."""
    blocks = [body for language, body in FENCE.findall(page.read_text(encoding="utf-8")) if not language]
    for line in [*"".join(blocks).splitlines(), *inline_code(page)]:
        if re.match(r"(paqa|make|python) \S", line):
            yield shlex.split(re.split(r"[>;|]", line)[0], comments=True)


def test_every_configuration_key_is_documented() -> None:
    text = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (.*) \|$", text, re.MULTILINE))
    assert rows == {name: field.description for name, field in Config.model_fields.items()}


def test_every_source_is_documented() -> None:
    text = (ROOT / "docs/sources.md").read_text(encoding="utf-8")
    table = text.partition("| source |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(registry.BUILTIN["source"])


def test_every_option_of_questions_is_documented() -> None:
    text = (ROOT / "docs/questions.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.MULTILINE)
    named = {name for cell in cells for name in CODE.findall(cell)}
    assert named == {*QaOptions.model_fields, *Thresholds.model_fields}


def test_the_examples_of_the_questions_guide_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = dict(FENCE.findall((ROOT / "docs/questions.md").read_text(encoding="utf-8")))
    (tmp_path / "template.yaml").write_text(blocks["yaml"], encoding="utf-8")
    template = next(t for t in load_templates([tmp_path / "template.yaml"]) if t.name == "event_opening")
    assert not [problem for example in template.examples for problem in run_example(template, example)]

    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    (tmp_path / "longest_turn.py").write_text(blocks["python"], encoding="utf-8")
    registry.load_plugin(tmp_path / "longest_turn.py")
    scene = template.examples[0].scene.model_copy(update={"turns": [(0.0, 4.0, "S1"), (4.5, 6.0, "S2")]})
    (fact,) = kind("longest_turn").find(Interpretation(scene_of(scene)))
    assert fact.answer == "The first speaker"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 900


def test_the_readme_does_not_link_the_lab() -> None:
    assert "docs/lab" not in (ROOT / "README.md").read_text(encoding="utf-8")


@every_page
def test_links_inside_the_repository_exist(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:|mailto:)([^)]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, link


@every_page
def test_paths_exist(page: Path) -> None:
    for code in inline_code(page):
        if PATH.fullmatch(code):
            assert (ROOT / code).exists(), code


@every_page
def test_dotted_names_exist(page: Path) -> None:
    for code in inline_code(page):
        for name in re.findall(r"^(?:paqa_builder|recipes)(?:\.\w+)+", code):
            assert pkgutil.resolve_name(name) is not None, name


@every_page
def test_imports_of_the_package_resolve(page: Path) -> None:
    for language, body in FENCE.findall(page.read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(body if language == "python" else "")):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("paqa_builder"):
                module = importlib.import_module(str(node.module))
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


@every_page
def test_commands_exist(page: Path) -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    for tool, *words in commands(page):
        if tool == "make":
            assert {word for word in words if "=" not in word} <= {*targets}, words
        elif tool == "python":
            script = words[1].replace(".", "/") + ".py" if words[0] == "-m" else words[0]
            sources = [ROOT / script, *ROOT.glob("recipes/*.py")] if "recipes" in script else [ROOT / script]
            text = "".join(source.read_text(encoding="utf-8") for source in sources)
            assert all(f'"{word}"' in text for word in words if word.startswith("--")), words
        else:
            command = typer.main.get_command(app)
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
            flags = {
                flag for parameter in command.params for flag in [*parameter.opts, *parameter.secondary_opts]
            }
            used = {word.partition("=")[0] for word in words if re.match(r"-{1,2}[a-z]", word)}
            assert used <= {*flags, "--help", "--version"}, (tool, *words)
            assert command.name != "paqa" or used, words
