"""The source ``folder``: which files become clips, under which ids, and what the CSV says of them."""

from __future__ import annotations

import json
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
        table(tmp_path, "file_name,mood,License_URL", "a.wav,MIT,x")
        with caplog.at_level(logging.WARNING):
            assert ids(tmp_path) == ["a"]
        assert "columns that are not used: License_URL, mood" in caplog.text

    @pytest.mark.parametrize("header", ["File_Name,LICENSE", " file_name , license ", "\tFILE_NAME,License"])
    def test_case_and_spaces_of_the_header_do_not_matter(self, tmp_path: Path, header: str) -> None:
        put(tmp_path, "a.wav")
        table(tmp_path, header, "a.wav,MIT")
        (clip,) = Folder(tmp_path).clips()
        assert clip.license == "MIT"

    @pytest.mark.parametrize(
        ("column", "meant"),
        [
            ("licence", "license"), ("Licenses", "license"), ("splits", "split"), ("spilt", "split"),
            ("source-url", "source_url"), ("attribtuion", "attribution"), ("SourceURL", "source_url"),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("kind", ["csv", "jsonl"])
    def test_a_misspelt_column_is_refused(self, tmp_path: Path, column: str, meant: str, kind: str) -> None:
        put(tmp_path, "a.wav")
        if kind == "csv":
            table(tmp_path, f"file_name,{column}", "a.wav,MIT")
        else:
            (tmp_path / "metadata.jsonl").write_text(json.dumps({"file_name": "a.wav", column: "x"}))
        with pytest.raises(SourceError, match=f"no column '{column}'. Did you mean '{meant}'?"):
            ids(tmp_path)

    @pytest.mark.parametrize("column", ["filename", "file name", "File-Name", "file_names"])
    def test_a_misspelt_file_name_is_refused(self, tmp_path: Path, column: str) -> None:
        put(tmp_path, "a.wav")
        table(tmp_path, f"{column},license", "a.wav,MIT")
        with pytest.raises(SourceError, match="Did you mean 'file_name'"):
            ids(tmp_path)

    def test_a_column_twice_is_refused(self, tmp_path: Path) -> None:
        put(tmp_path, "a.wav")
        table(tmp_path, "file_name,license,License", "a.wav,MIT,MIT")
        with pytest.raises(SourceError, match="'license' occurs twice"):
            ids(tmp_path)

    def test_unknown_options_are_refused(self) -> None:
        with pytest.raises(ValidationError, match="licence"):
            FolderOptions(licence="MIT")


def splits(root: Path, **options) -> dict[str, str]:
    return {clip.id: clip.split for clip in Folder(root, FolderOptions(**options)).clips()}


class TestAudiofolder:
    """The layouts of the Hub's ``audiofolder``."""

    def test_folders_name_the_splits(self, tmp_path: Path) -> None:
        put(
            tmp_path,
            "train/a.wav",
            "validation/b.wav",
            "test/x/c.wav",
            "Dev/d.wav",
            "data/eval/e.wav",
            "f.wav",
        )
        assert splits(tmp_path) == {
            "train/a": "train", "validation/b": "validation", "test/x/c": "test", "Dev/d": "validation",
            "data/eval/e": "test", "f": "train",
        }  # fmt: skip

    def test_names_that_only_contain_a_split_are_no_split(self, tmp_path: Path) -> None:
        put(tmp_path, "trains/a.wav", "test.wav", "latest/b.wav")
        assert splits(tmp_path, split="validation") == dict.fromkeys(
            ["trains/a", "test", "latest/b"], "validation"
        )

    def test_a_cell_beats_the_folder(self, tmp_path: Path) -> None:
        put(tmp_path, "train/a.wav", "train/b.wav")
        table(tmp_path, "file_name,split", "train/a.wav,test", "train/b.wav,")
        assert splits(tmp_path) == {"train/a": "test", "train/b": "train"}

    def test_groups_of_a_cell(self, tmp_path: Path) -> None:
        put(tmp_path, "a.wav", "b.wav", "c.wav")
        table(tmp_path, "file_name,group", "a.wav,speaker:anna; tape 3;", "b.wav,")
        assert [clip.groups for clip in Folder(tmp_path).clips()] == [
            ("speaker:anna", "recording:tape 3"), (), (),
        ]  # fmt: skip

    def test_each_split_may_have_its_table(self, tmp_path: Path) -> None:
        put(tmp_path, "train/a.wav", "test/a.wav", "test/deep/b.wav")
        table(tmp_path / "train", "file_name,license", "a.wav,MIT")
        (tmp_path / "test" / "metadata.jsonl").write_text(
            '{"file_name": "a.wav", "license": "CC0-1.0"}\n\n{"file_name": "./deep/b.wav", "license": null}\n'
        )
        found = {clip.id: (clip.split, clip.license) for clip in Folder(tmp_path).clips()}
        assert found == {
            "train/a": ("train", "MIT"), "test/a": ("test", "CC0-1.0"), "test/deep/b": ("test", "unknown"),
        }  # fmt: skip

    def test_an_inner_table_about_other_things_is_warned_of(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        put(tmp_path, "x/a.wav")
        table(tmp_path / "x", "speaker,mood", "a,glad")
        with caplog.at_level(logging.WARNING):
            assert ids(tmp_path) == ["x/a"]
        assert "not used, because it has no column 'file_name'" in caplog.text

    def test_the_nearest_table_counts(self, tmp_path: Path) -> None:
        put(tmp_path, "train/a.wav", "train/b.wav")
        table(tmp_path, "file_name,license", "train/a.wav,MIT", "train/b.wav,MIT")
        table(tmp_path / "train", "file_name,license", "a.wav,CC0-1.0")
        found = {clip.id: clip.license for clip in Folder(tmp_path).clips()}
        assert found == {"train/a": "CC0-1.0", "train/b": "MIT"}

    def test_json_lines_hold_any_character(self, tmp_path: Path) -> None:
        put(tmp_path, "a\u2028b.wav")
        row = {" File_Name ": "a\u2028b.wav", "attribution": "Jo\u2028Doe", "mood": 3}
        (tmp_path / "metadata.jsonl").write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
        (clip,) = Folder(tmp_path).clips()
        assert clip.attribution == "Jo\u2028Doe"

    @pytest.mark.parametrize(
        ("line", "says"),
        [
            ('{"file_name": "b.wav"}', r"line 1, column 'file_name': no audio file 'b\.wav'"),
            ('{"file_name": "../a.wav"}', r"no audio file '\.\./a\.wav'"),
            ('{"file_name": ""}', "no audio file ''"),
            ('{"license": "MIT"}', "line 1: no 'file_name'; it has license"),
            ('{"file_name": "a.wav", "license": 3}', "line 1, 'license': 3 is not text"),
            ('{"file_name": "a.wav"}\n{"file_name": "./a.wav"}', "line 2, .*has a row already"),
            ('{"file_name": "a.wav"', "line 1: not JSON"),
            ('["a.wav"]', "entry 1: a str, not a JSON object"),
            ('{"file_name": "a.wav", "split": "dev"}', "'dev' is none of"),
        ],
    )
    def test_errors_in_json_lines_name_the_line(self, tmp_path: Path, line: str, says: str) -> None:
        put(tmp_path, "a.wav")
        (tmp_path / "metadata.jsonl").write_text(line)
        with pytest.raises(SourceError, match=says):
            ids(tmp_path)

    def test_two_tables_in_one_folder_are_refused(self, tmp_path: Path) -> None:
        put(tmp_path, "a.wav")
        table(tmp_path, "file_name", "a.wav")
        (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.wav"}')
        with pytest.raises(SourceError, match=r"has both metadata\.csv and metadata\.jsonl"):
            ids(tmp_path)


class TestSkipped:
    def test_files_that_look_like_audio_are_counted(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        put(
            tmp_path,
            "a.wav",
            "b.mid",
            "x/c.DSF",
            "x/d.dsf",
            "e.ape",
            "f.mpg",
            "notes.txt",
            "list.m3u",
            "g.json",
        )
        (tmp_path / "recording").write_bytes(b"RIFF\0\0\0\0WAVEfmt ")
        (tmp_path / "h.flac.bak").write_bytes(b"fLaC\0\0\0\x22")
        (tmp_path / "photo").write_bytes(b"\x89PNG\r\n")
        with caplog.at_level(logging.WARNING):
            assert ids(tmp_path) == ["a"]
        assert "skipped 7 files that look like audio but are not read: " in caplog.text
        for part in ("2 .dsf", "1 .mid", "1 .ape", "1 .mpg", "1 .bak", "1 without a suffix", "such as b.mid"):
            assert part in caplog.text

    def test_nothing_is_said_of_other_files(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        put(tmp_path, "a.wav", "notes.txt", "page.html", "cover.png")
        (tmp_path / "README").write_text("The free software of this folder")
        with caplog.at_level(logging.WARNING):
            assert ids(tmp_path) == ["a"]
        assert not caplog.text
