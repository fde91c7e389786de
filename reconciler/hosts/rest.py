"""JSON over HTTPS to a code host: bounded, retried where that is safe, and never with a token in a message."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from reconciler.core.errors import ReconcilerError, UsageError

_PATIENCE_S = 30.0
_ATTEMPTS = 3
_LONGEST_WAIT_S = 60.0
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_TOO_MANY, _FORBIDDEN, _BROKEN = 429, 403, 500


class HostError(ReconcilerError):
    """A code host refused, or did not answer.

    Args:
        message: One sentence, without secrets.
        hint: What to do about it.
        status: HTTP status; 0 for no answer.
    """

    def __init__(self, message: str, *, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Rest:
    """Calls one host.

    Args:
        url: Where its API is: https, or http on this machine.
        headers: Sent with each call: the token.
        sleep: Waits, in seconds.

    Raises:
        UsageError: The address would send the token in the clear.
    """

    def __init__(self, url: str, headers: Mapping[str, str], *, sleep: Callable[[float], None] = time.sleep) -> None:
        parsed = httpx.URL(url)
        if parsed.scheme != "https" and not (parsed.scheme == "http" and parsed.host in _HERE):
            raise UsageError(f"'{url}' is no https address", hint="the token must not be sent in the clear")
        # Without TLS there is nothing to verify, and reading all certificates takes a tenth of a second.
        secure = parsed.scheme == "https"
        self._client = httpx.Client(base_url=url.rstrip("/"), headers=dict(headers), timeout=_PATIENCE_S, verify=secure)
        self._sleep = sleep

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def call(self, verb: str, path: str, *, body: Any = None, query: Mapping[str, Any] | None = None) -> httpx.Response:
        """Make a call; what was not done for sure (429, or 5xx of a read) is tried again.

        Raises:
            HostError: It was refused, or there was no answer.
        """
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            try:
                answer = self._client.request(verb, path, json=body, params=query)
            except httpx.HTTPError as error:
                if verb == "GET" and not last:
                    self._sleep(2.0**attempt)
                    continue
                raise HostError(f"cannot {verb} {path}: {type(error).__name__}", hint="check the network") from None
            if answer.is_success:
                return answer
            if last or not _passes(verb, answer):
                raise _refused(verb, path, answer)
            self._sleep(_wait_s(answer, attempt))
        raise AssertionError("unreachable")


def _passes(verb: str, answer: httpx.Response) -> bool:
    """Tell whether trying again is safe and may help: the host counted the call and did nothing, or it was a read.

    Source:
        https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api: 403 or 429 with `retry-after`.
    """
    slowed = answer.status_code == _TOO_MANY or (answer.status_code == _FORBIDDEN and "retry-after" in answer.headers)
    return slowed or (verb == "GET" and answer.status_code >= _BROKEN)


def _wait_s(answer: httpx.Response, attempt: int) -> float:
    asked = answer.headers.get("retry-after", "")
    return min(float(asked) if asked.isdigit() else 2.0**attempt, _LONGEST_WAIT_S)


def _refused(verb: str, path: str, answer: httpx.Response) -> HostError:
    try:
        said = answer.json()
        why = str(said.get("message") or said.get("error") or "")[:300] if isinstance(said, dict) else ""
    except ValueError:
        why = ""
    hints = {
        401: "the token is wrong or too old",
        403: "the token lacks a permission: pull-requests: write",
        404: "no such pull request, or the token may not see it",
    }
    message = f"cannot {verb} {path}: {answer.status_code} {why}".rstrip()
    return HostError(message, hint=hints.get(answer.status_code, ""), status=answer.status_code)
