"""TRL and the processors of Hugging Face: conversational prompt and completion.

``load_dataset("json", data_files="DIR/trl/train.jsonl")``. The audio is the absolute path of a file, which
``processor.apply_chat_template`` loads. Its key is ``path``: Arrow adds the keys of a part to all others, and
the template of Qwen2-Audio takes every part with a key ``audio`` for audio. ``answer`` and ``solution`` are
for the rewards of GRPO.
"""

from __future__ import annotations

from typing import Any

from paqa_builder.export import texts
from paqa_builder.export.base import ExportClip, QuestionFormat
from paqa_builder.export.formats.ms_swift import about
from paqa_builder.export.output import Output
from paqa_builder.questions.question import Question


class Trl(QuestionFormat):
    """TRL and the processors of Hugging Face: conversational prompt and completion."""

    name = "trl"

    def row(self, clip: ExportClip, question: Question, out: Output) -> dict[str, Any]:
        assert clip.audio
        form = self.options.answer
        asked = [
            {"type": "audio", "path": str(clip.audio.path)},
            {"type": "text", "text": texts.prompt(question, form)},
        ]
        answered = [{"type": "text", "text": texts.answer(question, form)}]
        return {
            "prompt": [{"role": "user", "content": asked}],
            "completion": [{"role": "assistant", "content": answered}],
            "solution": texts.solution(question, form),
            "choices": list(question.choices),
            "answer": question.answer,
            **about(clip, question),
        }
