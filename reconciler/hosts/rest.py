"""JSON over HTTPS to a code host: bounded, retried where that is safe, and never with a token in a message."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from reconciler.core.errors import ReconcilerError, UsageError

_PATIENCE_S = 30.0
_ATTEMPTS = 3
_LONGEST_WAIT_S = 60.0
_MOST_BYTES = 32 << 20
"""Of one answer: a hundred of GitHub's longest comments have 7 MiB, and as JSON at most six times that."""
_LONGEST_S = 120.0
"""Of one answer, from the first byte asked to the last one read."""
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_TOO_MANY, _FORBIDDEN, _BROKEN = 429, 403, 500
_OTHER_API = "is that the address of its API? --api"


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


@dataclass(frozen=True, slots=True)
class Answer:
    """What a host answered.

    Args:
        status: Of HTTP.
        headers: As sent.
        content: The whole body.
        host: Who answered, for messages.
        asked: What was, such as `GET /user`.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    host: str
    asked: str

    @property
    def whose(self) -> str:
        """Say which host answers, and what."""
        return f"{self.host} to {self.asked}"

    @property
    def done(self) -> bool:
        """Tell whether it did what was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 - what HTTP calls success

    def record(self) -> dict[str, Any]:
        """Give the object that it is.

        Raises:
            HostError: It is none.
        """
        found: dict[str, Any] = self._read(dict, "an object")
        return found

    def listed(self) -> list[dict[str, Any]]:
        """Give the objects that it lists.

        Raises:
            HostError: It lists none.
        """
        found: list[dict[str, Any]] = self._read(list, "a list")
        if not all(isinstance(each, dict) for each in found):
            raise self.odd("its list holds what is no object")
        return found

    def _read(self, sort: type, called: str) -> Any:
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            raise self.odd("it is no JSON") from None
        if not isinstance(found, sort):
            raise self.odd(f"it is not {called}")
        return found

    def odd(self, why: str) -> HostError:
        """Give what to raise for an answer that such a host does not give."""
        return HostError(f"the answer of {self.whose} cannot be used: {why}", hint=_OTHER_API, status=self.status)


def text_of(told: Any, name: str) -> str:
    """Give a text of what a host told; empty for anything else."""
    found = told.get(name) if isinstance(told, Mapping) else None
    return found if isinstance(found, str) else ""


def number_of(answer: Answer, told: Any, name: str) -> int:
    """Give a number of what a host told.

    Raises:
        HostError: There is none.
    """
    found = told.get(name) if isinstance(told, Mapping) else None
    if not isinstance(found, int) or isinstance(found, bool):
        raise answer.odd(f"its '{name}' is no number")
    return found


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
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise UsageError(f"'{url}' is no https address", hint="--api") from None
        if parsed.scheme != "https" and not (parsed.scheme == "http" and parsed.host in _HERE):
            raise UsageError(f"'{url}' is no https address", hint="the token must not be sent in the clear")
        # Without TLS there is nothing to verify, and reading all certificates takes a tenth of a second.
        secure = parsed.scheme == "https"
        sent = {**headers, "Accept-Encoding": "identity"}  # what is read is bounded, so it must not be unpacked first
        self._client = httpx.Client(base_url=url.rstrip("/"), headers=sent, timeout=_PATIENCE_S, verify=secure)
        self._name = parsed.netloc.decode("ascii", "replace").rpartition("@")[2]
        self._sleep = sleep

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def call(self, verb: str, path: str, *, body: Any = None, query: Mapping[str, Any] | None = None) -> Answer:
        """Make a call; what was not done for sure (429, or 5xx of a read) is tried again.

        Raises:
            HostError: It was refused, or there was no answer, or one without an end.
        """
        asked = f"{verb} {path}"
        for attempt in range(_ATTEMPTS):
            last, until = attempt == _ATTEMPTS - 1, time.monotonic() + _LONGEST_S
            try:
                with self._client.stream(verb, path, json=body, params=query) as told:
                    content = _content(told, f"{self._name} to {asked}", until)
                    answer = Answer(told.status_code, told.headers, content, self._name, asked)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                if verb == "GET" and not last:
                    self._sleep(2.0**attempt)
                    continue
                why = f"cannot {asked} at {self._name}: {type(error).__name__}"
                raise HostError(why, hint="check the network") from None
            if answer.done:
                return answer
            if last or not _passes(verb, answer):
                raise _refused(answer)
            self._sleep(_wait_s(answer, attempt))
        raise AssertionError("unreachable")


def _content(told: httpx.Response, whose: str, until: float) -> bytes:
    """Read a body, unless it is too large or does not end."""
    found = bytearray()
    for part in told.iter_raw():
        found += part
        if len(found) > _MOST_BYTES:
            raise HostError(f"the answer of {whose} has more than {_MOST_BYTES >> 20} MiB", hint=_OTHER_API)
        if time.monotonic() > until:
            raise HostError(f"the answer of {whose} took more than {_LONGEST_S:g} s", hint="check the network")
    return bytes(found)


def _passes(verb: str, answer: Answer) -> bool:
    """Tell whether trying again is safe and may help: the host counted the call and did nothing, or it was a read.

    Source:
        https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api: 403 or 429 with `retry-after`.
    """
    slowed = answer.status == _TOO_MANY or (answer.status == _FORBIDDEN and "retry-after" in answer.headers)
    return slowed or (verb == "GET" and answer.status >= _BROKEN)


def _wait_s(answer: Answer, attempt: int) -> float:
    asked = answer.headers.get("retry-after", "")
    return min(float(asked) if asked.isascii() and asked.isdigit() else 2.0**attempt, _LONGEST_WAIT_S)


def _refused(answer: Answer) -> HostError:
    try:
        said = answer.record()
        why = " ".join((text_of(said, "message") or text_of(said, "error")).split())[:300]
    except HostError:
        why = ""
    moved = "the repository was renamed or moved: name it as it is called now (--repository), or its API (--api)"
    hints = {
        **dict.fromkeys((301, 302, 307, 308), moved),
        401: "the token is wrong or too old",
        403: "the token lacks a permission: pull-requests: write",
        404: "no such pull request, or the token may not see it",
    }
    message = f"cannot {answer.asked} at {answer.host}: {answer.status} {why}".rstrip()
    return HostError(message, hint=hints.get(answer.status, ""), status=answer.status)
