"""Shards of hard texts, and exports of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.exported import export_shards

from paqa_builder.export import ExportOptions, ExportReport, export


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_shards(tmp_path_factory.mktemp("exported"))


@pytest.fixture
def run(shards: Path, tmp_path: Path) -> Callable[..., ExportReport]:
    """Exports the shards into ``tmp_path / "out"``."""
    return lambda to, **options: export(shards, to, tmp_path / "out", ExportOptions(**options))
