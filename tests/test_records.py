"""Records survive a round trip through JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paqa_builder.records import (
    Clip,
    Failure,
    Origin,
    Scene,
    Tag,
    Truth,
    Turn,
    Utterance,
    Word,
    from_json,
    to_json,
)

ORIGIN = Origin("tag", "fake", "1")
# Models in the same process flush subnormals to zero, which hypothesis would notice.
times = st.floats(0, 1e4, allow_subnormal=False).map(lambda t: round(t, 6))


@given(times, times, st.text(), st.floats(0, 1, allow_subnormal=False).map(lambda s: round(s, 6)))
def test_a_tag_survives_json(start: float, end: float, label: str, score: float) -> None:
    tag = Tag(start, end, label, score, "mix", True, ORIGIN)
    assert from_json(Tag, json.loads(json.dumps(to_json(tag)))) == tag


def test_a_whole_scene_survives_json() -> None:
    word = Word(0.0, 0.5, "hello", 0.9)
    scene = Scene(
        Clip("a", "folder", "train", "/a.wav", truth=Truth(turns=(Turn(0.0, 1.0, "A", 1.0, ORIGIN),))),
        None,
        turns=(),
        utterances=(Utterance(0.0, 0.5, None, "hello", (word,), "en", 0.9, ORIGIN),),
        failures=(Failure("tag", "AudioError", "too loud"),),
    )
    back = from_json(Scene, json.loads(json.dumps(to_json(scene))))
    assert back == scene


def test_absent_is_not_empty() -> None:
    scene = Scene(Clip("a", "s", "train", "p"), None, turns=(), tags=None)
    data = to_json(scene)
    assert data["turns"] == []
    assert data["tags"] is None


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(TypeError):
        from_json(Word, {"start": 0.0, "end": 1.0, "text": "a", "confidence": 1.0, "volume": 3})


def test_an_origin_as_text() -> None:
    assert str(ORIGIN) == "tag:fake@1"
    assert Origin("truth", "fsd50k", "1").is_truth


def test_annotation_of_a_corpus_survives_json_and_shards() -> None:
    from paqa_builder.dataset.schema import scene_from_row, scene_row
    from paqa_builder.records import AudioInfo, Clip, Origin, Scene, Speaker, Truth, Utterance

    said = Utterance(0.0, 1.0, "anna", "Hi.", (), "en", 1.0, Origin("truth", "x", "1"), emotion="joy")
    truth = Truth(
        utterances=(said,),
        captions=("A woman greets.", "Somebody says hi."),
        speakers=(Speaker("anna", "female", "34", None),),
    )
    clip = Clip("a", "x", "train", "", truth=truth, groups=("recording:1", "speaker:anna"))
    assert from_json(Clip, to_json(clip)) == clip
    scene = Scene(clip, AudioInfo(1.0, 16_000, 1, "0" * 64))
    assert scene_from_row(scene_row(scene)).clip == clip


@pytest.mark.parametrize("group", ["anna", "speaker:", ":anna"])
def test_a_group_without_kind_or_name_is_refused(group: str) -> None:
    from paqa_builder.errors import SourceError
    from paqa_builder.pipeline.plan import _check
    from paqa_builder.records import Clip

    with pytest.raises(SourceError, match="kind:name"):
        _check(Clip("a", "x", "train", "a.wav", groups=(group,)), "x")
