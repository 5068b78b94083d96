"""Shards of a build in one work folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from paqa_builder.config import Config
from paqa_builder.errors import ConfigError, ExitCode, NotReadyError
from paqa_builder.pipeline import shards
from paqa_builder.pipeline.build import build
from paqa_builder.runtime import hold as holding
from paqa_builder.runtime.hold import hold
from paqa_builder.runtime.shard_hold import hold_for_shard

MakeConfig = Callable[..., Config]
HOLD = """
import sys
from pathlib import Path
from paqa_builder.runtime.shard_hold import hold_for_shard
with hold_for_shard(Path(sys.argv[1]), "--work", *sys.argv[2:]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "WAIT", 0.2)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


def another(folder: Path, plan: str, shard: str) -> subprocess.Popen[bytes]:
    """A process that holds a shard until its input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), plan, shard], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    return process


def test_shards_and_a_last_command_give_the_bytes_of_one_build(
    fake_config: MakeConfig, tmp_path: Path
) -> None:
    build(fake_config(part_size=1))
    out = tmp_path / "sharded"
    reports = [shards.run(fake_config(part_size=1, out=out, shard=f"{n}/4")) for n in (3, 1, 4, 2)]
    assert sorted(report.parts for report in reports) == [1, 1, 2, 2]
    assert {report.of_parts for report in reports} == {6}
    assert not out.exists()
    report = build(fake_config(part_size=1, out=out))
    assert all(stage.clips == 0 for stage in report.stages if stage.name not in ("questions", "gate"))
    assert contents(out) == contents(tmp_path / "shards")
    assert not list(report.config.work_folder.glob(".paqa-incoming*"))


def test_a_shard_that_has_no_part_does_nothing(fake_config: MakeConfig) -> None:
    report = shards.run(fake_config(part_size=6, shard="2/2"))
    assert (report.parts, report.clips, report.failed) == (0, 0, 0)


@pytest.mark.parametrize("shard", ["0/4", "5/4", "1", "1/0", "a/b"])
def test_a_wrong_shard_is_an_error(fake_config: MakeConfig, shard: str) -> None:
    with pytest.raises(ConfigError, match="shard"):
        fake_config(shard=shard)


def test_a_build_is_no_shard(fake_config: MakeConfig) -> None:
    with pytest.raises(ConfigError, match="cannot be shard 1/2"):
        build(fake_config(shard="1/2"))


def test_shards_of_one_plan_hold_a_folder_together(tmp_path: Path) -> None:
    first, second = another(tmp_path, "plan", "1/3"), another(tmp_path, "plan", "2/3")
    with (
        pytest.raises(NotReadyError, match="shard 1/3 is being built"),
        hold_for_shard(tmp_path, "--work", "plan", "1/3"),
    ):
        pass
    with (
        pytest.raises(NotReadyError, match="the shards of another build"),
        hold_for_shard(tmp_path, "--work", "other", "3/3"),
    ):
        pass
    with (
        pytest.raises(NotReadyError, match=r"another build uses this folder \(shard 1/3, process"),
        hold(tmp_path, "--work"),
    ):
        pass
    first.communicate()
    with pytest.raises(NotReadyError, match="another build"), hold(tmp_path, "--work"):
        pass
    second.kill()
    second.wait()
    with hold(tmp_path, "--work"):
        pass
    assert list(tmp_path.glob(".paqa*")) == [
        tmp_path / ".paqa-incoming.shard-2-of-3.lock"
    ]  # of the killed one
    with hold_for_shard(tmp_path, "--work", "plan", "2/3"):
        pass
    assert not list(tmp_path.glob(".paqa*"))


def test_a_build_refuses_shards(tmp_path: Path) -> None:
    # Another process: the locks of one process do not refuse each other.
    code = HOLD.replace("shard_hold import hold_for_shard", "hold import hold").replace(
        'hold_for_shard(Path(sys.argv[1]), "--work", *sys.argv[2:])', 'hold(Path(sys.argv[1]), "--work")'
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"held\n"
    with (
        pytest.raises(NotReadyError, match=f"process {process.pid}"),
        hold_for_shard(tmp_path, "--work", "plan", "1/2"),
    ):
        pass
    process.communicate()


SLOW = """
import time
from pathlib import Path
from paqa_builder.perception.backends.fake import FakeTagger

class Slow(FakeTagger):
    def tag(self, clip):
        if not Path(__file__).with_name("fast").exists():
            Path(__file__).with_name("begun").touch()
            time.sleep(60)
        return super().tag(clip)
"""


def test_a_killed_shard_is_resumed_beside_another(
    fake_config: MakeConfig, corpus: Path, tmp_path: Path
) -> None:
    plugin, out = tmp_path / "slow.py", tmp_path / "sharded"
    plugin.write_text(SLOW)
    settings = {
        "PAQA_STAGES__TAG__BACKEND": "slow", "PAQA_PART_SIZE": "1", "PAQA_PLUGINS": f'["{plugin}"]',
    }  # fmt: skip

    def start(*shard: str) -> subprocess.Popen[str]:
        command = ["build", "--source", "folder", "--root", corpus, "--out", out, "--preset", "fake", "-j", 1]
        return subprocess.Popen(
            [sys.executable, "-m", "paqa_builder", *map(str, command), *shard],
            stderr=subprocess.PIPE, text=True, start_new_session=True, env=os.environ | settings,
        )  # fmt: skip

    killed = start("--shard", "1/2")
    deadline = time.monotonic() + 60
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert killed.poll() is None, killed.communicate()
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    (tmp_path / "fast").touch()
    for process in [start("--shard", "2/2"), start("--shard", "1/2")]:
        _, message = process.communicate(timeout=120)
        assert process.returncode == ExitCode.DONE, message
        assert "without --shard" in message
    last = start()
    _, message = last.communicate(timeout=120)
    assert last.returncode == ExitCode.DONE, message
    build(fake_config(part_size=1, plugins=[plugin], stages={"tag": {"backend": "slow"}}))
    assert contents(out) == contents(tmp_path / "shards")
