"""AVQA, as R1-AQA reads it: JSON lines with the index of the answer.

R1-AQA takes the first channel of a file and resamples it to 16 kHz, so the audio is WAV with 16 kHz, mono.
Paths of audio are absolute. It replaces the word "video" in questions by "audio".
"""

from __future__ import annotations

from typing import Any, ClassVar

from paqa_builder.export import texts
from paqa_builder.export.base import AudioKind, ExportClip, QuestionFormat
from paqa_builder.export.output import Output
from paqa_builder.questions.question import Question


class Avqa(QuestionFormat):
    """AVQA, as R1-AQA reads it: JSON lines with the index of the answer."""

    name = "avqa"
    audio: ClassVar[AudioKind] = "wav16k"

    def row(self, clip: ExportClip, question: Question, out: Output) -> dict[str, Any]:
        assert clip.audio
        return {
            "id": question.id,
            "video_name": clip.name,
            "video_id": question.clip_id,
            "question_text": texts.plain(question.question),
            "multi_choice": [texts.plain(choice) for choice in question.choices],
            "answer": question.answer_index,
            "question_relation": question.level,
            "question_type": question.skill,
            "dataset_name": "AVQA",
            "audio_path": str(clip.audio.path),
            "split": clip.split,
            **clip.terms,
        }
