"""Options of the language model: documentation and precedence."""

from __future__ import annotations

import re
from pathlib import Path

from paqa_builder.cli.common import configure
from paqa_builder.llm.options import LlmOptions, options_of

PAGE = Path(__file__).parents[2] / "docs/llm.md"


def test_every_option_is_documented() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert rows == {name: field.description for name, field in LlmOptions.model_fields.items()}


def test_flags_override_the_file_option_by_option(tmp_path: Path) -> None:
    file = tmp_path / "build.yaml"
    file.write_text("llm: {url: http://file/v1, propose: 2}\n")
    options = options_of(configure(config=file, llm={"url": "http://flag/v1"}))
    assert (options.url, options.propose, options.on) == ("http://flag/v1", 2, True)
    assert not options_of(configure()).on
