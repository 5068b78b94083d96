"""The language model as a step of a build, between the questions and the blind gate.

::

    WORK/llm-cache/…                      replies, by the content of the request
    WORK/rephrased-<key>/part-….jsonl     the rows of the questions, with the model's wordings
    WORK/rephrased-<key>-<failed>/…       all parts of a run in which requests failed
    WORK/blind-<key>/part-….jsonl         share of answers without audio that are right, by question

A part is complete only if none of its requests failed; the next run sends failed requests again. The rows of
a run with failed requests are in a folder of another name, so that later steps do not mix them up.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paqa_builder import files
from paqa_builder.files import state
from paqa_builder.files.ledger import Ledger
from paqa_builder.gate.gate import Reader
from paqa_builder.gate.item import BlindItem
from paqa_builder.llm import blind, propose, rephrase
from paqa_builder.llm.cache import Reply
from paqa_builder.llm.options import LlmOptions, options_of
from paqa_builder.llm.talk import Answer, NoReply, Talk
from paqa_builder.pipeline import ask, scenes
from paqa_builder.pipeline.plan import Plan
from paqa_builder.pipeline.step import Done, Progress, StageReport, Step, code_hash, tell_replies
from paqa_builder.questions import Corpus, Template, load_templates
from paqa_builder.questions.question import Question
from paqa_builder.records import to_json

STEP, BLIND = "rephrased", "blind"
_CODE = (
    "llm/*.py", "llm/prompts/*.txt", "questions/traces/claims.py", "questions/traces/rewording.py",
    "data/neutral_words.txt",
)  # fmt: skip
# Settings that do not change the content of a reply.
_TRANSPORT = {"url", "key_variable", "concurrency", "per_minute", "timeout", "retries"}


@dataclass
class _Counts:
    """Requests and their outcomes.

    Attributes:
        counts: Outcomes by name: ``"accepted: reasoning"``, ``"rejected: question: another sound"``, …
        requests: Number of requests that had a reply, of this and earlier runs.
        read: Tokens of these requests.
        written: Tokens of their replies.
    """

    counts: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    read: int = 0
    written: int = 0


@dataclass
class LlmReport(_Counts):
    """Requests of a build to the language model and their outcomes.

    Attributes:
        model: The model's name; empty if none is configured.
        options: The options that decide results.
        sent: Requests sent in this run.
        cached: Replies that this run found in the cache.
        failed: Requests of this run that failed.
        last_error: Message of the last failure.
    """

    model: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    sent: int = 0
    cached: int = 0
    failed: int = 0
    last_error: str = ""

    def to_json(self) -> dict[str, Any]:
        """The part that goes into the lock: equal in all runs that build the same data set."""
        return {
            "model": self.model,
            "options": self.options,
            "counts": dict(sorted(self.counts.items())),
            "requests": self.requests,
            "tokens": {"read": self.read, "written": self.written},
        }

    def add(self, counts: dict[str, Any]) -> None:
        """Adds the counts of one row; see :meth:`_Tally.to_json`."""
        self.counts.update(counts["counts"])
        self.requests += counts["requests"]
        self.read += counts["read"]
        self.written += counts["written"]


@dataclass
class _Tally(_Counts):
    """Requests of one clip and their outcomes, as its row stores them."""

    failed: list[str] = field(default_factory=list)

    def take(self, answer: Answer, name: str) -> Reply | None:
        """Counts an answer and returns it if it is a reply."""
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
    """The client of a build's language model; None if no model is configured."""
    options = options_of(plan.config)
    return Talk(options, plan.work) if options.on else None


def run(
    plan: Plan, asked: Path, talk: Talk | None, report: LlmReport, progress: Progress
) -> tuple[Path, list[StageReport]]:
    """Adds questions that the model proposes and rephrases questions, as configured.

    Args:
        asked: The folder of the questions; see :func:`paqa_builder.pipeline.ask.run`.
        report: Receives the counts.

    Returns:
        The folder of the questions for the next step (``asked`` if neither is configured), and the cost.

    Raises:
        NotReadyError: The endpoint does not answer the first request, or ``openai`` is not installed.
    """
    if talk is None:
        return asked, []
    report.model = talk.model
    report.options = _decisive(talk.options)
    if not talk.options.rephrase and not talk.options.propose:
        return asked, []
    folder = plan.work / f"{STEP}-{_key(plan, asked, talk, blind=False)}"
    tools = _Tools.of(plan, asked, talk)
    stage, failed = _parts(plan, folder, talk, report, progress, STEP, lambda part: _rows(part, asked, tools))
    return _complete(plan, folder, failed), [stage]


def read_blind(
    plan: Plan, asked: Path, talk: Talk | None, report: LlmReport, progress: Progress
) -> tuple[Reader | None, str, list[StageReport]]:
    """Lets the model answer every question without audio, if configured.

    Returns:
        The reader for the gate (None if not configured), its key, and the cost.
    """
    if talk is None or not talk.options.blind:
        return None, "", []
    key = _key(plan, asked, talk, blind=True)
    folder = plan.work / f"{BLIND}-{key}"
    stage, failed = _parts(
        plan, folder, talk, report, progress, BLIND, lambda part: _blind_rows(part, asked, talk)
    )
    shares: dict[str, float | None] = {}
    for part in plan.parts:
        for row in state.read_rows(_file(folder, part, failed)):
            shares.update(row["sure"])
    return lambda items: [shares.get(item.id) for item in items], f"{key}-{files.digest(failed)}", [stage]


