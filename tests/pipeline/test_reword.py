"""Whole builds with a language model: accepted and rejected wordings, cache, budget and failures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from helpers.audio_made import folder_bytes
from helpers.llm_server import Server, Trouble, fair, serving

from paqa_builder.check.proof import prove
from paqa_builder.config import Config
from paqa_builder.dataset import lock
from paqa_builder.errors import ConfigError, NotReadyError
from paqa_builder.pipeline import build as building
from paqa_builder.pipeline.build import BuildReport

MakeConfig = Callable[..., Config]
GATE = {"policy": "off"}
SMALL = {"questions": {"per_clip": 4}}


def beside(folder: Path) -> dict[str, Path]:
    """Where a build of its own `out` finds what another one has heard already."""
    return {"work": folder / "shards.work"}


def with_llm(make: MakeConfig, server: Server, **changes: Any) -> Config:
    llm = {"url": server.url, "retries": 0, "timeout": 5.0} | changes.pop("llm", {})
    return make(**{"llm": llm, "gate": GATE} | SMALL | changes)


def rows(config: Config) -> list[dict[str, Any]]:
    return pq.read_table(config.out / "data").drop_columns(["audio"]).to_pylist()


def counted(report: BuildReport, start: str) -> int:
    assert report.llm
    return sum(count for name, count in report.llm.counts.items() if name.startswith(start))


def test_faithful_wordings_are_accepted_and_proved(fake_config: MakeConfig, tmp_path: Path) -> None:
    plain = rows(
        building.build(fake_config(out=tmp_path / "plain", gate=GATE, **SMALL, **beside(tmp_path))).config
    )
    assert not any(row["rewritten"] for row in plain)
    with serving(fair) as server:
        report = building.build(with_llm(fake_config, server))
        assert report.llm
        assert report.llm.sent == len(server.requests) == len(plain)
    found = rows(report.config)
    reworded = [row for row in found if row["rewritten"]]
    assert len(reworded) > len(found) / 2
    for one, other in zip(plain, found, strict=True):
        same = ("id", "choices", "answer", "evidence", "difficulty")
        assert [one[name] for name in same] == [other[name] for name in same]
        if other["rewritten"]:
            assert other["rewritten"]["model"] == "made-up"
            if other["rewritten"]["question"] is not None:
                assert other["rewritten"]["question"] == one["question"] != other["question"]
    assert prove(report.config.out, jobs=1).good
    made = lock.verify(report.config.out).build["llm"]
    assert made["model"] == "made-up"
    assert made["requests"] == len(plain)
    assert made["tokens"] == {"read": 100 * len(plain), "written": 20 * len(plain)}
    assert server.url not in (report.config.out / "paqa.lock.json").read_text()


def test_unfaithful_wordings_are_rejected(fake_config: MakeConfig, tmp_path: Path) -> None:
    def lying(system: str, user: str) -> Any:
        return {
            n: re.sub(r"([.?])$", r" beside an angry man\1", text) for n, text in json.loads(user).items()
        }

    plain = rows(
        building.build(fake_config(out=tmp_path / "plain", gate=GATE, **SMALL, **beside(tmp_path))).config
    )
    with serving(lying) as server:
        report = building.build(with_llm(fake_config, server))
    assert rows(report.config) == plain
    assert counted(report, "accepted") == 0
    assert counted(report, "rejected") == 4 * len(plain)


def test_a_second_run_sends_nothing(fake_config: MakeConfig) -> None:
    with serving(fair) as server:
        config = with_llm(fake_config, server, llm={"model": "made-up"})
        building.build(config)
        before, count = folder_bytes(config.out), len(server.requests)
    # Nobody is there any more, and nobody is needed.
    again = building.build(config)
    assert again.unchanged
    assert folder_bytes(config.out) == before
    assert len(server.requests) == count
    assert again.llm
    assert again.llm.sent == 0


def test_an_interrupted_run_continues(fake_config: MakeConfig, tmp_path: Path) -> None:
    def interrupted(system: str, user: str) -> Any:
        if len(server.requests) == 8:
            monkey.setattr("paqa_builder.llm.client.Client.complete", _killed)
        return fair(system, user)

    def _killed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with serving(interrupted) as server, pytest.MonkeyPatch.context() as monkey:
        config = with_llm(fake_config, server, llm={"concurrency": 1})
        with pytest.raises(KeyboardInterrupt):
            building.build(config)
    done = len(server.requests)
    assert done == 8
    with serving(fair) as server:
        report = building.build(with_llm(fake_config, server))
        assert report.llm
        assert len(server.requests) + done == report.llm.requests
        assert report.llm.cached + report.llm.sent >= report.llm.requests - 8
    with serving(fair) as server:
        fresh = building.build(with_llm(fake_config, server, out=tmp_path / "fresh"))
    assert folder_bytes(fresh.config.out) == folder_bytes(report.config.out)


def test_questions_of_failed_requests_are_unchanged(fake_config: MakeConfig, tmp_path: Path) -> None:
    state = {"down": True}

    def model(system: str, user: str) -> Any:
        return (
            Trouble(500) if state["down"] and "speak" in json.loads(user)["question"] else fair(system, user)
        )

    with serving(model) as server:
        config = with_llm(fake_config, server)
        first = building.build(config)
        assert first.llm
        assert first.llm.failed > 0
        assert counted(first, "not asked: request failed") == first.llm.failed
        assert prove(config.out, jobs=1).good
        state["down"] = False
        sent = len(server.requests)
        second = building.build(config)
        assert second.llm
        assert second.llm.failed == 0
        assert len(server.requests) - sent == first.llm.failed
        assert not second.unchanged
        whole = building.build(with_llm(fake_config, server, out=tmp_path / "fresh"))
    assert folder_bytes(whole.config.out) == folder_bytes(config.out)


def test_an_unreachable_endpoint_stops_the_build(fake_config: MakeConfig) -> None:
    with serving(fair) as server:
        pass
    with pytest.raises(NotReadyError, match=re.escape(server.url)):
        building.build(with_llm(fake_config, server, llm={"timeout": 1.0, "model": "made-up"}))
    with pytest.raises(ConfigError, match="concurency"):
        building.build(with_llm(fake_config, server, llm={"concurency": 1}))


def test_questions_beyond_the_budget_are_unchanged(fake_config: MakeConfig) -> None:
    with serving(fair) as server:
        report = building.build(with_llm(fake_config, server, llm={"max_requests": 3}))
        assert len(server.requests) == 3
        assert counted(report, "not asked: budget spent") == len(rows(report.config)) - 3
        again = building.build(report.config)
        assert again.unchanged
        assert len(server.requests) == 3


def test_proposed_questions_are_proved(fake_config: MakeConfig, tmp_path: Path) -> None:
    few = {"per_clip": 2, "balance": False}
    plain = rows(
        building.build(
            fake_config(out=tmp_path / "plain", gate=GATE, questions=few, **beside(tmp_path))
        ).config
    )

    def model(system: str, user: str) -> Any:
        data = json.loads(user)
        if "candidates" not in data:
            return data
        assert {item["question"] for item in data["candidates"]}.isdisjoint(data["asked"])
        lied = {"number": 1, "question": "Which dinosaur is heard?"}
        return {"chosen": [{"number": 999}, lied, {"number": 1}, 2, {"number": 3}, "four"]}

    with serving(model) as server:
        config = with_llm(fake_config, server, questions=few, llm={"propose": 2})
        report = building.build(config)
    found = rows(report.config)
    asked = {row["id"] for row in plain}
    new = [row for row in found if row["id"] not in asked]
    assert asked < {row["id"] for row in found}
    assert len(new) == counted(report, "proposed") > 0
    assert not any("dinosaur" in row["question"] for row in found)
    assert report.llm
    assert report.llm.counts["proposal dropped: no such fact"] >= 2
    assert report.llm.counts["proposal dropped: a double"] >= 1
    assert counted(report, "rejected: question") >= 1
    assert len({row["id"] for row in found}) == len(found)
    assert prove(config.out, jobs=1).good


def test_blind_answers_of_the_model_reach_the_gate(fake_config: MakeConfig) -> None:
    # It knows every second answer by heart.
    known: dict[str, str] = {}

    def model(system: str, user: str) -> Any:
        question, *choices = user.split("\n")
        right = known.get(question)
        letters = [line[0] for line in choices if line[3:] == right]
        return {"answer": letters[0]} if letters else "I would not know."

    gate = {"policy": "warn", "min_questions": 20, "weak_margin": 0.4}
    questions = {"per_clip": 40, "balance": False}
    plain = rows(building.build(fake_config(gate=gate, questions=questions)).config)
    words = [row["question"] for row in plain]
    single = [row for row in plain if words.count(row["question"]) == 1]
    known |= {row["question"]: row["answer"] for row in single[::2]}
    with serving(model) as server:
        llm = {"rephrase": False, "blind": True, "blind_votes": 2}
        config = with_llm(fake_config, server, gate=gate, questions=questions, llm=llm)
        report = building.build(config)
        texts = {(row["question"], *row["choices"]) for row in plain}
        assert len(server.requests) == 2 * len(texts)
        assert all("Evidence" not in r["messages"][1]["content"] for r in server.requests)
    weak = {row["question"] for row in rows(report.config) if row["audio_contribution"] == "weak"}
    before = {row["question"] for row in plain if row["audio_contribution"] == "weak"}
    assert weak - before
    assert weak >= set(known)
    assert weak - before <= set(known)
