"""The source ``folder``: which files become clips, under which ids, and what the CSV says of them."""

from __future__ import annotations

import logging
import os
import unicodedata
from pathlib import Path

import pytest
from pydantic import ValidationError

from paqa_builder.errors import SourceError
from paqa_builder.sources.folder import Folder, FolderOptions


def put(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def ids(root: Path, **options) -> list[str]:
    return [clip.id for clip in Folder(root, FolderOptions(**options)).clips()]


def table(root: Path, *lines: str) -> None:
    (root / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


class TestListing:
    def test_every_audio_file_is_a_clip_in_the_order_of_ids(self, tmp_path: Path) -> None:
        put(tmp_path, "b.wav", "a/z.FLAC", "a/b.opus", "a b.mp3", "notes.txt", "c.ogg", "a.wav.bak")
        assert ids(tmp_path) == ["a b", "a/b", "a/z", "b", "c"]

    def test_hidden_files_and_folders_are_skipped(self, tmp_path: Path) -> None:
        put(tmp_path, ".a.wav", ".git/b.wav", "x/.c/d.wav", "e.wav", "._f.wav")
        assert ids(tmp_path) == ["e"]

    def test_a_folder_may_be_called_like_a_file(self, tmp_path: Path) -> None:
        put(tmp_path, "take.wav/one.wav")
        assert ids(tmp_path) == ["take.wav/one"]

    def test_links_are_followed_and_loops_survived(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        root = tmp_path / "root"
        put(root, "in/a.wav")
        put(tmp_path, "elsewhere/b.wav")
        (root / "linked").symlink_to(tmp_path / "elsewhere")
        (root / "c.wav").symlink_to(tmp_path / "elsewhere" / "b.wav")
        (root / "in" / "loop").symlink_to(root)
        with caplog.at_level(logging.WARNING):
            assert ids(root) == ["c", "in/a", "linked/b"]
        assert "links to a folder above it" in caplog.text

    def test_a_dead_link_is_a_clip_that_reading_will_name(self, tmp_path: Path) -> None:
        (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
        (tmp_path / "self.wav").symlink_to(tmp_path / "self.wav")
        (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
        assert ids(tmp_path) == ["gone", "self"]

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
    def test_a_pipe_is_no_clip(self, tmp_path: Path) -> None:
        put(tmp_path, "a.wav")
        os.mkfifo(tmp_path / "pipe.wav")
        assert ids(tmp_path) == ["a"]

    def test_no_audio_at_all_is_an_error(self, tmp_path: Path) -> None:
        put(tmp_path, "a.txt")
        with pytest.raises(SourceError, match="no audio files"):
            ids(tmp_path)

    def test_a_missing_root_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no such folder"):
            Folder(tmp_path / "no")


class TestIds:
    def test_files_that_would_share_an_id_keep_their_suffix(self, tmp_path: Path) -> None:
        put(tmp_path, "a.wav", "a.flac", "b.wav", "sub/a.wav")
        assert ids(tmp_path) == ["a.flac", "a.wav", "b", "sub/a"]

    def test_a_kept_suffix_does_not_clash_in_turn(self, tmp_path: Path) -> None:
        put(tmp_path, "a.wav", "a.flac", "a.wav.mp3")
        assert ids(tmp_path) == ["a.flac", "a.wav", "a.wav.mp3"]

    def test_ids_are_composed_unicode(self, tmp_path: Path) -> None:
        put(tmp_path, unicodedata.normalize("NFD", "Käse") + ".wav")
        assert ids(tmp_path) == ["Käse"]

    def test_names_that_differ_in_unicode_form_alone_stay_apart(self, tmp_path: Path) -> None:
        forms = [unicodedata.normalize(form, "é") + ".wav" for form in ("NFC", "NFD")]
        put(tmp_path, *forms)
        if len(list(tmp_path.iterdir())) < 2:
            pytest.skip("this file system makes no difference between Unicode forms")
        assert sorted(ids(tmp_path)) == sorted(forms)

    @pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
    def test_a_name_that_is_not_utf8_can_be_published(self, tmp_path: Path) -> None:
        with open(os.path.join(os.fsencode(tmp_path), b"caf\xe9.wav"), "wb") as file:
            file.write(b"x")
        (clip,) = Folder(tmp_path).clips()
        assert clip.id == "caf\\udce9"
        assert clip.id.encode("utf-8")
        assert Path(clip.path).read_bytes() == b"x"


class TestMetadata:
    def test_rows_and_options_fill_the_clips(self, tmp_path: Path) -> None:
        put(tmp_path, "a.wav", "sub/b.wav", "c.wav")
        table(
            tmp_path,
            "\ufefffile_name,license,attribution,source_url,split",
            'a.wav,http://creativecommons.org/licenses/by/4.0/,"Doe, Jo",https://example.org/1,test',
            "./sub/b.wav,,,,",
        )
        a, c, b = Folder(tmp_path, FolderOptions(license="MIT", attribution="Us", split="validation")).clips()
        assert (a.id, a.license, a.attribution, a.source_url, a.split) == (
            "a", "CC-BY-4.0", "Doe, Jo", "https://example.org/1", "test",
        )  # fmt: skip
        for clip in (b, c):
            assert (clip.license, clip.attribution, clip.source_url, clip.split) == (
                "MIT",
                "Us",
                "",
                "validation",
            )
        assert a.truth.tags is None

    def test_the_licence_is_unknown_by_default(self, tmp_path: Path) -> None:
        put(tmp_path, "a.wav")
        (clip,) = Folder(tmp_path).clips()
        assert (clip.license, clip.split, clip.source) == ("unknown", "train", "folder")

    def test_names_match_in_any_unicode_form(self, tmp_path: Path) -> None:
        put(tmp_path, unicodedata.normalize("NFC", "é.wav"))
        table(tmp_path, "file_name,license", unicodedata.normalize("NFD", "é.wav") + ",CC0-1.0")
        (clip,) = Folder(tmp_path).clips()
        assert clip.license == "CC0-1.0"

    @pytest.mark.parametrize(
        ("lines", "says"),
        [
            (["name,license", "a.wav,MIT"], "no column 'file_name'; it has name, license"),
            (
                ["file_name,license", "a.wav,MIT", "b.wav,MIT"],
                r"row 3, column 'file_name': no audio file 'b\.wav'",
            ),
            (["file_name", "a.wav", "./a.wav"], r"row 3, column 'file_name': 'a\.wav' has a row already"),
            (
                ["file_name,split", "a.wav,dev"],
                "row 2, column 'split': 'dev' is none of train, validation, test",
            ),
            (["file_name,license", "a.wav,MIT,extra"], "row 2: has not as many fields"),
            (["file_name,license", "a.wav"], "row 2: has not as many fields"),
            (["file_name,license", 'a.wav,"MIT'], "cannot be read as CSV"),
            ([""], "no column 'file_name'; it has nothing"),
        ],
    )
    def test_errors_name_row_and_column(self, tmp_path: Path, lines: list[str], says: str) -> None:
        put(tmp_path, "a.wav")
        table(tmp_path, *lines)
        with pytest.raises(SourceError, match=says):
            ids(tmp_path)

    def test_other_encodings_are_refused(self, tmp_path: Path) -> None:
        put(tmp_path, "a.wav")
        (tmp_path / "metadata.csv").write_bytes("file_name,attribution\na.wav,Jürgen\n".encode("latin-1"))
        with pytest.raises(SourceError, match="UTF-8"):
            ids(tmp_path)

    def test_an_unknown_column_is_warned_of(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        put(tmp_path, "a.wav")
        table(tmp_path, "file_name,licence", "a.wav,MIT")
        with caplog.at_level(logging.WARNING):
            assert ids(tmp_path) == ["a"]
        assert "column 'licence' is not used. Did you mean 'license'?" in caplog.text

    def test_unknown_options_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="licence"):
            FolderOptions(licence="MIT")
