"""AudioMCQ: JSON lines.

Paths of audio are relative to the folder of the format. ``--answer trace`` adds the trace as
``structured_cot``. The split ``train`` is ``data.jsonl``, the file that NeMo-RL's reader of AudioMCQ opens;
it takes only questions whose ``audio-contribution`` is ``strong``, where there is the column.
"""

from __future__ import annotations

from typing import Any

from paqa_builder.export.base import ExportClip, QuestionFormat
from paqa_builder.export.output import Output
from paqa_builder.questions.question import Question


class AudioMcq(QuestionFormat):
    """AudioMCQ: JSON lines."""

    name = "audiomcq"

    def file(self, split: str) -> str:
        return "data.jsonl" if split == "train" else f"{split}.jsonl"

    def row(self, clip: ExportClip, question: Question, out: Output) -> dict[str, Any]:
        assert clip.audio
        more = {"structured_cot": question.trace} if self.options.answer == "trace" else {}
        if verdict := clip.contribution.get(question.id):
            more["audio-contribution"] = verdict
        return {
            "source_dataset": clip.scene.clip.source,
            "id": question.id,
            "question_type": question.level,
            "audio_path": out.relative(clip.audio.path),
            "question": question.question,
            "choices": list(question.choices),
            "answer": question.answer,
            **more,
            "skill": question.skill,
            "clip_id": question.clip_id,
            "split": clip.split,
            **clip.terms,
        }
