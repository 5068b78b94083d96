"""Client of an OpenAI-compatible endpoint.

The ``openai`` package, imported only here, handles timeouts, backoff, ``Retry-After`` and retries of 408,
409, 429 and 5xx.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from paqa_builder.errors import NotReadyError
from paqa_builder.llm.cache import Reply, Request
from paqa_builder.llm.options import LlmOptions
from paqa_builder.text.privacy import keep_secret, redact

INSTALL = "pip install 'paqa-builder[llm]'"


class RequestError(Exception):
    """A request failed after all retries. ``hopeless`` if every other request would fail as well."""

    def __init__(self, message: str, *, hopeless: bool = False) -> None:
        super().__init__(message)
        self.hopeless = hopeless


class Client:
    """Thread-safe client of one endpoint.

    Raises:
        NotReadyError: The package ``openai`` is not installed.
    """

    def __init__(self, options: LlmOptions) -> None:
        try:
            import openai
        except ImportError as error:
            raise NotReadyError("--llm needs the package openai, which is missing", fix=INSTALL) from error
        self._errors = openai
        self._options = options
        self._pace = _Pace(options.per_minute)
        key = os.environ.get(options.key_variable, "")
        keep_secret(key)  # servers repeat it in their errors
        self._openai = openai.OpenAI(
            base_url=options.url,
            # The package requires a key even where the server needs none.
            api_key=key or "none",
            timeout=options.timeout,
            max_retries=options.retries,
        )

    def model(self) -> str:
        """Name of the model: the configured one, or the endpoint's only one.

        Raises:
            NotReadyError: The endpoint cannot be reached, or does not list exactly one model.
        """
        if self._options.model:
            return self._options.model
        names = self._models() or []
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise NotReadyError(
                f"{self._options.url} does not have exactly one model: {listed}", fix="--llm-model NAME"
            )
        return names[0]

    def check(self) -> None:
        """Checks that the endpoint answers.

        Raises:
            NotReadyError: The endpoint does not answer or rejects the key.
        """
        self._models()

    def complete(self, request: Request) -> Reply:
        """Sends one request and waits for its reply.

        Raises:
            RequestError: There is no usable reply after all retries.
        """
        self._pace.wait()
        roles: Any = [{"role": role, "content": text} for role, text in request.messages]
        try:
            completion = self._openai.chat.completions.create(
                model=request.model,
                messages=roles,
                temperature=request.temperature,
                max_tokens=request.max_tokens,
            )
            choice = completion.choices[0]
            text, usage = choice.message.content or "", completion.usage
            finish = str(choice.finish_reason)
        except self._errors.APIStatusError as error:
            hopeless = error.status_code in (401, 403, 404)
            raise RequestError(
                f"status {error.status_code}: {_first_line(error)}", hopeless=hopeless
            ) from error
        except self._errors.APIError as error:
            raise RequestError(_first_line(error)) from error
        except (TypeError, ValueError, AttributeError, IndexError) as error:
            # The server's reply does not follow the protocol.
            raise RequestError(f"malformed reply ({type(error).__name__})") from error
        read = usage.prompt_tokens if usage else sum(len(t) for _, t in request.messages) // 4
        return Reply(text, finish, read, usage.completion_tokens if usage else len(text) // 4)

    def _models(self) -> list[str] | None:
        """Names of the models; None if the endpoint does not list them."""
        try:
            return [model.id for model in self._openai.models.list().data or ()]
        except self._errors.APIStatusError as error:
            if error.status_code in (401, 403):
                raise NotReadyError(
                    f"{self._options.url} rejects the key (status {error.status_code})",
                    fix=f"export {self._options.key_variable}=…",
                ) from error
            if error.status_code >= 500:
                raise self.unreachable(f"status {error.status_code}") from error
            return None
        except self._errors.APIError as error:
            raise self.unreachable(_first_line(error)) from error
        except (TypeError, ValueError, AttributeError):
            return None

    def unreachable(self, why: str) -> NotReadyError:
        """The error for an endpoint that fails from the start."""
        return NotReadyError(
            f"the language model at {self._options.url} cannot be used: {why}",
            fix="start its server, or correct --llm URL (it usually ends in /v1) or --llm-model NAME; "
            "or build without --llm",
        )


class _Pace:
    """Rate limit: spaces the starts of requests evenly."""

    def __init__(self, per_minute: float | None) -> None:
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._gap
        if start > now:
            time.sleep(start - now)


def _first_line(error: Exception) -> str:
    return redact(str(error) or type(error).__name__).split("\n")[0][:200]
