"""``paqa fetch fsd50k`` and ``paqa build --source fsd50k`` with a tiny FSD50K on a local server."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.file_server import Server, serving
from helpers.tiny_corpus import publish
from typer.testing import CliRunner, Result

from paqa_builder.cli import app
from paqa_builder.corpora import plan as plans
from paqa_builder.corpora.fetch import fetch
from paqa_builder.errors import NotReadyError
from paqa_builder.sources.fsd50k import Fsd50k


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def data(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    publish(server, monkeypatch, tmp_path)
    return tmp_path / "data"


def paqa(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def wavs(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.rglob("*.wav"))


def asked(server: Server) -> list[str]:
    return [path.removeprefix("/fsd50k/FSD50K.") for path, _ in server.seen]


def clips_of(out: Path) -> int:
    import paqa_builder

    return len(list(paqa_builder.load_scenes(out)))


def test_fetch_and_build_as_typed(server: Server, data: Path, tmp_path: Path) -> None:
    os.chdir(tmp_path)
    shown = paqa("fetch", "fsd50k", "--dry-run")
    assert (shown.exit_code, server.seen) == (0, [])
    assert all(word in shown.stderr for word in ("dev_audio.zip", "MD5", "CC BY-NC", "zenodo.org", str(data)))
    fetched = paqa("fetch", "fsd50k")
    assert fetched.exit_code == 0, fetched.output
    assert fetched.stdout.strip() == str(data / "fsd50k")
    assert wavs(data / "fsd50k") == ["11", "12", "13", "21", "22"]
    assert [path for path in (data / "archives").rglob("*") if path.is_file()] == []
    built = paqa("build", "--source", "fsd50k", "--out", "shards", "--preset", "fake")
    assert built.exit_code == 0, built.output
    assert clips_of(tmp_path / "shards") == 5
    server.seen.clear()
    again = paqa("fetch", "fsd50k")
    assert (again.exit_code, server.seen) == (0, [])
    assert "complete; nothing to do" in again.stderr
    listed = paqa("fetch", "--list").stderr
    assert all(word in listed for word in ("whisper-large-v3", "fsd50k", "urbansound8k"))


def test_without_the_corpus_a_build_names_the_command(data: Path, tmp_path: Path) -> None:
    words = ("build", "--source", "fsd50k", "--out", str(tmp_path / "shards"), "--preset", "fake")
    missing = paqa(*words)
    assert missing.exit_code == 4
    assert all(
        word in missing.stderr for word in ("paqa fetch fsd50k (", "to download", "CC-BY-4.0", "--root")
    )
    assert not data.exists()
    assert paqa("plan", *words[1:]).exit_code == 4


def test_a_part_of_a_corpus(server: Server, data: Path, tmp_path: Path) -> None:
    assert paqa("fetch", "fsd50k", "--subset", "eval").exit_code == 0
    assert wavs(data / "fsd50k") == ["21", "22"]
    assert not any("dev_audio" in name for name in asked(server))
    built = paqa("build", "--source", "fsd50k", "--out", str(tmp_path / "s"), "--preset", "fake")
    assert built.exit_code == 0, built.output
    assert "only eval was fetched" in built.stderr
    assert clips_of(tmp_path / "s") == 2
    server.seen.clear()
    assert paqa("fetch", "fsd50k").exit_code == 0
    assert {name.split(".")[0] for name in asked(server)} == {"dev_audio"}
    wrong = paqa("fetch", "fsd50k", "--subset", "evil")
    assert wrong.exit_code == 2
    assert "Did you mean 'eval'?" in wrong.stderr
    assert paqa("fetch", "embedded", "--subset", "eval").exit_code == 2


def test_a_small_cut(server: Server, data: Path, tmp_path: Path) -> None:
    shown = paqa("fetch", "fsd50k", "--small", "--dry-run").stderr
    assert "clips" in shown
    assert "dev_audio" not in shown
    fetched = paqa("fetch", "fsd50k", "--small")
    assert fetched.exit_code == 0, fetched.output
    assert wavs(data) == ["21"]
    built = paqa("build", "--source", "fsd50k", "--out", str(tmp_path / "s"), "--preset", "fake")
    assert built.exit_code == 0, built.output
    assert "a small cut" in built.stderr
    assert clips_of(tmp_path / "s") == 1
    assert "nothing to do" in paqa("fetch", "fsd50k", "--small").stderr
    server.ranges = False
    shutil.rmtree(data)
    refused = paqa("fetch", "fsd50k", "--small")
    assert refused.exit_code == 4
    assert "only whole files" in refused.stderr
    none = paqa("fetch", "urbansound8k", "--small")
    assert none.exit_code == 2
    assert "no small cut" in none.stderr


def test_cut_connections_are_resumed(server: Server, data: Path) -> None:
    server.drops = [100, 2_000, 5_000, 9_000, 1]
    assert paqa("fetch", "fsd50k").exit_code == 0
    assert wavs(data) == ["11", "12", "13", "21", "22"]


def test_a_server_that_ends_is_resumed_by_the_next_run(server: Server, data: Path) -> None:
    server.drops = [5_000] + [0] * 30
    failed = paqa("fetch", "fsd50k", "--subset", "eval")
    assert failed.exit_code == 4
    assert "cannot be reached" in failed.stderr
    assert "paqa fetch fsd50k --subset eval resumes from there" in failed.stderr
    server.drops = []
    assert paqa("fetch", "fsd50k", "--subset", "eval").exit_code == 0


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        ([404], {}, ("HTTP 404", "PAQA_MIRROR")),
        ([429], {"Retry-After": "7200"}, ("HTTP 429", "asks to wait 7200 s")),
        ([500] * 9, {}, ("HTTP 500", "resumes from there")),
    ],
)
def test_refusals(
    server: Server, data: Path, status: list[int], headers: dict[str, str], words: tuple[str, ...]
) -> None:
    server.status, server.headers = status, headers
    failed = paqa("fetch", "fsd50k")
    assert failed.exit_code == 4
    assert all(word in failed.stderr for word in words), failed.stderr
    server.status = [429, 503]
    server.headers = {"Retry-After": "1"}
    assert paqa("fetch", "fsd50k").exit_code == 0


def test_a_wrong_checksum_keeps_the_other_files(server: Server, data: Path) -> None:
    right = server.files["/fsd50k/FSD50K.eval_audio.zip"]
    server.files["/fsd50k/FSD50K.eval_audio.zip"] = right[:-1] + b"x"
    failed = paqa("fetch", "fsd50k")
    assert failed.exit_code == 4
    assert all(word in failed.stderr for word in ("has MD5", "expected", "deleted"))
    kept = [path.name for path in (data / "archives").rglob("*") if path.is_file()]
    assert kept == ["FSD50K.eval_audio.z01"]
    server.files["/fsd50k/FSD50K.eval_audio.zip"] = right
    server.seen.clear()
    assert paqa("fetch", "fsd50k").exit_code == 0
    assert "eval_audio.z01" not in asked(server)


def test_a_file_changed_between_two_runs(server: Server, data: Path) -> None:
    name = "/fsd50k/FSD50K.dev_audio.z01"
    right = server.files[name]
    server.files[name] = bytes(len(right))
    server.files = {path: body for path, body in server.files.items() if "dev_audio.z02" not in path} | {}
    server.drops = [50] * 3
    assert paqa("fetch", "fsd50k", "--subset", "dev").exit_code == 4
    server.files[name] = right
    again = paqa("fetch", "fsd50k", "--subset", "dev")
    assert "dev_audio.z02: HTTP 404" in " ".join(again.stderr.split())


def test_redirects_are_followed(server: Server, data: Path) -> None:
    for path in list(server.files):
        server.files[f"/store{path}"] = server.files.pop(path)
        server.redirect[path] = f"/store{path}"
    assert paqa("fetch", "fsd50k").exit_code == 0


def test_archives_that_are_there_already_are_verified_and_used(server: Server, data: Path) -> None:
    store = data / "archives" / "fsd50k"
    store.mkdir(parents=True)
    for path, content in server.files.items():
        (store / Path(path).name).write_bytes(content)
    (store / "FSD50K.metadata.zip").write_bytes(b"other")
    fetched = paqa("fetch", "fsd50k", "--keep-archives")
    assert fetched.exit_code == 0
    assert asked(server) == ["metadata.zip"]
    assert len([path for path in store.iterdir() if path.is_file()]) == len(server.files)


def test_a_lost_file_is_fetched_again(server: Server, data: Path) -> None:
    paqa("fetch", "fsd50k")
    (data / "fsd50k/FSD50K.dev_audio/12.wav").unlink()
    server.seen.clear()
    assert paqa("fetch", "fsd50k").exit_code == 0
    assert {name.split(".")[0] for name in asked(server)} == {"dev_audio"}
    assert wavs(data) == ["11", "12", "13", "21", "22"]


def test_little_space_and_a_full_disk(server: Server, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as little:
        little.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10**6, 0, 10**3))  # type: ignore[attr-defined]
        refused = paqa("fetch", "fsd50k")
    assert (refused.exit_code, server.seen) == (4, [])
    assert "0.0 MB free at" in refused.stderr
    with monkeypatch.context() as full:

        def no_space(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        full.setattr("paqa_builder.transfer.unpack.os.replace", no_space)
        failed = paqa("fetch", "fsd50k")
    assert failed.exit_code == 4
    assert all(word in failed.stderr for word in ("no space left on disk", "same command again", "PAQA_DATA"))
    assert paqa("fetch", "fsd50k").exit_code == 0


def test_a_really_full_disk(
    server: Server, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(disk)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        monkeypatch.setenv("PAQA_DATA", str(disk))
        monkeypatch.setattr("paqa_builder.corpora.fetch._check_space", lambda *_: None)
        failed = paqa("fetch", "fsd50k")
        assert failed.exit_code == 4
        assert "no space left on disk" in failed.stderr
        subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
        assert paqa("fetch", "fsd50k").exit_code == 0
        assert wavs(disk) == ["11", "12", "13", "21", "22"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_without_checksums_a_damaged_archive_is_downloaded_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    publish(server, monkeypatch, tmp_path, checksums=False)
    name = "/fsd50k/FSD50K.eval_audio.z01"
    right = server.files[name]
    server.files[name] = bytes(len(right))
    failed = paqa("fetch", "fsd50k", "--subset", "eval")
    assert failed.exit_code == 4
    assert "cannot be unpacked" in failed.stderr
    server.files[name] = right
    done = paqa("fetch", "fsd50k", "--subset", "eval")
    assert done.exit_code == 0, done.output
    assert "FSD50K.eval_audio.zip: no checksum is known; only its size was checked" in caplog.text
    shown = paqa("fetch", "fsd50k", "--dry-run").stderr
    assert "size only" in shown


def test_two_fetches_of_one_corpus_exclude_each_other(data: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    (data / "fsd50k/.paqa").mkdir(parents=True)
    with (data / "fsd50k/.paqa/lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused = paqa("fetch", "fsd50k")
    assert refused.exit_code == 4
    assert "by another process" in refused.stderr


def test_killed_at_any_moment(server: Server, data: Path, tmp_path: Path) -> None:
    """kill -9 during download and unpacking; the same command then completes the corpus."""
    code = (
        "import json, sys, time, os\n"
        "from helpers.tiny_corpus import fitting, archives\n"
        "from paqa_builder.sources.fsd50k import DOWNLOADS, Fsd50k\n"
        "from paqa_builder.transfer import unpack, download\n"
        "Fsd50k.downloads = fitting(DOWNLOADS, archives())\n"
        "moves = [0]\n"
        "real = os.replace\n"
        "def replace(*names):\n"
        "    moves[0] += 1\n"
        "    if moves[0] == int(sys.argv[1]): os.kill(os.getpid(), 9)\n"
        "    real(*names)\n"
        "os.replace, os.sync = replace, lambda: None\n"
        "from paqa_builder.corpora import plan, fetch\n"
        "fetch.fetch(plan.plan('fsd50k'), mirror=os.environ['PAQA_MIRROR'])\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for moment in (1, 2, 5, 9, 12, 15, 18):
        done = subprocess.run(
            [sys.executable, "-c", code, str(moment)], env=environment, capture_output=True, check=False
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        again = paqa("fetch", "fsd50k")
        assert again.exit_code == 0, again.output
        assert wavs(data) == ["11", "12", "13", "21", "22"]
        left = [path.name for path in data.rglob(".*") if path.is_file()]
        assert left == []
        shutil.rmtree(data)


def test_a_plan_says_what_is_missing(data: Path) -> None:
    whole = plans.plan("fsd50k")
    assert whole.missing == whole.archives
    fetch(plans.plan("fsd50k", ["dev"]), mirror=os.environ["PAQA_MIRROR"])
    assert [archive.subset for archive in plans.plan("fsd50k").missing] == ["eval"]
    assert plans.plan("fsd50k").disk_bytes(False) < whole.disk_bytes(False) < whole.disk_bytes(True)


def test_the_records_are_bound_to_a_release(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    paqa("fetch", "fsd50k")
    known = Fsd50k.downloads
    assert known is not None
    first = known.archives[0]
    newer = replace(first, files=(replace(first.files[0], checksum="md5:00"),))
    monkeypatch.setattr(Fsd50k, "downloads", replace(known, archives=(newer, *known.archives[1:])))
    assert plans.plan("fsd50k").missing == (newer,)
    records = list((data / "fsd50k/.paqa").glob("*.json"))
    assert json.loads(records[0].read_text().splitlines()[0])["files"] > 0
    for path in records:
        path.write_text("{")
    assert len(plans.plan("fsd50k").missing) == 4
    with pytest.raises(NotReadyError):
        fetch(plans.plan("fsd50k"), mirror=os.environ["PAQA_MIRROR"])


PLUGIN = """
from paqa_builder import Clip, Source
from paqa_builder.sources.downloads import Archive, Downloads, RemoteFile


