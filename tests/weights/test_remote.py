"""``paqa fetch`` of models from an unreliable local server."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.file_server import Server, serving

from paqa_builder.cli import app
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.weights import store
from paqa_builder.weights.table import GROUPS, TABLE, PackageFile, RemoteFile, Weights

DATA = bytes(range(256)) * 4000
SHA = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of its own, a mirror in place of the Hub, and a model to fetch from it."""
    monkeypatch.setenv("PAQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/mirror/")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    files = {
        "weights.bin": RemoteFile("us/toy:deep/the weights.bin", SHA[:12]),
        "config.json": RemoteFile("us/toy:config.json"),
    }
    toy = Weights("toy", "tag: fake", "us", "MIT", 1, files, terms=("us/toy",))
    monkeypatch.setitem(TABLE, "toy", toy)
    server.files["/mirror/us/toy/resolve/main/deep/the%20weights.bin"] = DATA
    server.files["/mirror/us/toy/resolve/main/config.json"] = b"{}"
    return tmp_path / "cache"


def test_the_checksum_that_the_hub_states_is_verified(server: Server, cache: Path) -> None:
    """The Hub redirects to a store, and only its own answer names the SHA-256."""
    path = "/mirror/us/toy/resolve/main/config.json"
    server.redirect[path] = f"http://localhost:{server.server_port}/file"
    server.linked[path] = "f" * 64
    server.files["/file"] = DATA
    with pytest.raises(NotReadyError, match="SHA-256"):
        store.fetch(TABLE["toy"], lambda path, done, total: None)
    server.linked[path] = SHA
    place = store.fetch(TABLE["toy"], lambda path, done, total: None)
    assert (place / "config.json").read_bytes() == DATA


def test_a_model_from_a_mirror(server: Server, cache: Path) -> None:
    with pytest.raises(NotReadyError) as error:
        store.folder("toy")
    assert error.value.fix == "paqa fetch toy"
    assert store.revision("toy") == "toy-absent"
    place = store.fetch(TABLE["toy"], lambda path, done, total: None)
    assert place == cache / "models" / "toy" == store.folder("toy")
    assert (place / "weights.bin").read_bytes() == DATA
    assert json.loads((place / store.MANIFEST).read_text())["weights.bin"] == SHA
    assert store.revision("toy") == f"toy-{SHA[:8]}{hashlib.sha256(b'{}').hexdigest()[:8]}"
    asked = len(server.seen)
    store.fetch(TABLE["toy"], lambda path, done, total: None)
    assert len(server.seen) == asked  # nothing is asked for twice


def test_the_command_shows_the_terms_first_and_prints_the_folder(server: Server, cache: Path) -> None:
    from typer.testing import CliRunner

    shown = CliRunner().invoke(app, ["fetch", "toy", "--dry-run"])
    assert shown.exit_code == 0
    assert server.seen == []
    assert all(word in shown.stderr for word in ("toy", "MIT", "us/toy", "terms"))
    done = CliRunner().invoke(app, ["fetch", "toy"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(cache / "models" / "toy")
    assert "hf_secret" not in done.output
    refused = "HTTP 403"
    server.status = [403]
    (cache / "models" / "toy" / "config.json").unlink()
    gated = CliRunner().invoke(app, ["fetch", "toy"])
    assert gated.exit_code == 4
    assert refused in gated.output
    assert "hf auth login" in gated.output
    listed = CliRunner().invoke(app, ["fetch", "--list"])
    assert "whisper-large-v3" in listed.stderr


def test_full_disk_and_unknown_name(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = Weights("huge", "tag: fake", "us", "MIT", 10**9, {"x": RemoteFile("us/x:x")})
    monkeypatch.setitem(TABLE, "huge", huge)
    with pytest.raises(NotReadyError, match="are free"):
        store.fetch(huge, lambda path, done, total: None)
    with pytest.raises(ConfigError, match="no weights are called 'wisper'"):
        store.select("wisper")


def test_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert [model.name for model in store.select("gpu")] == list(GROUPS["gpu"])
    for weights in TABLE.values():
        assert weights.license
        assert all(re.fullmatch(r"[0-9a-f]*", file.sha256) for file in weights.files.values())
        kinds = {type(file) for file in weights.files.values()}
        assert kinds == ({PackageFile} if weights.packages else {RemoteFile})


def test_whispers_checksums_are_those_of_its_package() -> None:
    code = (
        "import importlib.util, pathlib, re, sys\n"
        "found = importlib.util.find_spec('whisper')\n"
        "sys.exit(77) if found is None else None\n"
        "from paqa_builder.weights import table\n"
        "text = pathlib.Path(found.origin).read_text()\n"
        "for name, (_, sha256) in table._WHISPER.items():\n"
        "    assert f'{table._WHISPER_URL}/{sha256}/{name}.pt' in text, name\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("openai-whisper is not installed (extra gpu)")
    assert done.returncode == 0, done.stderr
