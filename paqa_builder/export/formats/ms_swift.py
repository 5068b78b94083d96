"""ms-swift: conversations for supervised fine-tuning, prompts with solutions for GRPO.

One JSON object a line. ``sft/SPLIT.jsonl`` is for ``swift sft --dataset``, ``grpo/SPLIT.jsonl`` for ``swift
rlhf --rlhf_type grpo``: its columns ``solution`` and those of the question reach the rewards. ms-swift
resolves relative paths of audio by its working folder, so they are absolute.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from paqa_builder.export import texts
from paqa_builder.export.base import ExportClip, ExportFormat
from paqa_builder.export.output import Output
from paqa_builder.questions.question import Question


class MsSwift(ExportFormat):
    """ms-swift: conversations for supervised fine-tuning, prompts with solutions for GRPO."""

    name = "ms-swift"
    with_questions: ClassVar[bool] = True

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        for clip in clips:
            for question in clip.questions:
                out.row(f"sft/{clip.split}.jsonl", self.sft(clip, question))
                out.row(f"grpo/{clip.split}.jsonl", self.grpo(clip, question))

    def sft(self, clip: ExportClip, question: Question) -> dict[str, Any]:
        """A row for supervised fine-tuning."""
        assert clip.audio
        return {
            "messages": texts.messages(question, self.options.answer),
            "audios": [str(clip.audio.path)],
            **about(clip, question),
        }

    def grpo(self, clip: ExportClip, question: Question) -> dict[str, Any]:
        """A row for GRPO."""
        assert clip.audio
        return {
            "messages": [{"role": "user", "content": f"<audio>{texts.asked(question, texts.TAGGED)}"}],
            "audios": [str(clip.audio.path)],
            "solution": texts.solution(question, self.options.answer),
            **about(clip, question),
        }


def about(clip: ExportClip, question: Question) -> dict[str, Any]:
    """Columns that trainers pass on or ignore: where a question comes from, and the terms of its audio."""
    return {
        "question_id": question.id,
        "clip_id": question.clip_id,
        "skill": question.skill,
        "audio_contribution": clip.contribution.get(question.id),
        **clip.terms,
    }
