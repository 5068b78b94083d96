"""Requests: cache, budgets, retries and failures."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.llm_server import Server, Trouble, fair, serving

from paqa_builder.errors import NotReadyError
from paqa_builder.llm.cache import Reply, Request
from paqa_builder.llm.options import LlmOptions
from paqa_builder.llm.talk import NoReply, Talk

MESSAGES = [(("system", "s"), ("user", f"question {n}")) for n in range(20)]


def talk(server: Server, work: Path, **options: Any) -> Talk:
    return Talk(LlmOptions(url=server.url, **{"retries": 0, "timeout": 5.0} | options), work)


def ask(one: Talk, count: int) -> list[Reply | str]:
    return one.ask([one.request(messages) for messages in MESSAGES[:count]])


def test_cached_replies_are_not_requested_again(tmp_path: Path) -> None:
    with serving(fair) as server:
        first = talk(server, tmp_path)
        answers = ask(first, 5)
        assert all(isinstance(answer, Reply) and answer.tokens == 120 for answer in answers)
        assert (first.sent, first.cached, len(server.requests)) == (5, 0, 5)
    # The server is gone now.
    second = talk(server, tmp_path, model="made-up")
    assert ask(second, 5) == answers
    assert (second.sent, second.cached) == (0, 5)


def test_another_model_or_text_is_another_request() -> None:
    base = Request("m", MESSAGES[0], 0.5, 100)
    others = [
        Request("n", MESSAGES[0], 0.5, 100),
        Request("m", MESSAGES[1], 0.5, 100),
        Request("m", MESSAGES[0], 0.6, 100),
    ]
    assert len({one.key for one in (base, *others)}) == 4
    assert base.key == Request("m", MESSAGES[0], 0.5, 100).key


def test_equal_requests_are_sent_once(tmp_path: Path) -> None:
    with serving(fair) as server:
        one = talk(server, tmp_path)
        answers = one.ask([one.request(MESSAGES[0])] * 3)
        assert len(server.requests) == 1
        assert len(answers) == 3


def test_a_damaged_cache_file_is_requested_again(tmp_path: Path) -> None:
    with serving(fair) as server:
        ask(talk(server, tmp_path), 1)
        file = next((tmp_path / "llm-cache").rglob("*.json"))
        file.write_text(file.read_text()[:-10])
        ask(talk(server, tmp_path), 1)
        assert len(server.requests) == 2


def test_429_waits_for_retry_after(tmp_path: Path) -> None:
    state = {"refused": 0}

    def model(system: str, user: str) -> Any:
        if not state["refused"]:
            state["refused"] += 1
            return Trouble(429, {"Retry-After": "1"})
        return fair(system, user)

    with serving(model) as server:
        answers = ask(talk(server, tmp_path, retries=2), 1)
        assert isinstance(answers[0], Reply)
        assert server.times[1] - server.times[0] >= 0.95


def test_a_server_error_and_a_timeout_are_tried_again(tmp_path: Path) -> None:
    troubles = [Trouble(500), Trouble(sleep=1.0)]

    def model(system: str, user: str) -> Any:
        return troubles.pop(0) if troubles else fair(system, user)

    with serving(model) as server:
        answers = ask(talk(server, tmp_path, retries=3, timeout=0.4), 1)
        assert isinstance(answers[0], Reply)
        assert len(server.requests) == 3


def test_failed_requests_are_sent_again_by_the_next_run(tmp_path: Path) -> None:
    down = {"now": True}

    def model(system: str, user: str) -> Any:
        return Trouble(500) if down["now"] and user in ("question 1", "question 2") else fair(system, user)

    with serving(model) as server:
        first = talk(server, tmp_path)
        answers = ask(first, 4)
        assert [answer == NoReply.FAILED for answer in answers] == [False, True, True, False]
        assert first.failed == 2
        assert "500" in first.last_error
        down["now"] = False
        second = talk(server, tmp_path)
        assert all(isinstance(answer, Reply) for answer in ask(second, 4))
        assert (second.sent, second.cached) == (2, 2)


def test_no_request_is_sent_after_repeated_failures(tmp_path: Path) -> None:
    with serving(lambda system, user: fair(system, user) if user == "question 0" else Trouble(503)) as server:
        one = talk(server, tmp_path, concurrency=1)
        answers = ask(one, 20)
        assert answers[1:] == [NoReply.FAILED] * 19
        assert len(server.requests) == 9


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_or_a_model_that_is_refused_stops_at_once(status: int, tmp_path: Path) -> None:
    with serving(lambda *_: Trouble(status)) as server, pytest.raises(NotReadyError, match=str(status)):
        ask(talk(server, tmp_path), 3)


def test_an_unreachable_endpoint_is_reported_with_address_and_fix(tmp_path: Path) -> None:
    with serving(fair) as server:
        pass
    with pytest.raises(NotReadyError) as caught:
        ask(talk(server, tmp_path, model="made-up", timeout=1.0), 1)
    assert server.url in caught.value.message
    assert "--llm" in (caught.value.fix or "")


def test_the_only_model_is_the_default_and_two_are_an_error(tmp_path: Path) -> None:
    with serving(fair) as server:
        assert talk(server, tmp_path).model == "made-up"
        server.models = ("one", "two")
        with pytest.raises(NotReadyError, match="one, two"):
            _ = talk(server, tmp_path).model


def test_a_malformed_reply_fails_alone(tmp_path: Path) -> None:
    body = '{"choices": []}'

    def model(system: str, user: str) -> Any:
        return Trouble(200, body=body) if user == "question 1" else fair(system, user)

    with serving(model) as server:
        answers = ask(talk(server, tmp_path), 3)
        assert [isinstance(answer, Reply) for answer in answers] == [True, False, True]


def test_the_budget_of_requests_counts_what_is_cached(tmp_path: Path) -> None:
    with serving(fair) as server:
        for _ in range(2):
            answers = ask(talk(server, tmp_path, max_requests=3), 6)
            assert [answer == NoReply.BUDGET for answer in answers] == [False] * 3 + [True] * 3
        assert len(server.requests) == 3


def test_the_budget_of_tokens_is_never_exceeded(tmp_path: Path) -> None:
    with serving(fair) as server:
        limit = 1000
        one = talk(server, tmp_path, max_tokens=limit, reply_tokens=300)
        answers = ask(one, 20)
        spent = sum(answer.tokens for answer in answers if isinstance(answer, Reply))
        assert 300 < spent <= limit
        assert answers[-1] == NoReply.BUDGET
        assert len(server.requests) == len([a for a in answers if isinstance(a, Reply)])


def test_the_rate_limit_is_kept(tmp_path: Path) -> None:
    with serving(fair) as server:
        began = time.monotonic()
        ask(talk(server, tmp_path, per_minute=600, concurrency=4), 5)
        assert time.monotonic() - began >= 0.4
        gaps = [b - a for a, b in zip(sorted(server.times), sorted(server.times)[1:], strict=False)]
        assert sum(gaps) >= 0.35


def test_the_number_of_replies_is_told_while_waiting(tmp_path: Path) -> None:
    with serving(
        lambda system, user: Trouble(sleep=1.5) if user == "question 3" else fair(system, user)
    ) as server:
        one, told = talk(server, tmp_path, concurrency=2), []
        one.on_reply = lambda answered, of: told.append((answered, of))
        ask(one, 5)
    assert told[0] == (0, 5)
    assert told[-1] == (5, 5)
    assert told == sorted(told)
    assert told.count((4, 5)) > 1  # the last reply was waited for


def test_an_interrupt_leaves_slow_replies_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(answered: int, of: int) -> None:
        if answered == 2:
            raise KeyboardInterrupt

    with serving(
        lambda system, user: fair(system, user) if user < "question 2" else Trouble(sleep=60)
    ) as server:
        one = talk(server, tmp_path, timeout=60, concurrency=2)
        one.on_reply = interrupt
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            ask(one, 5)
        assert time.monotonic() - began < 10
        assert all(thread.daemon for thread in threading.enumerate() if thread.name != "MainThread")
