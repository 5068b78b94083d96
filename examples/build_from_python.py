"""python examples/build_from_python.py recordings shards"""

import sys

import paqa_builder as paqa


def main(root, out, preset="cpu"):
    report = paqa.build("folder", root=root, out=out, preset=preset)
    print(f"{sum(report.summary.questions.values())} questions, {len(report.failures)} clips failed")

    scenes = {scene.clip.id: scene for scene in paqa.load_scenes(out)}
    for question in paqa.load_questions(out):
        assert paqa.verify(question, scenes[question.clip_id]) == []
        print(question.clip_id, question.question, question.answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
