"""Downloads from an unreliable server."""

from __future__ import annotations

import email.utils
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.file_server import Server, serving

from paqa_builder.errors import NotReadyError
from paqa_builder.transfer.download import ATTEMPTS, download, retry_after

DATA = bytes(range(256)) * 4000
SHA = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def get(server: Server, target: Path, checksum: str = "", **more: Any) -> str:
    server.files.setdefault("/file", DATA)
    return download(
        f"{server.url}/file", target, checksum, **{"again": "paqa fetch it", "wait": lambda s: None, **more}
    )


def test_a_dropped_connection_is_resumed(server: Server, tmp_path: Path) -> None:
    server.drops = [300_000, 400_000]
    reported: list[tuple[int, int | None]] = []
    assert (
        get(server, tmp_path / "f", SHA, progress=lambda done, total: reported.append((done, total))) == SHA
    )
    assert (tmp_path / "f").read_bytes() == DATA
    assert [headers.get("Range") for _, headers in server.seen] == [None, "bytes=300000-", "bytes=700000-"]
    assert [done for done, _ in reported] == sorted(done for done, _ in reported)
    assert reported[-1] == (len(DATA), len(DATA))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f"]


def test_an_interrupted_download_is_resumed_by_the_next_run(server: Server, tmp_path: Path) -> None:
    server.drops = [300_000] + [0] * 20
    with pytest.raises(NotReadyError, match="300000 bytes are kept") as error:
        get(server, tmp_path / "f")
    assert error.value.fix == "paqa fetch it resumes from there"
    assert not (tmp_path / "f").exists()
    server.drops = []
    server.seen.clear()
    get(server, tmp_path / "f", SHA)
    assert [headers.get("Range") for _, headers in server.seen] == ["bytes=300000-"]
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_changed_file_is_downloaded_from_the_start(server: Server, tmp_path: Path) -> None:
    server.drops = [300_000] + [0] * 20
    with pytest.raises(NotReadyError):
        get(server, tmp_path / "f")
    server.drops = []
    server.files["/file"] = DATA[::-1]
    get(server, tmp_path / "f", f"sha256:{hashlib.sha256(DATA[::-1]).hexdigest()}")
    assert (tmp_path / "f").read_bytes() == DATA[::-1]


def test_without_etags_the_download_starts_again(server: Server, tmp_path: Path) -> None:
    server.etags = False
    server.drops = [300_000]
    get(server, tmp_path / "f", SHA)
    assert [headers.get("Range") for _, headers in server.seen] == [None, None]
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_complete_partial_file_is_accepted(server: Server, tmp_path: Path) -> None:
    """Interrupted after the last byte and before the check."""
    (tmp_path / ".f.part").write_bytes(DATA)
    (tmp_path / ".f.part.etag").write_text(f'"{hashlib.md5(DATA).hexdigest()}"')
    assert get(server, tmp_path / "f", SHA) == SHA
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_file_with_a_wrong_checksum_is_deleted(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="SHA-256") as error:
        get(server, tmp_path / "f", f"sha256:{'0' * 64}")
    assert SHA.removeprefix("sha256:") in error.value.message
    assert "paqa fetch it" in str(error.value.fix)
    assert list(tmp_path.iterdir()) == []


def test_a_login_goes_to_the_first_host_only(server: Server, tmp_path: Path) -> None:
    with serving() as other:
        other.files["/store"] = DATA
        server.redirect["/hub"] = f"{other.url}/store"
        download(f"{server.url}/hub", tmp_path / "f", SHA, token="hf_secret")
        assert [headers.get("Authorization") for _, headers in server.seen] == ["Bearer hf_secret"]
        assert [headers.get("Authorization") for _, headers in other.seen] == [None]


def test_a_busy_server_is_tried_again_and_a_refusal_is_not(server: Server, tmp_path: Path) -> None:
    server.status = [503, 429]
    get(server, tmp_path / "f", SHA)
    for status, fix in ((401, "proxy"), (404, "moved")):
        server.status = [status]
        server.seen.clear()
        with pytest.raises(NotReadyError, match=str(status)) as error:
            get(server, tmp_path / "g")
        assert fix in str(error.value.fix)
        assert len(server.seen) == 1
    server.status = [500] * 20
    server.seen.clear()
    with pytest.raises(NotReadyError, match="HTTP 500"):
        get(server, tmp_path / "g")
    assert len(server.seen) == ATTEMPTS


def test_two_downloads_of_one_file_do_not_mix(server: Server, tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / ".f.part").open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(NotReadyError, match="another process"):
            get(server, tmp_path / "f")
    assert get(server, tmp_path / "f") == SHA


def test_md5_and_the_default_checksum(server: Server, tmp_path: Path) -> None:
    md5 = f"md5:{hashlib.md5(DATA).hexdigest()}"
    assert get(server, tmp_path / "f", md5) == md5
    assert get(server, tmp_path / "g") == SHA
    with pytest.raises(NotReadyError, match="has MD5"):
        get(server, tmp_path / "h", "md5:00")


def test_the_size_is_checked_where_no_checksum_is_known(server: Server, tmp_path: Path) -> None:
    server.files["/file"] = b"<html>moved</html>"
    with pytest.raises(NotReadyError, match=f"has 18 bytes, expected {len(DATA)}"):
        get(server, tmp_path / "f", size=len(DATA))
    assert not (tmp_path / "f").exists()
    server.files["/file"] = DATA
    assert get(server, tmp_path / "f", size=len(DATA)) == SHA
    assert get(server, tmp_path / "g", SHA, size=1) == SHA


def test_the_server_says_how_long_to_wait(server: Server, tmp_path: Path) -> None:
    waited: list[float] = []
    server.status, server.headers = [429, 503], {"Retry-After": "7"}
    get(server, tmp_path / "f", SHA, wait=waited.append)
    assert waited == [7.0, 7.0]
    server.status, server.headers = [429], {"Retry-After": "86400"}
    with pytest.raises(NotReadyError, match=r"HTTP 429 .*wait 86400 s; 0 bytes are kept"):
        get(server, tmp_path / "g", wait=waited.append)
    later = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert 50 < retry_after(later) <= 60
    assert retry_after("soon") == 0


def test_a_date_of_change_identifies_a_file_without_etag(server: Server, tmp_path: Path) -> None:
    server.etags, server.dates = False, {"/file": "Mon, 05 Oct 2020 10:00:00 GMT"}
    server.drops = [300_000]
    get(server, tmp_path / "f", SHA)
    assert [headers.get("Range") for _, headers in server.seen] == [None, "bytes=300000-"]


def test_a_range_of_another_place_is_not_used(server: Server, tmp_path: Path) -> None:
    server.drops, server.shift = [300_000], 5
    get(server, tmp_path / "f", SHA)
    assert (tmp_path / "f").read_bytes() == DATA


def test_a_server_without_ranges_sends_the_file_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.drops = False, [300_000]
    get(server, tmp_path / "f", SHA)
    server.drops = [300_000] * 20
    server.seen.clear()
    with pytest.raises(NotReadyError, match="cannot be reached"):
        get(server, tmp_path / "g", SHA)
    assert len(server.seen) == ATTEMPTS


def test_a_full_disk_keeps_what_is_there(server: Server, tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            get(server, tmp_path / "f", SHA)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 0 < (tmp_path / ".f.part").stat().st_size <= 400_000
    server.seen.clear()
    get(server, tmp_path / "f", SHA)
    assert server.seen[0][1]["Range"] == f"bytes={400_000}-"
