"""Archives of several parts, unsafe and damaged ones, and unpacking that was interrupted."""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.archives_made import plain_zip, split_zip, tar_gz, zip_with_tool
from helpers.file_server import Server, serving

from paqa_builder.errors import NotReadyError
from paqa_builder.transfer.joined import Joined, joined_zip
from paqa_builder.transfer.ranges import RemoteFile
from paqa_builder.transfer.unpack import BROKEN, Kind, UnsafeArchiveError, members, safe_path, unpack

FILES = {
    f"A/audio/{number}.wav": random.Random(number).randbytes(3_000 + 7_000 * number) for number in range(9)
}
BIG = 1 << 30


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def parts_of(*contents: bytes) -> list[tuple[io.BytesIO, int]]:
    return [(io.BytesIO(content), len(content)) for content in contents]


def unpacked(
    kind: Kind, folder: Path, *contents: bytes, limit: int = BIG, **options: object
) -> dict[str, int]:
    listed = members(kind, parts_of(*contents), limit, folder)  # type: ignore[arg-type]
    return unpack(listed, folder, **options)  # type: ignore[arg-type]


def content_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_joined_files_are_read_as_one() -> None:
    joined = Joined(parts_of(b"abc", b"", b"defgh", b"i"))
    assert joined.size == 9
    assert joined.read() == b"abcdefghi"
    joined.seek(-2, io.SEEK_END)
    assert (joined.tell(), joined.read()) == (7, b"hi")
    with pytest.raises(OSError, match="before the beginning"):
        joined.seek(-1)


@pytest.mark.parametrize("part_bytes", [10_000, 50_000, 1_000_000])
def test_a_zip_of_several_parts(tmp_path: Path, part_bytes: int) -> None:
    parts = split_zip(FILES, part_bytes)
    assert (len(parts) > 1) == (sum(map(len, FILES.values())) > part_bytes)
    files = unpacked("zip", tmp_path, *parts, strip="A")
    assert content_of(tmp_path) == {name.removeprefix("A/"): data for name, data in FILES.items()}
    assert files == {name.removeprefix("A/"): len(data) for name, data in FILES.items()}


def test_zip_parts_of_the_real_tool(tmp_path: Path) -> None:
    source = tmp_path / "A"
    for name, data in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    parts = zip_with_tool(source, tmp_path / "a.zip")
    assert len(parts) > 3
    unpacked("zip", tmp_path / "out", *(part.read_bytes() for part in parts))
    assert content_of(tmp_path / "out") == FILES
    with zipfile.ZipFile(joined_zip([(part.open("rb"), part.stat().st_size) for part in parts])) as archive:
        assert archive.testzip() is None


def test_missing_and_swapped_parts_are_refused(tmp_path: Path) -> None:
    parts = split_zip(FILES, 50_000)
    with pytest.raises(zipfile.BadZipFile, match="parts, not"):
        unpacked("zip", tmp_path, *parts[1:])
    with pytest.raises(BROKEN):
        unpacked("zip", tmp_path, parts[1], parts[0], *parts[2:])
    with pytest.raises(BROKEN):
        unpacked("zip", tmp_path, *parts[:-1], parts[-1][:-30])
    assert not any(path.name.startswith(".paqa") for path in tmp_path.rglob("*"))


def test_mutated_tables_of_contents_are_errors(tmp_path: Path) -> None:
    parts = split_zip({f"{n}.wav": b"x" * 400 for n in range(20)}, 3_000)
    draw = random.Random(0)
    for _ in range(300):
        last = bytearray(parts[-1])
        for _ in range(draw.randint(1, 4)):
            last[draw.randrange(len(last))] = draw.randrange(256)
        try:
            unpacked("zip", tmp_path / "out", *parts[:-1], bytes(last))
        except (*BROKEN, UnsafeArchiveError, OSError):
            pass
    assert all(path.is_relative_to(tmp_path / "out") for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "C:/x", "a\\..\\x", "a\0b", "", ".", "a/" + "x" * 300]
)
def test_unsafe_names(name: str) -> None:
    with pytest.raises(UnsafeArchiveError):
        safe_path(name)


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    for data in (tar_gz({"ok.wav": b"1", "../x": b"2"}), tar_gz({}, {"link": "/etc"})):
        with pytest.raises(UnsafeArchiveError):
            unpacked("tar", tmp_path / "out", data)
    with pytest.raises(UnsafeArchiveError):
        unpacked("zip", tmp_path / "out", plain_zip({"../../x": b"2"}))
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match="link"):
        unpacked("zip", tmp_path / "out", out.getvalue())
    assert content_of(tmp_path) == {"out/ok.wav": b"1"}


