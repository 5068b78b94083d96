"""Text of foreign data on the terminal."""

from __future__ import annotations

import json
import logging

import pytest
from rich.table import Table

from paqa_builder.text.terminal import Terminal, as_json, line
from paqa_builder.text.visible import show_log, visible

HOSTILE = "\x1b[31mred\x07 \x9b2J \u202e [bold]x[/] [link=file:///x]l[/link] [/] \\ :smile: \ud800"
SHOWN = "\\x1b[31mred\\x07 \\x9b2J \\u202e [bold]x[/] [link=file:///x]l[/link] [/] \\ :smile: \\ud800"


def test_characters_with_an_effect_are_shown_as_escapes() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("ä 漢字 é\n\t👩‍👩‍👧") == "ä 漢字 é\n\t👩‍👩‍👧"


def test_strings_titles_and_cells_are_printed_as_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    terminal = Terminal()
    table = Table(title=HOSTILE, caption=HOSTILE)
    table.add_column(HOSTILE, no_wrap=True)
    table.add_row(HOSTILE)
    terminal.print(HOSTILE, table, line((HOSTILE, "bold"), " and ", HOSTILE))
    assert capsys.readouterr().out.count(SHOWN) == 7


def test_a_line_stays_one_line() -> None:
    assert line("a\nb", ("c\nd", "red")).plain == "a\\nbc\\nd"


def test_json_has_the_same_data() -> None:
    text = as_json({HOSTILE: [HOSTILE]})
    assert visible(text) == text
    assert json.loads(text) == {HOSTILE: [HOSTILE]}


def test_the_log_is_shown_as_text_without_secrets(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "lastResort", None)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    show_log()
    logging.getLogger("paqa_builder.x").warning("%s Bearer abcdefgh", HOSTILE)
    assert capsys.readouterr().err == f"{SHOWN} Bearer …\n"
