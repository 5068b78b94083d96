"""The contract of a source, for its author's tests."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from paqa_builder import registry
from paqa_builder.config import load
from paqa_builder.records import Clip, from_json, to_json
from paqa_builder.sources import settle_truth


def check_source(source: Path | str, root: Path | str, **options: Any) -> list[Clip]:
    """Checks that a source fulfils its contract on a small corpus.

    Two listings are equal. Ids are unique, splits and groups are valid, every clip has a licence. Ground
    truth has times in order, and is marked as the corpus's. The corpus is then built with the fake models,
    in a temporary folder, and the shards are verified.

    Args:
        source: File of the plugin, or name of a registered source.
        root: Folder of the corpus.
        options: Options of the source.

    Returns:
        The clips, in the order of the listing.

    Raises:
        AssertionError: The source breaks the contract; states how.
        SourceError: The corpus cannot be listed.
    """
    from paqa_builder.check.proof import prove
    from paqa_builder.pipeline.build import build
    from paqa_builder.pipeline.plan import make

    name = _name_of(source)
    with tempfile.TemporaryDirectory(prefix="paqa-") as folder:
        config = load(
            {
                "source": name, "root": root, "out": Path(folder) / "shards", "preset": "fake",
                "executor": "inline", "source_options": options,
            }
        )  # fmt: skip
        clips = list(make(config, save=False).clips)
        assert clips == list(make(config, save=False).clips), "two listings differ"
        for clip in clips:
            _check(clip, name)
        report = build(config)
        assert not report.failures, f"clip {report.failures[0][0]!r}: {report.failures[0][1].message}"
        assert prove(config.out).good, "the shards cannot be verified"
    return clips


def _name_of(source: Path | str) -> str:
    if isinstance(source, str) and source in registry.names("source"):
        return source
    names = [entry.name for entry in registry.load_plugin(source) if entry.kind == "source"]
    assert len(names) == 1, f"{source}: defines {len(names)} sources, not one"
    return names[0]


def _check(clip: Clip, name: str) -> None:
    place = f"clip {clip.id!r}"
    assert clip.source == name, f"{place}: its source is {clip.source!r}, not {name!r}"
    assert clip.id, "a clip without an id"
    assert clip.license, f"{place}: no licence; write 'unknown' where it is unknown"
    assert from_json(Clip, to_json(clip)) == clip, f"{place}: its records do not survive a round trip"
    truth = settle_truth(clip.truth, float("inf"))
    for layer in (truth.turns, truth.tags, truth.utterances):
        for record in layer or ():
            assert 0 <= record.start < record.end, f"{place}: {record.start} to {record.end} s is no interval"
            assert record.origin.is_truth, f"{place}: the origin of annotation is self.origin"
    names = [speaker.name for speaker in truth.speakers or ()]
    assert len(set(names)) == len(names), f"{place}: a speaker is listed twice"
