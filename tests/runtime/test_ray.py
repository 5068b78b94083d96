"""The executor ``ray``: results, and workers and nodes that die. One cluster serves all tests."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paqa_builder.config import Config
from paqa_builder.config.resources import RayOptions, Resources
from paqa_builder.errors import ExitCode, NotReadyError
from paqa_builder.pipeline.build import build
from paqa_builder.pipeline.step import Done, NoProgress
from paqa_builder.runtime import ray_executor
from paqa_builder.runtime.executor import Crash
from paqa_builder.runtime.executors import executor_for
from paqa_builder.runtime.ray_executor import Ray

ray = pytest.importorskip("ray")
pytest.importorskip("ray.cluster_utils")
pytestmark = pytest.mark.ray
OPTIONS = RayOptions(address="auto", wait_seconds=60)


HEAD = {
    "num_cpus": 4,
    "object_store_memory": 100 << 20,
    "_system_config": {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_failure_threshold": 4,
    },
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    before = signal.getsignal(signal.SIGTERM)
    made = Cluster(initialize_head=True, head_node_args=HEAD)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()
    signal.signal(signal.SIGTERM, before)


def square(n: int) -> int:
    time.sleep(0.02)
    return n * n


def die_on_three(n: int) -> int:
    if n == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return n


def refuse_two(n: int) -> int:
    if n == 2:
        raise NotReadyError("no model", fix="fetch it")
    return n


def slow_square(n: int) -> tuple[int, str]:
    time.sleep(0.3)
    return n * n, ray.get_runtime_context().get_node_id()


def environment(name: str) -> str | None:
    return os.environ.get(name)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_task_comes_back_once(cluster: Any, workers: int) -> None:
    executor = Ray(OPTIONS, Resources(), workers=workers)
    assert sorted(executor.run(square, range(13))) == [(n, n * n) for n in range(13)]


def test_tasks_are_taken_as_workers_need_them(cluster: Any) -> None:
    taken = []

    def tasks() -> Iterator[int]:
        for n in range(1000):
            taken.append(n)
            yield n

    results = Ray(OPTIONS, Resources(), workers=2).run(square, tasks())
    assert next(iter(results))[0] in range(8)
    assert len(taken) <= 8
    results.close()  # type: ignore[attr-defined]


def test_an_exception_reaches_the_caller_and_names_the_node(cluster: Any) -> None:
    with pytest.raises(NotReadyError, match=r"no model \(on node .+\)") as caught:
        list(Ray(OPTIONS, Resources(), workers=1).run(refuse_two, range(4)))
    assert caught.value.fix == "fetch it"


def test_only_the_task_that_kills_its_worker_is_a_crash(cluster: Any) -> None:
    executor = Ray(OPTIONS, Resources(), workers=2)
    results = dict(executor.run(die_on_three, range(8)))
    crashed = {n for n, result in results.items() if isinstance(result, Crash)}
    assert 3 in crashed
    assert len(crashed) <= 2  # the worker may die before it has sent the result of the task before
    assert all(results[n] == n for n in set(range(8)) - crashed)
    assert executor.run_alone(die_on_three, 3) == Crash(alone=True)
    assert executor.run_alone(die_on_three, 4) == 4


def test_a_worker_of_its_own_finds_room_while_others_wait(cluster: Any) -> None:
    executor = Ray(OPTIONS, Resources())  # as many workers as there is room for
    for task, result in executor.run(die_on_three, range(6)):
        if isinstance(result, Crash):
            assert executor.run_alone(square, task) == task * task


def test_models_get_one_thread_and_no_network(cluster: Any) -> None:
    found = dict(Ray(OPTIONS, Resources(), workers=1).run(environment, ["OMP_NUM_THREADS", "HF_HUB_OFFLINE"]))
    assert found == {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def test_a_lost_node_loses_no_task(cluster: Any) -> None:
    node = cluster.add_node(num_cpus=2, object_store_memory=100 << 20)
    cluster.wait_for_nodes()
    results = {}
    executor = Ray(OPTIONS, Resources(), workers=6)  # two of them on the second node
    for task, result in executor.run(slow_square, range(60)):
        assert not isinstance(result, Crash)
        results[task], where = result
        if where == node.node_id and node in cluster.list_all_nodes():
            cluster.remove_node(node, allow_graceful=False)
    assert results == {n: n * n for n in range(60)}
    assert node not in cluster.list_all_nodes()


def test_more_than_any_node_has_is_an_error(cluster: Any) -> None:
    options = RayOptions(address="auto", wait_seconds=0.5)
    with pytest.raises(NotReadyError, match=r"needs 64 CPUs, and no node .* has that much .*4 CPUs"):
        list(Ray(options, Resources(cpus=64)).run(square, [1]))
    with pytest.raises(NotReadyError, match=r"needs 1 CPUs, 0.5 GPUs, and no node"):
        list(Ray(options, Resources(gpus=0.5)).run(square, [1]))


def test_a_busy_cluster_is_an_error_after_the_wait(cluster: Any) -> None:
    @ray.remote(num_cpus=4)
    class Busy:
        def ready(self) -> None: ...

    busy = Busy.remote()
    ray.get(busy.ready.remote())
    with pytest.raises(NotReadyError, match=r"no worker with 1 CPUs could start .* within 0.5 s"):
        list(Ray(RayOptions(address="auto", wait_seconds=0.5), Resources(), workers=1).run(square, [1]))
    ray.kill(busy)


def test_a_node_without_the_work_folder_is_an_error(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_executor, "_write_probe", lambda folder: folder / "not-there")
    monkeypatch.setattr("paqa_builder.runtime.ray_worker._SETTLE", 0.0)
    with pytest.raises(NotReadyError, match="does not see the work folder") as caught:
        list(Ray(OPTIONS, Resources(), workers=1, folder=tmp_path).run(square, [1]))
    assert "--work" in str(caught.value.fix)


def test_a_node_with_other_software_is_an_error(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_executor, "software", lambda: {"numpy": "0.1"})
    with pytest.raises(NotReadyError, match=r"other software.*numpy [\d.]+ instead of 0.1"):
        list(Ray(OPTIONS, Resources(), workers=1).run(square, [1]))


def shards(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


PLUGIN = """
import os
import signal
import time
from paqa_builder.perception.backends.fake import FakeTagger

