"""The backend contract, for every registered backend."""

from __future__ import annotations

import pytest

from paqa_builder import registry
from paqa_builder.records import STAGES
from paqa_builder.testing import check_backend
from paqa_builder.weights import store

BACKENDS = [
    pytest.param(
        entry.kind, entry.name, id=f"{entry.kind}-{entry.name}",
        marks=[] if entry.name == "fake" else [pytest.mark.models],
    )
    for stage in STAGES
    for entry in registry.entries(stage)
    # These need more than embedded weights: tests/backends/test_production_*.py runs the same check.
    if registry.get(stage, entry.name).extra != "gpu"
]  # fmt: skip


@pytest.mark.parametrize(("stage", "name"), BACKENDS)
def test_backend_contract(stage: str, name: str) -> None:
    if name != "fake" and (absent := store.missing()):
        pytest.skip(f"models are not installed (paqa fetch embedded): {absent}")
    check_backend(registry.get(stage, name))


def test_every_stage_has_a_fake_and_a_real_backend() -> None:
    for stage in STAGES:
        names = {entry.name for entry in registry.entries(stage)}
        assert "fake" in names
        assert len(names) >= 2
