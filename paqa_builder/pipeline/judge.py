"""The blind gate as a step of a build, between the questions and the shards.

::

    WORK/gate-<key>/items.jsonl       the texts of all questions, which the solver reads several times
    WORK/gate-<key>/verdicts.json     the verdicts, written when the gate is done
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from paqa_builder import files
from paqa_builder.config import Config, validate_options
from paqa_builder.files import state
from paqa_builder.gate.gate import Reader, judge
from paqa_builder.gate.item import BlindItem
from paqa_builder.gate.options import GateOptions
from paqa_builder.gate.report import GateReport, Verdicts
from paqa_builder.pipeline.plan import Plan
from paqa_builder.pipeline.step import Done, Progress, StageReport, Step, code_hash

STEP = "gate"


def options_of(config: Config) -> GateOptions:
    """The validated ``gate`` section of a configuration."""
    return validate_options(GateOptions, config.gate, "gate")


def run(
    plan: Plan, asked: Path, progress: Progress, reader: Reader | None = None, reader_key: str = ""
) -> tuple[Verdicts, StageReport]:
    """Judges a plan's questions, unless an earlier run did.

    Args:
        asked: The folder of the questions; see :func:`paqa_builder.pipeline.ask.run`.
        reader: A stronger blind solver than the gate's own.
        reader_key: Identifies the reader, which decides the verdicts.
    """
    options = options_of(plan.config)
    parts = [part.hash for part in plan.parts]
    code = code_hash("gate/*.py")
    key = files.digest([code, version("scipy"), asked.name, parts, options.model_dump(), reader_key])
    folder = plan.work / f"{STEP}-{key}"
    file = folder / "verdicts.json"

    def results() -> Iterator[Done]:
        began = time.process_time()
        texts = folder / "items.jsonl"
        _write_texts(plan, asked, texts)
        verdicts = judge(lambda: _texts(texts), options, reader)
        content = {
            "report": verdicts.report.to_json(),
            "refused": verdicts.refused,
            "weak": sorted(verdicts.weak),
        }
        state.write(file, content)
        texts.unlink()
        yield Done(plan.count, 0, 0.0, time.process_time() - began)

    missing = () if state.intact(file) else plan.parts
    report = Step(STEP, plan.parts, missing, progress).run(results() if missing else ())
    return read(file), report


def read(file: Path) -> Verdicts:
    """Reads ``verdicts.json``."""
    (content,) = state.read_rows(file)
    return Verdicts(GateReport.from_json(content["report"]), content["refused"], frozenset(content["weak"]))


def _write_texts(plan: Plan, asked: Path, file: Path) -> None:
    # Questions with their traces would be ten times as much to parse in every pass.
    with files.atomic_file(file) as out:
        for part in plan.parts:
            for row in state.read_rows(part.file(asked)):
                for q in row["questions"]:
                    text = [q[name] for name in ("id", "question", "choices", "answer_index")]
                    text += [row["clip"], q["template"]]
                    out.write(json.dumps(text, ensure_ascii=False).encode() + b"\n")


def _texts(file: Path) -> Iterator[BlindItem]:
    with file.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            question_id, question, choices, answer, clip, template = json.loads(line)
            yield BlindItem(question_id, question, tuple(choices), answer, clip, template)