class Deadly(FakeTagger):
    def tag(self, clip):
        spans = super().tag(clip)
        if any(span.name == "Siren" for span in spans):
            os.kill(os.getpid(), signal.SIGKILL)
        return spans

class Slow(FakeTagger):
    def load(self):
        open(os.environ["LOADED"], "w").close()
        time.sleep(60)
"""


def stages(tagger: str) -> dict[str, dict[str, str]]:
    """Two stages only: every stage starts workers of its own."""
    absent = dict.fromkeys(("separate", "diarize", "transcribe", "measure"), "none")
    return {name: {"backend": backend} for name, backend in {**absent, "tag": tagger}.items()}


def test_a_build_has_the_same_bytes_with_any_number_of_workers(
    cluster: Any, fake_config: Callable[..., Config], tmp_path: Path
) -> None:
    build(fake_config(part_size=1, stages=stages("fake")))
    expected = shards(tmp_path / "shards")
    for workers in (1, 2, 4):
        out = tmp_path / f"ray-{workers}"
        config = fake_config(executor="ray", jobs=workers, out=out, part_size=1, stages=stages("fake"))
        assert not build(config).failures
        assert shards(out) == expected
        assert not list(config.work_folder.glob(".*.tmp"))


def test_a_clip_that_kills_its_worker_is_a_failure(
    cluster: Any, fake_config: Callable[..., Config], tmp_path: Path
) -> None:
    plugin = tmp_path / "deadly.py"
    plugin.write_text(PLUGIN)
    options = {"plugins": [plugin], "stages": stages("deadly"), "part_size": 3}
    report = build(fake_config(executor="ray", jobs=2, **options))
    found = {(clip, failure.error) for clip, failure in report.failures}
    assert found == {(clip, "WorkerDied") for clip in ("dialogue", "no speech")}


class Killer(NoProgress):
    """Kills a worker of each stage after its first result."""

    killed = 0

    def advance(self, stage: str, done: Done) -> None:
        listed = subprocess.run(["pgrep", "-f", "ray::Worker"], capture_output=True, text=True).stdout.split()
        if stage == "tag" and listed and self.killed < 2:
            os.kill(int(listed[0]), signal.SIGKILL)
            self.killed += 1


def test_a_build_survives_killed_workers(
    cluster: Any, fake_config: Callable[..., Config], tmp_path: Path
) -> None:
    build(fake_config(part_size=1, stages=stages("fake")))
    killer = Killer()
    options = {"part_size": 1, "stages": stages("fake")}
    report = build(fake_config(executor="ray", jobs=2, out=tmp_path / "ray", **options), killer)
    assert killer.killed == 2
    assert not report.failures
    assert shards(tmp_path / "ray") == shards(tmp_path / "shards")


def test_the_configuration_chooses_the_executor(fake_config: Callable[..., Config]) -> None:
    assert isinstance(executor_for(fake_config(executor="ray")), Ray)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:10001", "nowhere"])
def test_an_address_without_a_cluster_is_an_error(address: str, tmp_path: Path, corpus: Path) -> None:
    done = paqa_build(corpus, tmp_path / "out", "--address", address)
    assert done.wait(30) == ExitCode.NOT_READY
    assert done.stderr
    message = done.stderr.read()
    assert "no Ray cluster" in message
    assert "Traceback" not in message


def test_ctrl_c_ends_a_build_and_its_cluster_within_five_seconds(tmp_path: Path, corpus: Path) -> None:
    plugin, loaded = tmp_path / "slow.py", tmp_path / "loaded"
    plugin.write_text(PLUGIN)
    process = paqa_build(
        corpus, tmp_path / "out", "--address", "local", "--jobs", "1", "--plugin", plugin,
        environment={"PAQA_STAGES": json.dumps(stages("slow")), "LOADED": str(loaded)},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not loaded.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    assert loaded.exists(), process.stderr and process.stderr.read()
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    assert process.wait(30) == ExitCode.INTERRUPTED
    assert time.monotonic() - began < 5
    deadline = time.monotonic() + 15
    while subprocess.run(["pgrep", "-g", str(process.pid)], stdout=subprocess.DEVNULL).returncode == 0:
        assert time.monotonic() < deadline, "processes of the cluster are left"
        time.sleep(0.2)


def paqa_build(
    root: Path, out: Path, *arguments: object, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    command = ["build", "--source", "folder", "--root", root, "--out", out, "--preset", "fake", *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return subprocess.Popen(
        [sys.executable, "-m", "paqa_builder", *map(str, command)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env=inherited | (environment or {}),
    )  # fmt: skip