class Birds(Source):
    name = "birds_of_a_plugin"
    downloads = Downloads(
        license="CC0-1.0",
        page="https://example.org/birds",
        archives=(Archive("zip", (RemoteFile("https://example.org/birds.zip", SIZE),), strip="birds"),),
    )

    def clips(self):
        for path in sorted(self.root.glob("*.wav")):
            yield Clip(id=path.stem, source=self.name, split="train", path=str(path), license="CC0-1.0")
"""


def test_a_corpus_of_a_plugin(
    server: Server, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from helpers.archives_made import plain_zip
    from helpers.tiny_corpus import wav

    from paqa_builder import registry

    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    archive = plain_zip({"birds/one.wav": wav(1), "birds/two.wav": wav(2)})
    server.files["/birds_of_a_plugin/birds.zip"] = archive
    plugin = tmp_path / "birds_plugin.py"
    plugin.write_text(PLUGIN.replace("SIZE", str(len(archive))))
    fetched = paqa("fetch", "birds_of_a_plugin", "--plugin", str(plugin))
    assert fetched.exit_code == 0, fetched.output
    assert wavs(data) == ["one", "two"]
    words = ("--source", "birds_of_a_plugin", "--plugin", str(plugin), "--preset", "fake")
    planned = paqa("plan", *words, "--out", str(tmp_path / "s"))
    assert planned.exit_code == 0, planned.output
    assert "2 clips" in planned.stdout


def test_other_names_are_answered(data: Path) -> None:
    form = paqa("fetch", "common_voice")
    assert form.exit_code == 2
    assert "without a form" in form.stderr
    assert "--source common_voice" in form.stderr
    upper = paqa("fetch", "FSD50K")
    assert upper.exit_code == 2
    assert "'fsd50k'" in upper.stderr
