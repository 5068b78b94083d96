"""The language model as a step of a build, between the questions and the blind gate.

::

    WORK/llm-cache/…                      every reply, by the content of its request
    WORK/rephrased-<key>/part-….jsonl     the questions' rows, with the model's wordings
    WORK/rephrased-<key>-<rest>/…         all parts of a run in which the endpoint failed
    WORK/blind-<key>/part-….jsonl         how often each question is answered without audio

A part is complete only if no request failed; what failed is asked again by the next run. Rows that
were made without it have a folder of another name, so that nothing later takes them for the same.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from paqa_builder import files
from paqa_builder.gate.gate import Reader
from paqa_builder.gate.item import BlindItem
from paqa_builder.llm import blind, propose, rephrase
from paqa_builder.llm.cache import Reply
from paqa_builder.llm.options import LlmOptions, options_of
from paqa_builder.llm.talk import Answer, NoReply, Talk
from paqa_builder.pipeline import ask, scenes
from paqa_builder.pipeline.plan import Plan
from paqa_builder.pipeline.step import Done, Progress, StageReport, Step
from paqa_builder.questions import Corpus, Template, load_templates
from paqa_builder.questions.question import Question
from paqa_builder.records import to_json

STEP, BLIND = "rephrased", "blind"
# Settings that change how a reply is got, not what it says.
_IDLE = {"url", "key_variable", "concurrency", "per_minute", "timeout", "retries"}


@dataclass
class LlmReport:
    """Requests to the language model and their outcomes.

    Attributes:
        model: Its name; empty where none is configured.
        options: Those that decide results.
        counts: ``"accepted: reasoning"``, ``"rejected: question: another sound"``, ``"proposed"``, …
        requests: Requests of the whole data set, whenever they were sent; so the next two.
        read: Tokens of the requests.
        written: Tokens of the replies.
        sent: Requests sent in this run.
        cached: Replies of this run that an earlier one had.
        failed: Requests of this run that came to nothing.
        last_error: What the last of them said.
    """

    model: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    read: int = 0
    written: int = 0
    sent: int = 0
    cached: int = 0
    failed: int = 0
    last_error: str = ""

    def to_json(self) -> dict[str, Any]:
        """What a lock says: the same in every run that makes the same data set."""
        return {
            "model": self.model,
            "options": self.options,
            "counts": dict(sorted(self.counts.items())),
            "requests": self.requests,
            "tokens": {"read": self.read, "written": self.written},
        }

    def add(self, counts: dict[str, Any]) -> None:
        """Adds a row's counts of its own requests."""
        self.counts.update(counts["counts"])
        self.requests += counts["requests"]
        self.read += counts["read"]
        self.written += counts["written"]


@dataclass
class _Tally:
    """What one clip's requests came to, as its row says it."""

    counts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    read: int = 0
    written: int = 0
    failed: list[str] = field(default_factory=list)

    def take(self, answer: Answer, name: str) -> Reply | None:
        """The reply, if there is one; counted either way."""
        if isinstance(answer, Reply):
            self.requests += 1
            self.read += answer.read
            self.written += answer.written
            return answer
        self.counts[f"not asked: {answer}"] += 1
        if answer == NoReply.FAILED:
            self.failed.append(name)
        return None

    def to_json(self) -> dict[str, Any]:
        return {
            "counts": dict(sorted(self.counts.items())),
            "requests": self.requests,
            "read": self.read,
            "written": self.written,
        }


def start(plan: Plan) -> Talk | None:
    """The conversation of a build; None where no language model is configured."""
    options = options_of(plan.config)
    return Talk(options, plan.work) if options.on else None