@dataclass(frozen=True)
class _Tools:
    plan: Plan
    talk: Talk
    corpus: Corpus
    templates: dict[str, Template]

    @classmethod
    def of(cls, plan: Plan, asked: Path, talk: Talk) -> _Tools:
        corpus = ask.read_corpus(asked)
        templates = {t.name: t for t in load_templates(plan.config.templates)}
        return cls(plan, talk, corpus, templates)


def _rows(part: files.Part, asked: Path, tools: _Tools) -> list[tuple[dict[str, Any], _Tally]]:
    rows = state.read_rows(part.file(asked))
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
    options = ask.options_of(config)
    candidates = [
        propose.candidates(scene, questions, tools.corpus, templates, options, config.seed)
        for scene, questions in zip(scenes.of_part(tools.plan, part), kept, strict=True)
    ]
    clips = [n for n, offered in enumerate(candidates) if offered]
    answers = talk.ask([talk.request(propose.messages(kept[n], candidates[n], wanted)) for n in clips])
    for n, answer in zip(clips, answers, strict=True):
        reply = tallies[n].take(answer, "proposals")
        if reply is not None:
            new = propose.apply(candidates[n], reply, wanted, talk.model, tools.templates, tallies[n].counts)
            kept[n] = sorted([*kept[n], *new], key=lambda q: (q.template, q.id))


def _rephrase(kept: list[list[Question]], tallies: list[_Tally], tools: _Tools) -> None:
    talk = tools.talk
    # The model has already worded the questions that it proposed.
    places = [(n, k) for n, qs in enumerate(kept) for k, q in enumerate(qs) if q.rewritten is None]
    answers = talk.ask([talk.request(rephrase.messages(kept[n][k])) for n, k in places])
    for (n, k), answer in zip(places, answers, strict=True):
        question = kept[n][k]
        reply = tallies[n].take(answer, question.id)
        if reply is not None:
            template = tools.templates[question.template]
            kept[n][k] = rephrase.apply(question, reply, template, talk.model, tallies[n].counts)


def _blind_rows(part: files.Part, asked: Path, talk: Talk) -> list[tuple[dict[str, Any], _Tally]]:
    rows = state.read_rows(part.file(asked))
    items = [
        (n, BlindItem(q["id"], q["question"], tuple(q["choices"]), q["answer_index"], row["clip"]))
        for n, row in enumerate(rows)
        for q in row["questions"]
    ]
    votes = talk.options.blind_votes
    shares, answers = blind.shares_right(talk, [item for _, item in items], votes)
    tallies, row_shares = [_Tally() for _ in rows], [dict[str, float | None]() for _ in rows]
    for k, ((n, item), share) in enumerate(zip(items, shares, strict=True)):
        row_shares[n][item.id] = share
        for answer in answers[k * votes : (k + 1) * votes]:
            tallies[n].take(answer, item.id)
        if share is not None:
            tallies[n].counts["answered blind"] += 1
    return [({"clip": row["clip"], "sure": row_shares[n]}, tallies[n]) for n, row in enumerate(rows)]


Failed = list[list[Any]]
"""``[hash, failed requests]`` of each part that is not complete."""


def _parts(
    plan: Plan,
    folder: Path,
    talk: Talk,
    report: LlmReport,
    progress: Progress,
    step: str,
    make: Callable[[files.Part], list[tuple[dict[str, Any], _Tally]]],
) -> tuple[StageReport, Failed]:
    """Makes the missing parts, one after the other, because the network is the bottleneck."""
    incomplete: Failed = []

    def results() -> Iterator[Done]:
        for part in plan.parts:
            file = part.file(folder)
            if part.hash not in unfinished:
                for row in state.read_rows(file):
                    talk.spend(row["llm"]["requests"], row["llm"]["read"] + row["llm"]["written"])
            else:
                began = time.process_time()
                rows = make(part)
                failed = [name for _, tally in rows for name in tally.failed]
                if failed:
                    incomplete.append([part.hash, failed])
                    file = _file(folder, part, incomplete)
                state.write_rows(file, [{**row, "llm": tally.to_json()} for row, tally in rows])
                yield Done(len(rows), 0, 0.0, time.process_time() - began)
            for row in state.read_rows(file):
                report.add(row["llm"])

    ledger = Ledger(folder)
    missing = [part for part in plan.parts if not ledger.entry(part.name)]
    unfinished = {part.hash for part in missing}
    talk.on_reply = lambda answered, of: tell_replies(progress, step, answered, of)
    stage = Step(step, plan.parts, missing, progress).run(results())
    report.sent, report.cached, report.failed = talk.sent, talk.cached, talk.failed
    report.last_error = talk.last_error
    return stage, incomplete


def _file(folder: Path, part: files.Part, incomplete: Failed) -> Path:
    """The path of a part's rows in this run."""
    file = part.file(folder)
    return file.with_name(f"open-{file.name}") if part.hash in dict(incomplete) else file


def _complete(plan: Plan, folder: Path, incomplete: Failed) -> Path:
    """A folder with the rows of all parts, whose name covers the failed requests of this run."""
    if not incomplete:
        return folder
    complete = folder.with_name(f"{folder.name}-{files.digest(incomplete)}")
    for part in plan.parts:
        if not state.intact(part.file(complete)):
            state.write_rows(part.file(complete), state.read_rows(_file(folder, part, incomplete)))
    return complete


def _decisive(options: LlmOptions) -> dict[str, Any]:
    return options.model_dump(mode="json", exclude=_TRANSPORT | {"model"})


def _key(plan: Plan, asked: Path, talk: Talk, *, blind: bool) -> str:
    other = {"rephrase", "propose"} if blind else {"blind", "blind_votes"}
    options = {name: value for name, value in _decisive(talk.options).items() if name not in other}
    return files.digest([code_hash(*_CODE), talk.model, options, plan.config.seed, asked.name])
