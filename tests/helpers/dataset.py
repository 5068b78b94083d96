"""A small data set for the tests of shards, card and hub: real audio files, made-up records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from paqa_builder import audio
from paqa_builder.dataset.write import write_shards
from paqa_builder.questions.question import Difficulty, Question, cite
from paqa_builder.records import Clip, Failure, Origin, Scene, Stem, Tag, Truth, Turn, Utterance, Word

DIARIZE = Origin("diarize", "fake", "1")
TAG = Origin("tag", "fake", "1")
TRANSCRIBE = Origin("transcribe", "fake", "1")
CORPUS = Origin("truth", "made_up", "1")
BUILD = {"source": {"name": "made_up", "options": {}}, "seed": 0}


def clip_file(folder: Path, name: str, seconds: float = 0.5, rate: int = 8000) -> Path:
    """Writes noise, which does not compress, as WAV; the same name gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(sum(name.encode()))
    path = folder / name
    soundfile.write(path, generator.uniform(-0.5, 0.5, round(seconds * rate)), rate, subtype="PCM_16")
    return path


def scene_of(path: Path, *, split: str = "train", terms: str = "CC0-1.0") -> Scene:
    """A scene in which S1 speaks two words over a siren."""
    clip = Clip(
        id=path.stem, source="made_up", split=split, path=str(path), license=terms, attribution="Jo | Döe",
        source_url=f"https://example.org/{path.stem}",
        truth=Truth(tags=(Tag(0.0, 0.5, "Siren", 1.0, "clip", False, CORPUS),), tags_complete=True),
    )  # fmt: skip
    words = (Word(0.1, 0.2, "hello", 0.9), Word(0.2, 0.3, "there", 0.8))
    return Scene(
        clip,
        audio.read(path)[1],
        stems=(Stem("speech", "stems/aa/x.flac", 8000, 0.1, Origin("separate", "fake", "1")),),
        turns=(Turn(0.1, 0.3, "S1", 0.9, DIARIZE),),
        tags=(Tag(0.0, 0.4, "Siren", 0.7, "background", True, TAG),),
        utterances=(Utterance(0.1, 0.3, "S1", "hello there", words, "en", 0.85, TRANSCRIBE),),
    )


def failed_scene(name: str = "broken", split: str = "train") -> Scene:
    """A scene whose audio could not be read."""
    clip = Clip(id=name, source="made_up", split=split, path=f"/nowhere/{name}.wav")
    return Scene(clip, None, failures=(Failure("read", "AudioError", f"{name}.wav: the file is empty"),))


def questions_of(scene: Scene, count: int = 3) -> list[Question]:
    """Questions about a scene that :func:`scene_of` made."""
    assert scene.turns
    assert scene.tags
    return [
        Question(
            id=f"q-{scene.clip.id}-{n}",
            question="What sounds while the first speaker talks?",
            choices=("Dog", "Siren", "Rain", "Bell"),
            answer="Siren",
            answer_index=1,
            skill="background",
            level="both",
            trace="<THINK>…```code```…</THINK>",
            clip_id=scene.clip.id,
            template=f"t{n}",
            evidence=(cite(scene.tags[0]), cite(scene.turns[0])),
            provenance=("diarize:fake@1", "tag:fake@1"),
            difficulty=Difficulty("easy", 0.25, None, None, 1, 2, 0.0),
        )
        for n in range(count)
    ]


def rebuild(folder: str) -> None:
    """Builds what the fixture ``items`` of ``test_shards`` holds, from its files."""
    audio = Path(folder) / "audio"
    splits = {"a": "train", "b": "train", "c": "test", "ü n": "train"}
    scenes = [scene_of(audio / f"{name}.wav", split=split) for name, split in splits.items()]
    items = [(scene, questions_of(scene) if n < 3 else []) for n, scene in enumerate(scenes)]
    write_shards(Path(folder) / "out", [*items, (failed_scene(), [])], BUILD)
