"""Pushing to a local server that speaks the Hub's protocol, through the real ``huggingface_hub``."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from helpers.dataset import BUILD, clip_file, failed_scene, questions_of, scene_of
from helpers.fake_hub import FakeHub, Repo
from huggingface_hub import constants

from paqa_builder.dataset import hub, lock
from paqa_builder.dataset.write import write_shards
from paqa_builder.errors import ConfigError, NotReadyError, PaqaError

TOKEN = "hf_thisIsASecret"
REPO = "me/my-paqa"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with FakeHub(TOKEN) as running:
        # The library reads its environment (HF_ENDPOINT, …) when it is imported, which was before.
        monkeypatch.setattr(constants, "ENDPOINT", running.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        huggingface_hub.utils.close_session()
        yield running
        huggingface_hub.utils.close_session()


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A data set of three question shards and one of scenes."""
    scenes = [scene_of(clip_file(tmp_path / "audio", f"{n}.wav")) for n in range(3)]
    items = [*((scene, questions_of(scene)) for scene in scenes), (failed_scene(), [])]
    write_shards(tmp_path / "out", items, BUILD, shard_bytes=1)
    return tmp_path / "out"


def on_disk(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class TestPush:
    def test_everything_arrives_in_a_private_repository(self, server: FakeHub, built: Path) -> None:
        pushed = hub.push(built, REPO)
        assert server.repos[REPO].private
        assert server.repos[REPO].files == on_disk(built)
        assert server.repos[REPO].commits == 1
        assert pushed.url == f"{server.url}/datasets/{REPO}"
        assert pushed.size == sum(map(len, on_disk(built).values()))

    def test_public_only_when_asked(self, server: FakeHub, built: Path) -> None:
        hub.push(built, REPO, public=True)
        assert not server.repos[REPO].private

    def test_files_outside_the_lock_are_not_pushed(self, server: FakeHub, built: Path) -> None:
        (built / "notes.txt").write_text("mine")
        (built / "data" / "private.parquet").write_bytes(b"mine")
        hub.push(built, REPO)
        assert set(server.repos[REPO].files) == set(on_disk(built)) - {"notes.txt", "data/private.parquet"}

    def test_shards_of_an_earlier_build_are_removed_and_other_files_kept(
        self, server: FakeHub, built: Path
    ) -> None:
        old = {"data/train-00000-of-00009.parquet": b"old", "images/plot.png": b"kept", ".gitattributes": b""}
        server.repos[REPO] = Repo(private=True, files=dict(old))
        hub.push(built, REPO)
        assert set(server.repos[REPO].files) == set(on_disk(built)) | {"images/plot.png", ".gitattributes"}

    def test_a_card_edited_by_hand_is_pushed_as_it_is(self, server: FakeHub, built: Path) -> None:
        card = built / "README.md"
        card.write_text(card.read_text() + "\nMy words.\n")
        hub.push(built, REPO)
        assert server.repos[REPO].files["README.md"].endswith(b"My words.\n")

    def test_pushing_again_sends_no_shard_twice(self, server: FakeHub, built: Path) -> None:
        hub.push(built, REPO)
        hub.push(built, REPO)
        assert len(server.puts) == len(set(server.puts)) == 4

    def test_a_dry_run_sends_nothing_and_needs_no_login(
        self, server: FakeHub, built: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
        pushed = hub.push(built, REPO, dry_run=True)
        assert server.requests == []
        assert set(pushed.files) == set(on_disk(built))
        assert pushed.summary.startswith("Would send 8 files")


class TestInterruption:
    def test_what_was_sent_before_a_break_is_not_sent_again(self, server: FakeHub, built: Path) -> None:
        server.drop_after = 1
        with pytest.raises(NotReadyError, match="connection to the Hub failed") as caught:
            hub.push(built, REPO)
        assert "run the same command again" in str(caught.value)
        assert server.repos[REPO].files == {}  # nobody sees half a data set
        assert len(server.puts) == 1
        server.drop_after = None
        hub.push(built, REPO)
        assert server.repos[REPO].files == on_disk(built)
        assert len(server.puts) == len(set(server.puts)) == 4


class TestRefusals:
    def test_an_unfinished_build(self, server: FakeHub, built: Path) -> None:
        (built / lock.LOCK).unlink()
        with pytest.raises(PaqaError, match="no finished build"):
            hub.push(built, REPO)
        assert server.requests == []

    def test_a_changed_shard(self, server: FakeHub, built: Path) -> None:
        shard = next(built.glob("data/*.parquet"))
        shard.write_bytes(shard.read_bytes()[:-1] + b"x")
        with pytest.raises(PaqaError, match="SHA-256 differs"):
            hub.push(built, REPO, dry_run=True)

    def test_a_public_repository_when_private_was_meant(self, server: FakeHub, built: Path) -> None:
        server.repos[REPO] = Repo(private=False)
        with pytest.raises(PaqaError, match="exists and is public"):
            hub.push(built, REPO)
        assert server.puts == []
        hub.push(built, REPO, public=True)
        assert server.repos[REPO].files == on_disk(built)

    def test_a_private_repository_when_public_was_asked(self, server: FakeHub, built: Path) -> None:
        server.repos[REPO] = Repo(private=True)
        with pytest.raises(PaqaError, match="exists and is private"):
            hub.push(built, REPO, public=True)

    def test_no_user_is_logged_in(
        self, server: FakeHub, built: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
        with pytest.raises(NotReadyError) as caught:
            hub.push(built, REPO)
        assert caught.value.fix == "hf auth login"
        assert server.requests == []

    def test_a_login_that_is_not_accepted(self, server: FakeHub, built: Path) -> None:
        server.token = "another"
        with pytest.raises(NotReadyError, match="rejects the login"):
            hub.push(built, REPO)

    def test_a_login_that_may_not_write(self, server: FakeHub, built: Path) -> None:
        server.refuse = 403
        with pytest.raises(PaqaError, match="may not write to"):
            hub.push(built, REPO)

    def test_no_network(self, server: FakeHub, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(NotReadyError, match="connection to the Hub failed"):
            hub.push(built, REPO)

    def test_offline_mode(self, server: FakeHub, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(NotReadyError, match="HF_HUB_OFFLINE"):
            hub.push(built, REPO)

    def test_a_card_without_yaml(self, server: FakeHub, built: Path) -> None:
        (built / "README.md").write_text("# Mine\n")
        with pytest.raises(PaqaError, match="Invalid metadata"):
            hub.push(built, REPO)

    @pytest.mark.parametrize("name", [
            "my-paqa", "me/my/paqa", "me/", "/x", "https://example.org/me/x", "me/a b", "me/a--b", "me/a..b",
            "me/.a", "me/a-", "-me/a", "me/a.git", f"me/{'a' * 97}", "datasets/me/a",
        ],
    )  # fmt: skip
    def test_invalid_repository_names(self, built: Path, name: str) -> None:
        with pytest.raises(ConfigError, match="USER/NAME"):
            hub.push(built, name, dry_run=True)


def test_audio_in_two_splits_is_refused_without_force(server: FakeHub, tmp_path: Path) -> None:
    path = clip_file(tmp_path / "audio", "a.wav")
    (tmp_path / "audio" / "copy.wav").write_bytes(path.read_bytes())
    scenes = [scene_of(path), scene_of(tmp_path / "audio" / "copy.wav", split="test")]
    write_shards(tmp_path / "out", [(scene, questions_of(scene)) for scene in scenes], BUILD)
    for dry_run in (True, False):
        with pytest.raises(PaqaError) as caught:
            hub.push(tmp_path / "out", REPO, dry_run=dry_run)
        assert "a recording is in several splits, such as a (train) and copy (test)" in caught.value.message
        assert "--force" in (caught.value.fix or "")
    assert REPO not in server.repos
    hub.push(tmp_path / "out", REPO, force=True)
    assert REPO in server.repos


@pytest.mark.parametrize("trouble", ["refuse", "drop", "token", "none"])
def test_the_token_is_never_shown(
    server: FakeHub, built: Path, capfd: pytest.CaptureFixture, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    server.refuse = 403 if trouble == "refuse" else None
    server.drop_after = 0 if trouble == "drop" else None
    server.token = "another" if trouble == "token" else TOKEN
    shown = ""
    try:
        hub.push(built, REPO)
    except PaqaError:
        shown = traceback.format_exc()
    assert (trouble == "none") == (shown == "")
    assert TOKEN not in shown + "".join(capfd.readouterr()) + caplog.text
