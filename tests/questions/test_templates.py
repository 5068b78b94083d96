"""Templates: their examples, and errors in template files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from paqa_builder.errors import ConfigError
from paqa_builder.questions import Template, load_templates
from paqa_builder.questions.catalogue import page
from paqa_builder.questions.examples import check_examples, run_example
from paqa_builder.questions.facts import Fact, kinds
from paqa_builder.questions.rendering import render
from paqa_builder.questions.templates import LEVELS, Example

TEMPLATES = load_templates()
CASES = [
    pytest.param(template, example, id=f"{template.name}-{n}")
    for template in TEMPLATES
    for n, example in enumerate(template.examples)
]


@pytest.mark.parametrize(("template", "example"), CASES)
def test_the_template_does_what_its_example_says(template: Template, example: Example) -> None:
    assert run_example(template, example) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_the_template_shows_asking_and_abstaining(template: Template) -> None:
    asks = [example.question is not None for example in template.examples]
    assert any(asks)
    assert not all(asks)


def test_a_wrong_example_is_reported() -> None:
    template = next(t for t in TEMPLATES if t.name == "event_first")
    example = template.examples[0]
    for change in ({"answer": "Rain"}, {"wrong": ["Dog"]}, {"question": None}, {"unsure": ["Rain"]}):
        assert run_example(template, example.model_copy(update=change)), change


def test_the_examples_of_further_templates_are_checked(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(data(), encoding="utf-8")
    check_examples([tmp_path])
    examples = [TEMPLATES[0].examples[0].model_copy(update={"answer": "Nobody"}).model_dump()]
    (tmp_path / "mine.yaml").write_text(data(examples=examples), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"template 'mine', example 1: .* Nobody: not asked"):
        check_examples([tmp_path])


def test_there_are_templates_on_every_level_and_for_every_fact() -> None:
    assert len(TEMPLATES) >= 20
    assert {template.level for template in TEMPLATES} == set(LEVELS)
    assert {template.fact for template in TEMPLATES} == set(kinds())


def data(**changes: object) -> str:
    return yaml.safe_dump({**TEMPLATES[0].model_dump(), "name": "mine", **changes})


def test_further_folders_are_read(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(data())
    names = [template.name for template in load_templates([tmp_path])]
    assert "mine" in names
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (data(colour="red"), "colour"),
        (data(fact="sound_presnt"), "Did you mean 'sound_present'"),
        (data(level="environment"), "level"),
        (data(phrasings=["one {{ speaker }}", "two", "three", "four", "five", "six"]), "unknown speaker"),
        (data(phrasings=["one {{ ", "two", "three", "four", "five", "six"]), "one {{"),
        (data(phrasings=["one", "two", "three", "four", "five"]), "phrasings"),
        (data(planning=["one"]), "planning"),
        (data(statement=["one", "two"]), "statement"),
        (data(phrasings=["one", "two", "three", "four", "five", "one"]), "equal"),
        (data(examples=[]), "examples"),
        (data(name=TEMPLATES[0].name), "already"),
        (data(name="Mine!"), "name"),
        ("name: [", "not YAML"),
    ],
)
def test_a_broken_template_is_refused_by_name(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_templates([tmp_path])
    assert "bad.yaml" in str(caught.value)
    assert problem in str(caught.value)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such"):
        load_templates([tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match=r"no \.yaml"):
        load_templates([tmp_path])


def test_templates_cannot_reach_outside_or_print_holes() -> None:
    for text in ("{{ ''.__class__.__mro__ }}", "{{ missing }}", "{{ words.append(1) }}"):
        with pytest.raises(ConfigError):
            render(text, {"words": []})


def test_braces_in_what_is_said_are_only_text() -> None:
    assert render("Who says {{ quote }}?", {"quote": "“{{ 7 * 7 }}”"}) == "Who says “{{ 7 * 7 }}”?"


def test_when_selects_facts() -> None:
    first = next(t for t in TEMPLATES if t.name == "event_first")
    assert first.asks(Fact("first", {"which": "first"}, "Dog"))
    assert not first.asks(Fact("last", {"which": "last"}, "Dog"))


def test_the_documented_template_works(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs" / "questions.md"
    text = docs.read_text(encoding="utf-8")
    (tmp_path / "documented.yaml").write_text(text.split("```yaml\n")[1].split("```")[0])
    (template,) = [t for t in load_templates([tmp_path]) if t.name == "event_opening"]
    assert [run_example(template, example) for example in template.examples] == [[], []]


def test_the_page_of_templates_is_up_to_date() -> None:
    text = (Path(__file__).parents[2] / "docs" / "templates.md").read_text(encoding="utf-8")
    assert text == page(TEMPLATES), "paqa ls templates --markdown > docs/templates.md"
    for name, of in kinds().items():
        slots = f" ({', '.join(of.slots)})" if of.slots else ""
        assert f"| `{name}`{slots} |" in text
