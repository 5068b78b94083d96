"""File names of clips: usable on every file system, and different for different clips."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paqa_builder.export.names import Names, tokens

TRAPS = ["a/b", "a_b", "A_b", "a b", "con", "nul.txt", "..", "", ".hidden", "é", "e\u0301", "-x", "x" * 300,
         "ß", "SS", "a\nb", "a:b", "x-0123456789", "名前", "COM1", "tab\there"]  # fmt: skip


def check(ids: list[str]) -> list[str]:
    names = [Names(ids).of(clip_id) for clip_id in ids]
    folded = [unicodedata.normalize("NFKC", name).casefold() for name in names]
    assert len(set(folded)) == len(ids)
    for name in names:
        assert re.fullmatch(r"[\w-]+", name)
        assert len(name.encode()) <= 100
        assert name.casefold() not in {"con", "nul", "com1"}
        assert not name.startswith("-")
    return names


def test_traps() -> None:
    names = check(TRAPS)
    assert names[TRAPS.index("名前")] == "名前"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.text(max_size=12), unique=True, max_size=20))
def test_any_ids(ids: list[str]) -> None:
    check(ids)


def test_a_plain_id_is_its_own_name() -> None:
    assert Names(["dev_000", "dia0_utt1", "64760"]).of("dev_000") == "dev_000"


@pytest.mark.parametrize("texts", [["S 1", "S_1", "S\t1"], ["", None, "unknown"], ["a;b", "a b"]])
def test_tokens_have_no_white_space_and_differ(texts: list[str | None]) -> None:
    words = tokens(texts)
    assert len(set(words.values())) == len(texts)
    assert all(re.fullmatch(r"[^\s;]+", word) for word in words.values())
