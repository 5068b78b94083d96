"""Texts of templates filled in with and without Jinja."""

from __future__ import annotations

import pytest
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from paqa_builder.errors import ConfigError
from paqa_builder.questions import load_templates
from paqa_builder.questions.rendering import compiled, render, undeclared

JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
TEXTS = [
    "Who says {{ quote }}?",
    "{{ answer }}, {{ one }} is {{ 'faster' if answer == 'yes' else 'slower' }}",
    "{{ answer | capitalize }} it is",
    "{% if answer == 'yes' %}so{% else %}not so{% endif %}",
    "{# a comment #}{{ one }}{{ 7 * 6 }} {{ none }} {{ 1.50 }}",
    "{{ '{{' }} stays",
    "{{ 'a' if answer == one else other }}",
]


@pytest.mark.parametrize("answer", ["yes", "no", "<b>&amp;", "“{{ one }}”"])
def test_every_text_is_filled_in_as_jinja_does(answer: str) -> None:
    built_in = [
        text for t in load_templates() for text in (*t.phrasings, *t.planning, *t.statement) if "{" in text
    ]
    for text in (*TEXTS, *built_in):
        slots = {name: f"the {name}" for name in undeclared(text)} | {"answer": answer}
        expected = JINJA.from_string(text).render(**slots)
        assert render(text, slots) == expected
        assert compiled(text).gives(expected, slots)
        assert not compiled(text).gives(expected + "x", slots)


@pytest.mark.parametrize(
    "text", ["{{ one }} and {{ two }}", "{{ one if two == 'a' else one }}", "{{ two | upper }}"]
)
def test_an_undefined_slot_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="two"):
        render(text, {"one": 1})


def test_a_text_that_is_no_template_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no template"):
        render("{{ no template", {})
