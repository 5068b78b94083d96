"""Small cuts of corpora whose clips are excerpts of long recordings."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import pytest
from corpora.test_tables import served
from helpers.file_server import serving

from paqa_builder import config, registry
from paqa_builder.corpora import plan as plans
from paqa_builder.corpora.fetch import fetch
from paqa_builder.pipeline.plan import make
from paqa_builder.sources.downloads import ALL


@pytest.mark.parametrize("save", [True, False])
def test_recordings_that_were_not_fetched_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: bool
) -> None:
    monkeypatch.setenv("PAQA_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("os.sync", lambda: None)
    (tmp_path / "tree").mkdir()
    made = importlib.import_module("sources.test_meetings").voxconverse(tmp_path / "tree")
    (made / "audio").rename(made / "voxconverse_dev_wav")
    source = registry.get("source", "voxconverse")
    with serving() as server:
        table = served(made, "voxconverse", source.downloads, server)
        archives = tuple(
            replace(archive, small=0 if archive.subset == "test" else 1 if archive.kind == "zip" else ALL)
            for archive in table.archives
        )
        monkeypatch.setattr(source, "downloads", replace(table, archives=archives))
        place = fetch(plans.plan("voxconverse", small=True), mirror=server.url)
    (recording,) = place.rglob("*.wav")
    settings = config.load({"source": "voxconverse", "out": tmp_path / "out", "preset": "fake"})
    plan = make(settings, save=save)
    assert plan.config.root == place
    assert plan.clips
    assert all(clip.id.startswith(recording.stem) for clip in plan.clips)