@pytest.mark.parametrize(("kind", "pack"), [("zip", plain_zip), ("tar", tar_gz)])
def test_no_more_is_written_than_the_limit(tmp_path: Path, kind: Kind, pack) -> None:  # type: ignore[no-untyped-def]
    bomb = pack({f"{n}.wav": bytes(1_000_000) for n in range(8)})
    assert len(bomb) < 100_000
    with pytest.raises(UnsafeArchiveError, match="more than the expected"):
        unpacked(kind, tmp_path, bomb, limit=3_500_000)
    assert sum(map(len, content_of(tmp_path).values())) <= 3_500_000


def test_files_of_macos_are_left_out_and_audio_is_counted(tmp_path: Path) -> None:
    data = tar_gz(
        {"A/._1.wav": b"", "__MACOSX/A/1.wav": b"", "A/t.csv": b"t", "A/1.wav": b"1", "A/2.wav": b"2"}
    )
    assert unpacked("tar", tmp_path, data, strip="A", audio=1) == {"t.csv": 1, "1.wav": 1}


def test_complete_files_of_a_zip_are_not_written_again(tmp_path: Path) -> None:
    data = plain_zip(FILES)
    unpacked("zip", tmp_path, data)
    kept, damaged = tmp_path / "A/audio/1.wav", tmp_path / "A/audio/2.wav"
    os.utime(kept, (1, 1))
    damaged.write_bytes(bytes(damaged.stat().st_size))
    unpacked("zip", tmp_path, data)
    assert kept.stat().st_mtime == 1
    assert content_of(tmp_path) == FILES


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_killed_while_unpacking(tmp_path: Path, kind: Kind) -> None:
    files = {f"{n}.wav": random.Random(n).randbytes(200_000) for n in range(40)}
    archive = tmp_path / "archive"
    archive.write_bytes(plain_zip(files) if kind == "zip" else tar_gz(files))
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from paqa_builder.transfer.unpack import members, unpack\n"
        "archive, out = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "parts = [(archive.open('rb'), archive.stat().st_size)]\n"
        f"unpack(members('{kind}', parts, 1 << 30, out), out, progress=lambda n: time.sleep(0.02))\n"
    )
    out = tmp_path / "out"
    process = subprocess.Popen([sys.executable, "-c", code, str(archive), str(out)])
    while len(content_of(out)) < 5:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = {name: data for name, data in content_of(out).items() if name.endswith(".wav")}
    assert 0 < len(there) < len(files)
    assert all(files[name] == data for name, data in there.items())
    unpacked(kind, out, archive.read_bytes())
    assert content_of(out) == files


def test_a_7z_archive(tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w") as archive:
        for name, data in FILES.items():
            archive.writestr(data, name)
    assert unpacked("7z", tmp_path, out.getvalue(), strip="A") == {
        name.removeprefix("A/"): len(data) for name, data in FILES.items()
    }
    assert content_of(tmp_path) == {name.removeprefix("A/"): data for name, data in FILES.items()}
    with pytest.raises(UnsafeArchiveError, match="more than the expected"):
        unpacked("7z", tmp_path, out.getvalue(), limit=1_000)


def test_the_first_files_of_a_remote_archive(server: Server, tmp_path: Path) -> None:
    parts = split_zip({f"{n}.wav": bytes([n]) * 300_000 for n in range(30)}, 2_000_000)
    for number, part in enumerate(parts):
        server.files[f"/{number}"] = part
    remote = [RemoteFile(f"{server.url}/{number}") for number in range(len(parts))]
    listed = members("zip", [(file, file.size) for file in remote], BIG, tmp_path)  # type: ignore[misc]
    assert len(unpack(listed, tmp_path, audio=3)) == 3
    assert sum(file.received for file in remote) < 1_500_000
    assert content_of(tmp_path) == {f"{n}.wav": bytes([n]) * 300_000 for n in range(3)}


def test_a_remote_file_survives_cut_connections(server: Server) -> None:
    server.files["/f"] = bytes(range(256)) * 2_000
    server.drops = [100_000, 50_000, 0]
    waited: list[float] = []
    with RemoteFile(f"{server.url}/f", wait=waited.append) as remote:
        assert remote.readall() == server.files["/f"]
    assert waited
    server.files["/g"], server.status, server.headers = b"abc", [429], {"Retry-After": "3"}
    with RemoteFile(f"{server.url}/g", wait=waited.append) as remote:
        assert (remote.read(), waited[-1]) == (b"abc", 3.0)


def test_remote_files_that_cannot_be_read_in_parts(server: Server) -> None:
    server.files["/f"] = b"abc"
    server.ranges = False
    with pytest.raises(NotReadyError, match="only whole files") as error:
        RemoteFile(f"{server.url}/f")
    assert "without --small" in str(error.value.fix)
    with pytest.raises(NotReadyError, match="HTTP 404"):
        RemoteFile(f"{server.url}/none")
    server.ranges = True
    with RemoteFile(f"{server.url}/f") as remote:
        assert remote.read(1) == b"a"
        server.files["/f"] = b"abcd"
        remote.seek(0)
        with pytest.raises(NotReadyError, match="changed"):
            remote.read()
