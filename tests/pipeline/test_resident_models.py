"""Which models stay loaded when another stage begins."""

from __future__ import annotations

import pytest

from paqa_builder.perception.backends.fake import FakeSeparator
from paqa_builder.perception.read import Read
from paqa_builder.perception.separate import Separate
from paqa_builder.pipeline import stage_task


def test_models_stay_on_a_gpu_with_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Separate(FakeSeparator())
    free = {"cuda:0": True}
    monkeypatch.setattr(stage_task.device, "half_free", free.__getitem__)
    assert not stage_task._stays(Read())
    assert not stage_task._stays(stage)
    stage.backend._device = "cuda:0"
    assert stage_task._stays(stage)
    free["cuda:0"] = False
    assert not stage_task._stays(stage)
