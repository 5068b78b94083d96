"""MOSS-Audio: conversations for fine-tuning.

One JSON object a line, for ``finetune/finetune.py``. Paths of audio are absolute; the audio is WAV with 16
kHz, as its script resamples to.
"""

from __future__ import annotations

from typing import Any, ClassVar

from paqa_builder.export import texts
from paqa_builder.export.base import AudioKind, ExportClip, QuestionFormat
from paqa_builder.export.formats.ms_swift import about
from paqa_builder.export.output import Output
from paqa_builder.questions.question import Question


class Moss(QuestionFormat):
    """MOSS-Audio: conversations for fine-tuning."""

    name = "moss"
    audio: ClassVar[AudioKind] = "wav16k"

    def row(self, clip: ExportClip, question: Question, out: Output) -> dict[str, Any]:
        assert clip.audio
        form = self.options.answer
        conversation = [
            {"role": "user", "message_type": "audio", "content": str(clip.audio.path)},
            {"role": "user", "message_type": "text", "content": texts.prompt(question, form)},
            {"role": "assistant", "message_type": "text", "content": texts.answer(question, form)},
        ]
        return {"conversation": conversation, **about(clip, question)}