def run(
    plan: Plan, asked: Path, talk: Talk | None, report: LlmReport, progress: Progress
) -> tuple[Path, list[StageReport]]:
    """Proposes and rephrases where the configuration says so.

    Args:
        asked: The parts with the questions; see :func:`paqa_builder.pipeline.ask.run`.
        report: Filled in.

    Returns:
        The parts to go on with, which are ``asked`` itself where there is nothing to do.

    Raises:
        NotReadyError: The endpoint does not answer from the start, or ``openai`` is not installed.
    """
    if talk is None:
        return asked, []
    report.model = talk.model
    report.options = _deciding(talk.options)
    if not talk.options.rephrase and not talk.options.propose:
        return asked, []
    folder = plan.work / f"{STEP}-{_key(plan, asked, talk, blind=False)}"
    tools = _Tools.of(plan, asked, talk)
    stage, rest = _parts(plan, folder, talk, report, progress, STEP, lambda part: _rows(part, asked, tools))
    return _whole(plan, folder, rest), [stage]


def read_blind(
    plan: Plan, asked: Path, talk: Talk | None, report: LlmReport, progress: Progress
) -> tuple[Reader | None, str, list[StageReport]]:
    """Has every question answered without audio, where the configuration says so.

    Returns:
        A reader for the gate, None where none is configured; the reader's key; the cost.
    """
    if talk is None or not talk.options.blind:
        return None, "", []
    key = _key(plan, asked, talk, blind=True)
    folder = plan.work / f"{BLIND}-{key}"
    stage, rest = _parts(
        plan, folder, talk, report, progress, BLIND, lambda part: _blind_rows(part, asked, talk)
    )
    sure: dict[str, float | None] = {}
    for part in plan.parts:
        for row in files.read_rows(_file(folder, part, rest)):
            sure.update(row["sure"])
    return lambda items: [sure.get(item.id) for item in items], f"{key}-{files.digest(rest)}", [stage]


@dataclass(frozen=True)
class _Tools:
    plan: Plan
    talk: Talk
    corpus: Corpus
    templates: dict[str, Template]

    @classmethod
    def of(cls, plan: Plan, asked: Path, talk: Talk) -> _Tools:
        corpus = json.loads((asked / "corpus.json").read_text(encoding="utf-8"))
        templates = {t.name: t for t in load_templates(plan.config.templates)}
        return cls(plan, talk, Corpus.from_json(corpus), templates)


def _rows(part: files.Part, asked: Path, tools: _Tools) -> list[tuple[dict[str, Any], _Tally]]:
    rows = files.read_rows(part.file(asked))
    tallies = [_Tally() for _ in rows]
    kept = [[Question.from_json(data) for data in row["questions"]] for row in rows]
    if tools.talk.options.propose:
        _propose(part, kept, tallies, tools)
    if tools.talk.options.rephrase:
        _rephrase(kept, tallies, tools)
    return [
        ({**row, "questions": [to_json(q) for q in questions]}, tally)
        for row, questions, tally in zip(rows, kept, tallies, strict=True)
    ]


def _propose(part: files.Part, kept: list[list[Question]], tallies: list[_Tally], tools: _Tools) -> None:
    talk, config = tools.talk, tools.plan.config
    wanted, templates = talk.options.propose, list(tools.templates.values())
    offers = []
    for scene, asked in zip(scenes.of_part(tools.plan, part), kept, strict=True):
        options = ask.options_of(config)
        offers.append(propose.candidates(scene, asked, tools.corpus, templates, options, config.seed))
    clips = [n for n, offered in enumerate(offers) if offered]
    answers = talk.ask([talk.request(propose.messages(kept[n], offers[n], wanted)) for n in clips])
    for n, answer in zip(clips, answers, strict=True):
        reply = tallies[n].take(answer, "proposals")
        if reply is not None:
            new = propose.apply(offers[n], reply, wanted, talk.model, tools.templates, tallies[n].counts)
            kept[n] = sorted([*kept[n], *new], key=lambda q: (q.template, q.id))


def _rephrase(kept: list[list[Question]], tallies: list[_Tally], tools: _Tools) -> None:
    talk = tools.talk
    # What a proposal has worded is a new text already.
    open_ = [(n, k) for n, qs in enumerate(kept) for k, q in enumerate(qs) if q.rewritten is None]
    answers = talk.ask([talk.request(rephrase.messages(kept[n][k])) for n, k in open_])
    for (n, k), answer in zip(open_, answers, strict=True):
        question = kept[n][k]
        reply = tallies[n].take(answer, question.id)
        if reply is not None:
            template = tools.templates[question.template]
            kept[n][k] = rephrase.apply(question, reply, template, talk.model, tallies[n].counts)


