"""The blind gate as a step of a build, between the questions and the shards.

::

    WORK/gate-<key>/items.jsonl       the texts of all questions, which the solver reads several times
    WORK/gate-<key>/verdicts.json     the verdicts, written when the gate is done
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
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
from paqa_builder.runtime.executor import Crash, Processes

STEP = "gate"
# Up to this number of questions, the solver runs in the process of the build.
_FEW = 5_000


@dataclass(frozen=True, slots=True)
class Task:
    """Judges questions in a worker.

    Attributes:
        texts: The texts of the questions.
        file: Where the verdicts go.
    """

    texts: Path
    file: Path
    options: GateOptions


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
        task = Task(texts, file, options)
        spent = 0.0
        many = _write_texts(plan, asked, texts) > _FEW
        if many and reader is None and plan.config.executor != "inline":
            # The solver's matrices would stay in the memory of this process.
            result = Processes(1).run_alone(write_verdicts, task)
            if isinstance(result, Crash):
                raise RuntimeError(f"the worker died in the blind gate, while writing {file}")
            spent = result
        else:
            write_verdicts(task, reader)
        texts.unlink()
        yield Done(plan.count, 0, 0.0, time.process_time() - began + spent)

    missing = () if state.intact(file) else plan.parts
    report = Step(STEP, plan.parts, missing, progress).run(results() if missing else ())
    return read(file), report


def write_verdicts(task: Task, reader: Reader | None = None) -> float:
    """Judges the questions of a task and writes the verdicts. Returns the CPU seconds."""
    began = time.process_time()
    verdicts = judge(lambda: _texts(task.texts), task.options, reader)
    content = {
        "report": verdicts.report.to_json(),
        "refused": verdicts.refused,
        "weak": sorted(verdicts.weak),
    }
    state.write(task.file, content)
    return time.process_time() - began


def read(file: Path) -> Verdicts:
    """Reads ``verdicts.json``."""
    (content,) = state.read_rows(file)
    return Verdicts(GateReport.from_json(content["report"]), content["refused"], frozenset(content["weak"]))


def _write_texts(plan: Plan, asked: Path, file: Path) -> int:
    """Writes the texts of all questions. Returns their number."""
    count = 0
    # Questions with their traces would be ten times as much to parse in every pass.
    with files.atomic_file(file) as out:
        for part in plan.parts:
            for row in state.read_rows(part.file(asked)):
                for q in row["questions"]:
                    text = [q[name] for name in ("id", "question", "choices", "answer_index")]
                    text += [row["clip"], q["template"]]
                    out.write(json.dumps(text, ensure_ascii=False).encode() + b"\n")
                    count += 1
    return count


def _texts(file: Path) -> Iterator[BlindItem]:
    with file.open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            question_id, question, choices, answer, clip, template = json.loads(line)
            yield BlindItem(question_id, question, tuple(choices), answer, clip, template)
