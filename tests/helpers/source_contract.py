"""The contract of a source, checked over a small tree that a test writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from paqa_builder import registry
from paqa_builder.check.proof import prove
from paqa_builder.config import load
from paqa_builder.errors import SourceError
from paqa_builder.pipeline import build
from paqa_builder.pipeline.build import BuildReport
from paqa_builder.pipeline.plan import _check, open_source
from paqa_builder.records import Clip, from_json, to_json
from paqa_builder.sources import settle_truth
from paqa_builder.testing.synthetic import TONES
from paqa_builder.testing.synthetic import write_tones as write_tone

ROOT = Path(__file__).parents[2]
__all__ = ["TONES", "check_build", "check_listing", "check_missing", "listed", "write_tone"]


def listed(name: str, root: Path, **options: Any) -> list[Clip]:
    """The clips of a source, in the order of the listing."""
    config = load({"source": name, "root": root, "out": root.parent / "out", "source_options": options})
    return list(open_source(config).clips())


def check_listing(name: str, root: Path, **options: Any) -> dict[str, Clip]:
    """Checks registry, card, docs, order, ids, splits, licences and ground truth of a listing.

    Returns:
        The clips by id.
    """
    assert registry.get("source", name).name == name
    assert (ROOT / "data_cards" / f"{name}.md").is_file(), "no data card"
    assert f"| `{name}` |" in (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
    clips = listed(name, root, **options)
    assert clips == listed(name, root, **options), "another order"
    assert len({clip.id for clip in clips}) == len(clips), "two clips have one id"
    for clip in clips:
        _check(clip, name)
        assert clip.source == name
        assert clip.id
        assert clip.license
        assert from_json(Clip, to_json(clip)) == clip
        truth = settle_truth(clip.truth, 10.0)
        for layer in (truth.turns, truth.tags, truth.utterances):
            assert all(0 <= record.start < record.end <= 10.0 for record in layer or ())
            assert list(layer or ()) == sorted(layer or (), key=lambda record: record.start)
            assert all(record.origin.is_truth for record in layer or ())
        assert len({speaker.name for speaker in truth.speakers or ()}) == len(truth.speakers or ())
    return {clip.id: clip for clip in clips}


def check_missing(name: str, tree: Callable[[Path], Path], gone: Sequence[str], base: Path) -> None:
    """Checks that a listing without one of its tables or folders raises SourceError, which names it."""
    for number, path in enumerate(gone):
        root = tree(base / f"missing{number}")
        (root / path).rename(base / f"moved{number}")
        with pytest.raises(SourceError) as caught:
            listed(name, root)
        assert Path(path).name in str(caught.value)


def check_build(name: str, root: Path, folder: Path, **options: Any) -> BuildReport:
    """Builds shards with the fakes and verifies them."""
    config = load(
        {
            "source": name, "root": root, "out": folder / "shards", "preset": "fake", "executor": "inline",
            "source_options": options,
        }
    )  # fmt: skip
    report = build.build(config)
    assert prove(config.out).good
    return report
