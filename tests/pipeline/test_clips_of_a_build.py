"""Which clips of a listing a build takes, and under which names: licences, speakers' names."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from paqa_builder.config import load
from paqa_builder.errors import ConfigError, SourceError
from paqa_builder.pipeline.plan import make
from paqa_builder.pipeline.pseudonyms import pseudonymised
from paqa_builder.records import Clip, Origin, Speaker, Truth, Turn, Utterance

OWN = Origin("truth", "x", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "audio"
    root.mkdir()
    rows = ["file_name,license"]
    for name, text in (("a", "CC0-1.0"), ("b", "CC-BY-4.0"), ("c", "CC-BY-NC-4.0"), ("d", "")):
        soundfile.write(root / f"{name}.wav", np.zeros(800), 16_000)
        rows.append(f"{name}.wav,{text}")
    (root / "metadata.csv").write_text("\n".join(rows) + "\n")
    return root


def listed(folder: Path, **flags: object) -> list[str]:
    config = load(
        {"source": "folder", "root": folder, "out": folder.parent / "out", "preset": "fake", **flags}
    )
    return [clip.id for clip in make(config, save=False).clips]


class TestLicences:
    def test_all_clips_are_taken_by_default(self, folder: Path) -> None:
        assert listed(folder) == ["a", "b", "c", "d"]

    @pytest.mark.parametrize(
        ("allowed", "clips"),
        [(["open"], ["a", "b"]), (["CC-BY"], ["b"]), (["CC0", "unknown"], ["a", "d"]), (["CC-BY-NC"], ["c"])],
    )
    def test_others_are_left_out_and_counted(
        self, allowed: list[str], clips: list[str], folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            assert listed(folder, license_allow=allowed) == clips
        assert "licence is not allowed" in caplog.text

    def test_a_limit_counts_allowed_clips(self, folder: Path) -> None:
        assert listed(folder, license_allow=["CC-BY", "CC-BY-NC"], limit=2) == ["b", "c"]

    def test_nothing_left_is_an_error(self, folder: Path) -> None:
        with pytest.raises(SourceError, match=r"1 under CC0-1\.0"):
            listed(folder, license_allow=["MIT"])


class TestNames:
    clip = Clip(
        "c", "x", "train", "c.wav",
        truth=Truth(
            turns=(Turn(0, 1, "Anna Smith", 1.0, OWN), Turn(1, 2, "S2", 1.0, OWN)),
            utterances=(Utterance(0, 1, "Anna Smith", "Hi.", (), "en", 1.0, OWN),
                        Utterance(1, 2, None, "Oh.", (), "en", 1.0, OWN)),
            speakers=(Speaker("Anna Smith", "female"),),
        ),
        groups=("speaker:Anna Smith", "uploader:bob", "recording:17"),
    )  # fmt: skip

    def test_a_speaker_has_one_pseudonym_everywhere(self) -> None:
        hashed = pseudonymised(self.clip)
        truth = hashed.truth
        name = truth.turns[0].speaker
        assert name.startswith("spk-")
        assert (truth.utterances[0].speaker, truth.speakers[0].name) == (name, name)
        assert hashed.groups[0] == f"speaker:{name}"
        assert "Anna" not in repr(hashed)
        assert "bob" not in repr(hashed)

    def test_numbers_of_speakers_and_recordings_stay(self) -> None:
        hashed = pseudonymised(self.clip)
        assert hashed.truth.turns[1].speaker == "S2"
        assert hashed.truth.utterances[1].speaker is None
        assert hashed.groups[2] == "recording:17"

    def test_pseudonyms_depend_on_the_source_and_the_key(self) -> None:
        here = pseudonymised(self.clip).groups[0]
        assert pseudonymised(replace(self.clip, source="y")).groups[0] != here
        assert pseudonymised(self.clip, "secret").groups[0] != here
        assert pseudonymised(self.clip).groups[0] == here

    def test_a_layer_that_is_unknown_stays_unknown(self) -> None:
        clip = replace(self.clip, truth=Truth())
        assert pseudonymised(clip).truth == Truth()


def test_the_key_is_a_setting_of_the_environment_that_is_not_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAQA_SPEAKER_KEY", "hidden")
    config = load({"source": "folder", "root": folder})
    assert config.speaker_key == "hidden"
    assert "hidden" not in repr(config)


def test_an_unknown_way_of_naming_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="speaker_names"):
        load({"source": "folder", "root": folder, "speaker_names": "initials"})
