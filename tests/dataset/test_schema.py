"""``docs/`` describes every column and record."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from paqa_builder import records
from paqa_builder.dataset import schema


class TestDocs:
    DOCS = Path(__file__).parents[2] / "docs"

    @pytest.mark.parametrize(
        ("heading", "columns"), [("Questions", schema.QUESTIONS), ("Scenes", schema.SCENES)]
    )
    def test_every_column_is_described_with_its_type(self, heading: str, columns: dict) -> None:
        text = (self.DOCS / "shards.md").read_text(encoding="utf-8")
        section = text.partition(f"\n## {heading}")[2].partition("\n## ")[0]
        described = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section, re.MULTILINE))
        alike = {f"as `{name}`": kind for name, kind in described.items()}
        assert {name: alike.get(kind, kind) for name, kind in described.items()} == {
            name: self.described(kind) for name, kind in columns.items()
        }

    def described(self, kind: object) -> str:
        if isinstance(kind, list):
            return f"[{self.described(kind[0])}]"
        return "{" + ", ".join(kind) + "}" if isinstance(kind, dict) else str(kind)

    def test_every_record_is_described_with_its_fields(self) -> None:
        text = (self.DOCS / "records.md").read_text(encoding="utf-8")
        described = {
            name: re.findall(r"`(\w+)`", named)
            for name, named in re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE)
        }
        assert described == {
            name: [field.name for field in dataclasses.fields(cls)]
            for name, cls in vars(records).items()
            if isinstance(cls, type) and dataclasses.is_dataclass(cls) and cls.__module__ == records.__name__
        }
