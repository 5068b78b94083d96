"""Shards with hard texts and layers, for the tests of exports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from helpers.dataset import (
    BUILD,
    CORPUS,
    DIARIZE,
    TAG,
    TRANSCRIBE,
    clip_file,
    failed_scene,
    questions_of,
    scene_of,
)
from paqa_builder.dataset.write import write_shards
from paqa_builder.records import Scene, Tag, Truth, Turn, Utterance, Word

NASTY = 'say "hi"\t<b>&amp;\x07\n<audio> ]]> \u2028end'


def hard_scene(path: Path, clip_id: str) -> Scene:
    """Overlapping turns of one speaker, times beyond the end, texts with every kind of separator."""
    scene = scene_of(path)
    words = (Word(0.1, 0.2, "New York", 0.9), Word(0.2, 0.3, '"quoted"', 0.8))
    return replace(
        scene,
        clip=replace(scene.clip, id=clip_id, truth=Truth()),
        turns=(
            Turn(0.0, 0.3, "A B", 0.9, DIARIZE), Turn(0.1, 0.2, "A_B", 0.9, DIARIZE),
            Turn(0.2, 0.45, "A B", 0.9, DIARIZE), Turn(0.3, 9.0, "A_B", 0.5, DIARIZE),
        ),
        tags=(
            Tag(0.0, 0.4, NASTY, 0.7, "background", True, TAG),
            Tag(0.2, 0.5, NASTY, 0.6, "background", True, TAG),
            Tag(0.0, 0.5, "Rain", 0.6, "background", False, TAG),
        ),
        utterances=(
            Utterance(0.1, 0.3, "A B", NASTY, words, "en", 0.85, TRANSCRIBE),
            Utterance(0.3, 0.4, None, "no speaker", (), None, 0.5, TRANSCRIBE),
        ),
    )  # fmt: skip


def export_shards(folder: Path) -> Path:
    """Shards in two splits: five clips, of which one has no questions, and one that cannot be read."""
    audio = folder / "audio"
    plain = scene_of(clip_file(audio, "plain.wav"))
    known = replace(plain.clip.truth, turns=(Turn(0.2, 0.4, "anna", 1.0, CORPUS),))
    plain = replace(plain, clip=replace(plain.clip, truth=known))
    hard = hard_scene(clip_file(audio, "hard.wav"), "talk/one two")
    twin = replace(scene_of(clip_file(audio, "twin.wav"), split="test"), turns=(), tags=(), utterances=())
    twin = replace(twin, clip=replace(twin.clip, id="talk/One two", truth=Truth()))
    unknown = replace(
        scene_of(clip_file(audio, "unknown.wav"), split="test"), turns=None, tags=None, utterances=None
    )
    unknown = replace(unknown, clip=replace(unknown.clip, truth=Truth()))
    silent = scene_of(clip_file(audio, "silent.wav"))
    items = [(scene, _questions(scene)) for scene in (plain, hard, twin, unknown)]
    write_shards(folder / "shards", [*items, (silent, []), (failed_scene(), [])], BUILD)
    return folder / "shards"


def _questions(scene: Scene) -> list:
    base = scene if scene.tags and scene.turns else scene_of(Path(scene.clip.path))
    made = questions_of(base, 2)
    return [
        replace(q, id=f"q-{scene.clip.id}-{n}", clip_id=scene.clip.id, question=f"What is it? {NASTY}")
        for n, q in enumerate(made)
    ]
