"""Licences of mixtures: recordings that may not be mixed are refused, allowed ones are chosen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.mix_pools import SPEC, events_manifest, speech_manifest

from paqa_builder.errors import ConfigError, SourceError
from paqa_builder.mix.folder import mix, prepare
from paqa_builder.mix.source import Mix
from paqa_builder.mix.spec import Spec, make_spec


def spec(**changes: object) -> Spec:
    return make_spec({**SPEC, "splits": {"train": 1}, **changes})


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pools")
    return speech_manifest(folder / "s"), events_manifest(folder / "e")


def licensed(manifest: Path, names: list[str], where: Path) -> str:
    """The manifest with licences in turn."""
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    for n, row in enumerate(rows):
        row["license"] = names[n % len(names)]
    path = manifest.with_name(f"{where.name}.jsonl")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize(
    ("speech", "events", "reason"),
    [
        (["CC-BY-SA-4.0"], ["CC-BY-NC-4.0"], "CC-BY-SA-4.0 asks for the same licence"),
        (["CC-BY-4.0"], ["CC-BY-ND-4.0"], "does not permit mixtures"),
        (["CC-BY-4.0", "GPL-3.0"], ["CC-BY-NC-3.0"], "GPL-3.0 asks for the same licence"),
    ],
)
def test_recordings_that_may_not_be_mixed_are_named(
    speech: list[str], events: list[str], reason: str, pools: tuple[Path, Path], tmp_path: Path
) -> None:
    places = licensed(pools[0], speech, tmp_path), licensed(pools[1], events, tmp_path)
    with pytest.raises(ConfigError, match=reason) as caught:
        prepare(spec(), tmp_path / "out", [places[0]], [places[1]])
    assert ".flac (" in caught.value.message
    assert not (tmp_path / "out").exists()
    assert prepare(spec(license_conflicts="keep"), tmp_path / "out", [places[0]], [places[1]]).events


def test_the_strictest_licence_is_that_of_the_scene(pools: tuple[Path, Path], tmp_path: Path) -> None:
    places = licensed(pools[0], ["CC-BY-4.0"], tmp_path), licensed(pools[1], ["CC-BY-NC-4.0"], tmp_path)
    rows = list(mix(prepare(spec(scenes=4), tmp_path / "out", [places[0]], [places[1]])))
    assert {row["license"] for row in rows if row["events"]} == {"CC-BY-NC-4.0"}


def test_only_allowed_recordings_are_used(
    pools: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["CC0-1.0", "CC-BY-SA-4.0"]
    places = licensed(pools[0], ["CC-BY-4.0"], tmp_path), licensed(pools[1], names, tmp_path)
    job = prepare(spec(license_allow=["open"]), tmp_path / "out", [places[0]], [places[1]])
    assert job.events
    assert {recording.license for recording in job.events.recordings} == {"CC0-1.0"}
    assert "CC-BY-SA-4.0" in caplog.text


def scene(stated: object, *parts: object, audio: str = "audio/a.flac") -> str:
    """A line of a manifest written by hand."""
    events = [{"label": "Rain", "licence": name, "active_segments": [[0, 1]]} for name in parts]
    row = {"id": "a", "split": "train", "audio": audio, "segments": [], "events": events, "license": stated}
    return json.dumps(row) + "\n"


@pytest.mark.parametrize(
    ("stated", "parts", "license_name"),
    [
        ("CC-BY-4.0", ["CC-BY-4.0", "CC-BY-NC-3.0"], "CC-BY-NC-3.0"),
        ("", ["CC0", "CC-BY-4.0"], "CC-BY-4.0"),
        (None, ["CC0", ""], "unknown"),
        ("CC-BY-4.0", [None], "CC-BY-4.0"),
        ("CC-BY-NC-4.0 AND Sampling+", ["CC-BY-NC-4.0"],
         "CC-BY-NC-4.0 AND http://creativecommons.org/licenses/sampling+/1.0/"),
    ],
)  # fmt: skip
def test_a_scene_has_the_strictest_of_the_licences_in_its_line(
    stated: str | None, parts: list[str | None], license_name: str, tmp_path: Path
) -> None:
    (tmp_path / "manifest.jsonl").write_text(scene(stated, *parts))
    assert [clip.license for clip in Mix(tmp_path).clips()] == [license_name]


def test_a_manifest_with_licences_that_do_not_permit_a_mixture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(scene("CC0", "CC-BY-SA-4.0", "CC-BY-NC-4.0"))
    with pytest.raises(SourceError, match=r"scene 'a'.*CC-BY-SA-4.0 asks for the same licence"):
        list(Mix(tmp_path).clips())
    (tmp_path / "spec.yaml").write_text("license_conflicts: keep\n")
    (clip,) = Mix(tmp_path).clips()
    assert clip.license == "CC-BY-NC-4.0 AND CC-BY-SA-4.0"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (scene(["CC0"]), "a licence is no text"), (scene("CC0", 3), "a licence is no text"),
        (scene("CC0", audio="../x.flac"), "leads out"), (scene("CC0", audio="/x.flac"), "leads out"),
    ],
)  # fmt: skip
def test_lines_that_are_no_scene(line: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(line)
    with pytest.raises(SourceError, match=says):
        list(Mix(tmp_path).clips())
