"""Grammar of traces: round trip, escaping, and reported violations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paqa_builder.questions.traces.grammar import (
    TAGS,
    Trace,
    TraceError,
    escape,
    parse,
    unescape,
    validate,
    write,
)

pieces = st.one_of(
    st.text(max_size=12),
    st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag}>" for tag in TAGS]),
    st.sampled_from(["&lt;", "&amp;", "&amp;lt;", "<", "&", ">", "&l", "lt;", "\n"]),
)
texts = st.lists(pieces, min_size=1, max_size=6).map("".join).filter(lambda text: text.strip() != "")
plain = {name: texts for name in Trace.__dataclass_fields__ if name not in ("reflect", "final_answer")}
traces = st.one_of(st.builds(Trace, **plain), st.builds(Trace, **plain, reflect=texts, final_answer=texts))

GOOD = write(Trace("plan", "dog", "one", "words", "all", "because", "short", "Dog"))


@given(traces)
def test_parse_is_the_inverse_of_write(trace: Trace) -> None:
    assert parse(write(trace)) == trace


@given(st.lists(pieces).map("".join))
def test_unescape_is_the_inverse_of_escape(text: str) -> None:
    assert unescape(escape(text)) == text
    assert "<" not in escape(text)


@given(st.lists(pieces, max_size=20).map("".join))
def test_any_text_is_parsed_or_rejected_with_a_reason(text: str) -> None:
    problems = validate(text)
    if problems:
        with pytest.raises(TraceError):
            parse(text)
    else:
        assert parse(write(parse(text))) == parse(text)


def test_ordinary_characters_are_not_escaped() -> None:
    assert escape("R&B > pop; AT&T") == "R&B > pop; AT&T"


def test_reflection_needs_both_of_its_parts() -> None:
    with pytest.raises(ValueError, match="both"):
        Trace("p", "e", "s", "a", "d", "r", "s", "x", reflect="hm")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("<ENV>dog</ENV>\n", ""), "<CAPTION> lacks <ENV>"),
        (("<ENV>dog</ENV>", "<ENV></ENV>"), "<ENV> is empty"),
        (("</THINK>", ""), "</THINK>|never closed|inside"),
        (("<SUMMARY>short</SUMMARY>", "<SUMMARY>short</SUMMARY><SUMMARY>x</SUMMARY>"), "a second <SUMMARY>"),
        (("<RESPONSE>Dog</RESPONSE>", ""), "the trace lacks <RESPONSE>"),
        (("<PLANNING>plan</PLANNING>", "plan"), "text outside the elements: 'plan'"),
        (("<REASONING>because", "<REASONING><ASR>because"), "<ASR> inside <REASONING>"),
        (("<REASONING>because", "<REASONING>because <B>"), "unknown tag <B>"),
        (("<RESPONSE>", "<REFLECT>hm</REFLECT><RESPONSE>"), "come together"),
        (("</RESPONSE>", "</RESPONSE> and so on"), "text outside the elements: 'and so on'"),
        (
            ("<SPEAKER>one</SPEAKER>\n<ASR>words</ASR>", "<ASR>words</ASR>\n<SPEAKER>one</SPEAKER>"),
            "the order is",
        ),
        (
            ("<DESCRIPTION>all</DESCRIPTION>\n</CAPTION>", "</CAPTION>\n<DESCRIPTION>all</DESCRIPTION>"),
            "belong",
        ),
    ],
)
def test_each_broken_rule_is_named(change: tuple[str, str], problem: str) -> None:
    import re

    broken = GOOD.replace(*change)
    assert broken != GOOD
    assert any(re.search(problem, found) for found in validate(broken)), validate(broken)


def test_a_problem_says_where_it_is() -> None:
    assert "line 2, column 1" in validate(GOOD.replace("<PLANNING>plan</PLANNING>", "<PLAN>plan</PLAN>"))[0]


def test_the_empty_text_lacks_everything() -> None:
    assert "the trace lacks <THINK>" in validate("")
