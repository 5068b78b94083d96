"""Many requests: cached, at the same time, and within the bounds of what they may cost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from paqa_builder.llm.cache import Cache, Messages, Reply, Request
from paqa_builder.llm.client import Client, RequestError
from paqa_builder.llm.options import LlmOptions

FOLDER = "llm-cache"
# Failures in a row after which the endpoint counts as gone until the next run.
_PATIENCE = 8
# Requests between two looks at the budget. A constant, so that `concurrency` decides nothing.
_BATCH = 64


class NoReply:
    """Why a request has no reply."""

    BUDGET = "budget spent"
    FAILED = "request failed"


Answer = Reply | str
"""A reply, or one of :class:`NoReply`."""


class Talk:
    """A conversation with one endpoint during one build.

    Budgets count every request in the order of the questions, whether its reply is in the cache or
    not: so the same questions are asked in every run, and a run that was killed costs nothing twice.

    Attributes:
        sent: Requests that were really sent in this run.
        cached: Replies that were already there.
        failed: Requests that came to nothing; the next run sends them again.
        last_error: What the last of them said.
    """

    def __init__(self, options: LlmOptions, work: Path, client: Client | None = None) -> None:
        self.options = options
        self.cache = Cache(work / FOLDER)
        self.sent = self.cached = self.failed = 0
        self.last_error = ""
        self._client = client
        self._lock = threading.Lock()
        self._requests = self._tokens = 0
        self._in_a_row = 0
        self._proven = False
        self._model = ""

    @property
    def client(self) -> Client:
        """The endpoint, made when it is first needed."""
        if self._client is None:
            self._client = Client(self.options)
        return self._client

    @property
    def model(self) -> str:
        """The model's name.

        Raises:
            NotReadyError: The endpoint must be asked, and does not answer.
        """
        self._model = self._model or self.client.model()
        return self._model

    def spend(self, requests: int, tokens: int) -> None:
        """Counts what earlier work on the same data set cost."""
        self._requests += requests
        self._tokens += tokens

    def request(self, messages: Messages, *, temperature: float | None = None) -> Request:
        """A request with the conversation's settings."""
        warmth = self.options.temperature if temperature is None else temperature
        return Request(self.model, messages, warmth, self.options.reply_tokens)

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Has every request answered, as far as the budget and the endpoint allow.

        Raises:
            NotReadyError: Not even the first request of this run is answered.
        """
        answers: list[Answer] = []
        while len(answers) < len(requests):
            batch = self._affordable(requests[len(answers) :][:_BATCH])
            if not batch:
                answers += [NoReply.BUDGET] * (len(requests) - len(answers))
                break
            known = self._answer(list(dict.fromkeys(batch)))
            for one in batch:
                reply = known[one]
                answers.append(reply)
                self._requests += 1
                self._tokens += reply.tokens if isinstance(reply, Reply) else 0
        return answers

    def _affordable(self, batch: Sequence[Request]) -> Sequence[Request]:
        options = self.options
        if options.max_requests is not None:
            batch = batch[: max(0, options.max_requests - self._requests)]
        if options.max_tokens is not None:
            left = options.max_tokens - self._tokens
            for n, one in enumerate(batch):
                left -= one.reserve
                if left < 0:
                    return batch[:n]
        return batch

    def _answer(self, batch: list[Request]) -> dict[Request, Answer]:
        known: dict[Request, Answer] = {}
        open_ = []
        for one in batch:
            reply = self.cache.get(one)
            if reply is None:
                open_.append(one)
            else:
                known[one] = reply
                self.cached += 1
        if open_ and not self._proven:
            first = open_.pop(0)
            known[first] = self._first(first)
        if open_:
            with ThreadPoolExecutor(self.options.concurrency) as threads:
                known.update(zip(open_, threads.map(self._send, open_), strict=True))
        return known

    def _first(self, request: Request) -> Answer:
        """The first request goes alone: better no build than one that silently did without."""
        self.client.check()
        answer = self._send(request, hopeless=lambda why: self.client.unreachable(why))
        self._proven = True
        return answer

    def _send(self, request: Request, hopeless: Callable[[str], Exception] | None = None) -> Answer:
        with self._lock:
            if self._in_a_row >= _PATIENCE:
                self.failed += 1
                return NoReply.FAILED
            self.sent += 1
        try:
            reply = self.client.complete(request)
        except RequestError as error:
            if hopeless and error.hopeless:
                raise hopeless(str(error)) from error
            with self._lock:
                self.failed += 1
                self._in_a_row += 1
                self.last_error = str(error)
            return NoReply.FAILED
        with self._lock:
            self._in_a_row = 0
        self.cache.put(request, reply)
        return reply
