"""Choice of devices and batch sizes, without a GPU."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.perception.backends.base import DeviceOptions
from paqa_builder.perception.backends.fake import FakeTagger
from paqa_builder.runtime import device


def test_names_of_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "claim", lambda gpus: 1)
    assert device.choose("auto", 0) == device.choose("cpu", 4) == "cpu"
    assert device.choose("auto", 2) == device.choose("cuda", 2) == "cuda:1"
    assert device.choose("cuda:3", 4) == "cuda:3"
    for wanted, gpus in (("cuda", 0), ("cuda:2", 2)):
        with pytest.raises(NotReadyError, match="torch sees"):
            device.choose(wanted, gpus)
    for nonsense in ("gpu", "cuda:", "cuda:x", "cpu:1", "auto:0", ""):
        with pytest.raises(ConfigError, match="is not a device"):
            device.choose(nonsense, 4)


@pytest.mark.parametrize("nonsense", ["gpu", "cuda:", "cuda:x", "cpu:1", "CUDA", ""])
def test_the_option_refuses_other_names(nonsense: str) -> None:
    with pytest.raises(ValidationError):
        DeviceOptions(device=nonsense)


def test_each_process_takes_a_gpu_of_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = (
        "import sys; from pathlib import Path; from paqa_builder.runtime import device\n"
        f"print(device.claim(2, Path({str(tmp_path)!r})), flush=True); sys.stdin.read()\n"
    )
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        taken = [other.stdout.readline().strip() for other in others if other.stdout]
        assert sorted(taken) == ["0", "1"]
        with caplog.at_level(logging.WARNING):
            assert device.claim(2, tmp_path) == 0
        assert "--jobs" in caplog.text
    finally:
        for other in others:
            other.communicate()
    assert device.claim(2, tmp_path) == 0  # given back when its process ended
    assert device.claim(2, tmp_path) == 1


def test_the_flag_goes_to_backends_that_can_use_it() -> None:
    assert device.place(DeviceOptions, {}, "cuda:1") == {"device": "cuda:1"}
    assert device.place(DeviceOptions, {"device": "cpu"}, "cuda:1") == {"device": "cpu"}
    assert device.place(DeviceOptions, {}, None) == {}
    assert device.place(FakeTagger.Options, {"threshold": 0.1}, "cuda") == {"threshold": 0.1}


def test_workers_per_device() -> None:
    assert device.workers("cpu") is None
    assert device.workers("cuda:1") == 1


def test_half_precision_is_for_gpus() -> None:
    torch = SimpleNamespace(float32="32", float16="16", bfloat16="b16")
    assert device.dtype(torch, "auto", "cpu") == "32"
    assert device.dtype(torch, "auto", "cuda:0") == "16"
    assert device.dtype(torch, "bfloat16", "cpu") == "b16"
    with pytest.raises(ConfigError):
        device.dtype(torch, "float16", "cpu")


def test_batches_have_one_size_and_keep_order() -> None:
    sizes = []

    def model(windows: list[int]) -> list[int]:
        sizes.append(len(windows))
        return [10 * window for window in windows]

    batches = device.Batches("test", 10.0, 45.0, "cuda:0")
    assert batches.size == 4
    assert batches.run(model, range(10)) == [10 * n for n in range(10)]
    assert sizes == [4, 4, 4]
    assert device.Batches("test", 10.0, 45.0, "cpu").size == 1
    assert device.Batches("test", 10.0, 3.0, "cuda:0").size == 1
    assert batches.run(model, []) == []


def test_memory_that_runs_out_halves_the_batch_and_is_recorded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(device, "_halvings", [])
    batches = device.Batches("test", 10.0, 80.0, "cpu")
    batches.size = 8  # as on a GPU
    heard: list[int] = []

    def model(windows: list[int]) -> list[int]:
        if len(windows) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        heard.extend(windows)
        return windows

    with caplog.at_level(logging.WARNING):
        assert batches.run(model, range(5)) == list(range(5))
    assert heard == [0, 1, 2, 3, 4, 4]
    assert device.halvings() == (
        device.BatchReduction("test", 80.0, 40.0),
        device.BatchReduction("test", 40.0, 20.0),
    )
    assert "out of memory at 80 s" in caplog.text
    assert batches.size == 2  # remembered


def test_other_errors_and_single_windows_are_not_retried() -> None:
    batches = device.Batches("test", 10.0, 80.0, "cuda:0")
    calls = []

    def broken(windows: list[int]) -> list[int]:
        calls.append(len(windows))
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        batches.run(broken, range(3))
    assert calls == [8]

    def full(windows: list[int]) -> list[int]:
        raise MemoryError

    with pytest.raises(MemoryError):
        device.Batches("test", 10.0, 10.0, "cuda:0").run(full, range(3))
