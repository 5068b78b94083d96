"""python examples/build_from_python.py RECORDINGS SHARDS [PRESET]

Builds a data set from a folder of audio, then reads it back and proves its questions again.
"""

import sys

import paqa_builder as paqa


def main(recordings: str, shards: str, preset: str = "cpu") -> None:
    report = paqa.build("folder", root=recordings, out=shards, preset=preset)
    for clip, failure in report.failures:
        print(f"{clip}: {failure.message}")

    scenes = {scene.clip.id: scene for scene in paqa.load_scenes(shards)}
    for question in paqa.load_questions(shards):
        scene = scenes[question.clip_id]
        proved = not paqa.verify(question, scene)
        print(f"{question.clip_id}: {question.question} {question.answer} (proved: {proved})")


if __name__ == "__main__":
    main(*sys.argv[1:])
