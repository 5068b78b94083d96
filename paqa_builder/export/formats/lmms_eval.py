"""lmms-eval: an evaluation task of the test split.

It has the form of lmms-eval's own ``mmau``::

    lmms-eval --model MODEL --tasks paqa_test --include_path DIR/lmms-eval --batch_size 1

``test.jsonl`` has the questions, ``utils.py`` reads audio and scores answers
(:mod:`paqa_builder.export.formats.lmms_eval_utils`). Paths are relative, so the folder of the export may be
moved. ``--answer letter`` or ``trace`` changes the instruction at the end of the prompt.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any, ClassVar

from paqa_builder.export import texts
from paqa_builder.export.base import ExportClip, QuestionFormat
from paqa_builder.export.output import Output
from paqa_builder.questions.question import Question

_INSTRUCTION = {
    "letter": "\\nAnswer with the option's letter from the given choices directly.",
    "text": "\\nAnswer with the text of one of the given choices directly.",
    "trace": "",
}
_TOKENS = {"letter": 128, "text": 128, "trace": 2048}
_TEMPLATE = """\
dataset_path: json
doc_to_target: "answer"
doc_to_visual: !function utils.doc_to_audio
doc_to_text: !function utils.doc_to_text
doc_to_choice: !function utils.doc_to_choice
process_results: !function utils.process_results
output_type: generate_until
generation_kwargs:
  max_new_tokens: {tokens}
  do_sample: false
lmms_eval_specific_kwargs:
  default:
    pre_prompt: ""
    post_prompt: "{instruction}"
metric_list:
  - metric: accuracy
    aggregation: !function utils.aggregate
    higher_is_better: true
metadata:
  version: 1.0
"""
_TASK = """\
task: "paqa_{split}"
dataset_kwargs:
  data_files:
    {split}: {split}.jsonl
test_split: {split}
include: _default_template_yaml
"""


class LmmsEval(QuestionFormat):
    """lmms-eval: an evaluation task of the test split."""

    name = "lmms-eval"
    splits: ClassVar[tuple[str, ...]] = ("test",)

    def write(self, clips: Iterable[ExportClip], out: Output) -> None:
        super().write(clips, out)
        form = self.options.answer
        for split in [name.removesuffix(".jsonl") for name in list(out.rows)]:
            out.text(f"paqa_{split}.yaml", _TASK.format(split=split), rows=0)
        template = _TEMPLATE.format(tokens=_TOKENS[form], instruction=_INSTRUCTION[form])
        out.text("_default_template_yaml", template, rows=0)
        functions = files(__package__).joinpath("lmms_eval_utils.py").read_text(encoding="utf-8")
        out.text("utils.py", functions, rows=0)

    def row(self, clip: ExportClip, question: Question, out: Output) -> dict[str, Any]:
        assert clip.audio
        return {
            "id": question.id,
            "audio": out.relative(clip.audio.path),
            "question": texts.plain(question.question),
            "choices": [texts.plain(choice) for choice in question.choices],
            "answer": texts.plain(question.answer),
            "answer_index": question.answer_index,
            "task": question.level,
            "skill": question.skill,
            "level": question.level,
            "difficulty": question.difficulty.level,
            "audio_contribution": clip.contribution.get(question.id),
            "clip_id": question.clip_id,
            **clip.terms,
        }
