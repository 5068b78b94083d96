"""Batches of requests: cached, concurrent and within a budget."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from paqa_builder.llm.cache import Cache, Messages, Reply, Request
from paqa_builder.llm.client import Client, RequestError
from paqa_builder.llm.options import LlmOptions

FOLDER = "llm-cache"
# Consecutive failures after which no request is sent until the next run.
_PATIENCE = 8
# Requests between two checks of the budget. A constant, so that `concurrency` does not change results.
_BATCH = 64


# Seconds between two calls of `Talk.on_reply` without a reply.
_TICK = 1.0


class NoReply:
    """Reasons for a missing reply."""

    BUDGET = "budget spent"
    FAILED = "request failed"


Answer = Reply | str
"""A reply, or one of :class:`NoReply`."""


class Talk:
    """All requests of one build to one endpoint.

    Budgets count every request in the order of the questions, cached ones included, so that every run
    asks the same questions.

    Attributes:
        sent: Number of requests sent in this run.
        cached: Number of replies taken from the cache.
        failed: Number of failed requests; the next run sends them again.
        last_error: Message of the last failure.
        on_reply: Receives the number of answered requests of the current :meth:`ask` and their total, after
            each reply and every second.
    """

    on_reply: Callable[[int, int], None]

    def __init__(self, options: LlmOptions, work: Path, client: Client | None = None) -> None:
        self.options = options
        self.cache = Cache(work / FOLDER)
        self.sent = self.cached = self.failed = 0
        self.last_error = ""
        self.on_reply = lambda answered, of: None
        self._client = client
        self._lock = threading.Lock()
        self._requests = self._tokens = 0
        self._progress = 0, 0
        self._failed_in_a_row = 0
        self._reachable = False
        self._model = ""

    @property
    def client(self) -> Client:
        """The endpoint's client, created on first use."""
        if self._client is None:
            self._client = Client(self.options)
        return self._client

    @property
    def model(self) -> str:
        """Name of the model.

        Raises:
            NotReadyError: No model is configured and the endpoint names none.
        """
        self._model = self._model or self.client.model()
        return self._model

    def spend(self, requests: int, tokens: int) -> None:
        """Adds the cost of earlier work on the same data set."""
        self._requests += requests
        self._tokens += tokens

    def request(self, messages: Messages, *, temperature: float | None = None) -> Request:
        """A request with the configured settings."""
        temperature = self.options.temperature if temperature is None else temperature
        return Request(self.model, messages, temperature, self.options.reply_tokens)

    def ask(self, requests: Sequence[Request]) -> list[Answer]:
        """Sends requests within the budget; equal ones once.

        Raises:
            NotReadyError: The first request of this run is not answered.
        """
        answers: list[Answer] = []
        while len(answers) < len(requests):
            batch = self._affordable(requests[len(answers) :][:_BATCH])
            if not batch:
                answers += [NoReply.BUDGET] * (len(requests) - len(answers))
                break
            self._progress = len(answers), len(requests)
            known = self._answer(list(dict.fromkeys(batch)))
            for request in batch:
                reply = known[request]
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
            for n, request in enumerate(batch):
                left -= request.reserve
                if left < 0:
                    return batch[:n]
        return batch

    def _answer(self, batch: list[Request]) -> dict[Request, Answer]:
        cached = {request: self.cache.get(request) for request in batch}
        known: dict[Request, Answer] = {request: reply for request, reply in cached.items() if reply}
        self.cached += len(known)
        missing = [request for request in batch if request not in known]
        if missing and not self._reachable:
            # The first request is sent alone, so that an endpoint that does not work ends the build.
            self.client.check()
            known |= self._send_all([missing.pop(0)], len(known))
            self._reachable = True
        return known | self._send_all(missing, len(known))

    def _send_all(self, requests: Sequence[Request], known: int) -> dict[Request, Answer]:
        """Sends requests on several threads.

        The threads are daemons: an interrupted build does not wait for a slow reply.

        Args:
            known: Number of the batch's requests that are answered already.
        """
        waiting: queue.SimpleQueue[Request] = queue.SimpleQueue()
        finished: queue.SimpleQueue[tuple[Request, Answer | BaseException]] = queue.SimpleQueue()
        for request in requests:
            waiting.put(request)

        def work() -> None:
            with suppress(queue.Empty):
                while not stopped.is_set():
                    request = waiting.get_nowait()
                    try:
                        finished.put((request, self._send(request)))
                    except BaseException as error:
                        finished.put((request, error))

        stopped = threading.Event()
        for _ in range(min(self.options.concurrency, len(requests))):
            threading.Thread(target=work, daemon=True).start()
        answers: dict[Request, Answer] = {}
        before, of = self._progress
        try:
            while len(answers) < len(requests):
                self.on_reply(before + known + len(answers), of)
                with suppress(queue.Empty):
                    request, answer = finished.get(timeout=_TICK)
                    if isinstance(answer, BaseException):
                        raise answer
                    answers[request] = answer
        finally:
            stopped.set()
        self.on_reply(before + known + len(answers), of)
        return answers

    def _send(self, request: Request) -> Answer:
        with self._lock:
            if self._failed_in_a_row >= _PATIENCE:
                self.failed += 1
                return NoReply.FAILED
            self.sent += 1
        try:
            reply = self.client.complete(request)
        except RequestError as error:
            if error.hopeless and not self._reachable:
                raise self.client.unreachable(str(error)) from error
            with self._lock:
                self.failed += 1
                self._failed_in_a_row += 1
                self.last_error = str(error)
            return NoReply.FAILED
        with self._lock:
            self._failed_in_a_row = 0
        self.cache.put(request, reply)
        return reply
