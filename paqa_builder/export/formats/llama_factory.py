"""LLaMA-Factory: conversations, with dataset_info.json.

``paqa_SPLIT.jsonl`` is in its ShareGPT form. Train with ``dataset_dir: DIR/llama-factory`` and ``dataset:
paqa_train``. Paths of audio are relative to that folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from paqa_builder.export import texts
from paqa_builder.export.base import ExportClip, QuestionFormat
from paqa_builder.export.formats.ms_swift import about
from paqa_builder.export.output import Output
from paqa_builder.questions.question import Question

_TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}


class LlamaFactory(QuestionFormat):
    """LLaMA-Factory: conversations, with dataset_info.json."""

    name = "llama-factory"

    def file(self, split: str) -> str:
        return f"paqa_{split}.jsonl"

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        super().write(clips, out)
        columns = {"messages": "messages", "audios": "audios"}
        info = {
            name.removesuffix(".jsonl"): {
                "file_name": name, "formatting": "sharegpt", "columns": columns, "tags": _TAGS,
            }
            for name in sorted(out.rows)
            if name.endswith(".jsonl")
        }  # fmt: skip
        out.text("dataset_info.json", json.dumps(info, indent=2) + "\n", rows=0)

    def row(self, clip: ExportClip, question: Question, out: Output) -> dict[str, Any]:
        assert clip.audio
        return {
            "messages": texts.messages(question, self.options.answer),
            "audios": [out.relative(clip.audio.path)],
            **about(clip, question),
        }