def _blind_rows(part: files.Part, asked: Path, talk: Talk) -> list[tuple[dict[str, Any], _Tally]]:
    rows = files.read_rows(part.file(asked))
    items = [
        (n, BlindItem(q["id"], q["question"], tuple(q["choices"]), q["answer_index"], row["clip"]))
        for n, row in enumerate(rows)
        for q in row["questions"]
    ]
    votes = talk.options.blind_votes
    shares, answers = blind.shares_right(talk, [item for _, item in items], votes)
    tallies, sure = [_Tally() for _ in rows], [dict[str, float | None]() for _ in rows]
    for at, (n, item) in enumerate(items):
        sure[n][item.id] = shares[at]
        for answer in answers[at * votes : (at + 1) * votes]:
            tallies[n].take(answer, item.id)
        if shares[at] is not None:
            tallies[n].counts["answered blind"] += 1
    return [({"clip": row["clip"], "sure": sure[n]}, tallies[n]) for n, row in enumerate(rows)]


Rest = list[list[Any]]
"""Hash of each part that is not complete, with the requests that failed."""


def _parts(
    plan: Plan,
    folder: Path,
    talk: Talk,
    report: LlmReport,
    progress: Progress,
    step: str,
    make: Callable[[files.Part], list[tuple[dict[str, Any], _Tally]]],
) -> tuple[StageReport, Rest]:
    """Makes the parts that are not complete, one after the other: the network is the bottleneck."""
    rest: Rest = []

    def results() -> Iterator[Done]:
        for part in plan.parts:
            file = part.file(folder)
            if part not in missing:
                for row in files.read_rows(file):
                    talk.spend(row["llm"]["requests"], row["llm"]["read"] + row["llm"]["written"])
            else:
                worked = time.process_time()
                rows = make(part)
                failed = [name for _, tally in rows for name in tally.failed]
                if failed:
                    rest.append([part.hash, failed])
                    file = _file(folder, part, rest)
                files.write_rows(file, [{**row, "llm": tally.to_json()} for row, tally in rows])
                yield Done(len(rows), 0, 0.0, time.process_time() - worked)
            for row in files.read_rows(file):
                report.add(row["llm"])

    missing = [part for part in plan.parts if not part.file(folder).is_file()]
    stage = Step(step, plan.parts, missing, progress).run(results())
    report.sent, report.cached, report.failed = talk.sent, talk.cached, talk.failed
    report.last_error = talk.last_error
    return stage, rest


def _file(folder: Path, part: files.Part, rest: Rest) -> Path:
    """Where a part's rows are in this run."""
    file = part.file(folder)
    return file.with_name(f"open-{file.name}") if any(part.hash == one for one, _ in rest) else file


def _whole(plan: Plan, folder: Path, rest: Rest) -> Path:
    """A folder with the rows of all parts, whose name tells them from those of another run."""
    if not rest:
        return folder
    whole = folder.with_name(f"{folder.name}-{files.digest(rest)}")
    for part in plan.parts:
        if not part.file(whole).is_file():
            files.write_atomic(part.file(whole), _file(folder, part, rest).read_bytes())
    return whole


def _deciding(options: LlmOptions) -> dict[str, Any]:
    return options.model_dump(mode="json", exclude=_IDLE | {"model"})


def _key(plan: Plan, asked: Path, talk: Talk, *, blind: bool) -> str:
    other = {"rephrase", "propose"} if blind else {"blind", "blind_votes"}
    options = {name: value for name, value in _deciding(talk.options).items() if name not in other}
    return files.digest([_code(), talk.model, options, plan.config.seed, asked.name])


@cache
def _code() -> str:
    package = Path(str(resources.files("paqa_builder")))
    sources = [
        *package.glob("llm/*.py"),
        *package.glob("llm/prompts/*.txt"),
        *(package / f"questions/traces/{name}.py" for name in ("claims", "rewording")),
        package / "data/neutral_words.txt",
    ]
    return files.digest([[path.name, path.read_text(encoding="utf-8")] for path in sorted(sources)])
