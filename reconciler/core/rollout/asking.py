"""What is asked of a version before it has any traffic, and what its answers are worth. Pure.

No answer is ever repeated in words: a body may hold what is nobody's business, and so may the query of a path.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from reconciler.core.naming import fingerprint
from reconciler.core.rollout.series import Check
from schemas.sections.model import Feature, ValueType

TRIES = 3
"""So often a request is asked before a wrong or slow answer counts: one hiccup is no version's fault."""
_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""How Google's front end, or IAP, says that whoever asks may not: that is no answer of the version's."""
_SENT_AWAY = frozenset({HTTPStatus.FOUND, HTTPStatus.SEE_OTHER, HTTPStatus.TEMPORARY_REDIRECT})
_SIGN_IN = frozenset({"accounts.google.com", "iap.googleapis.com"})
"""Where IAP sends whoever is not signed in; https://cloud.google.com/iap/docs/concepts-overview. A version that sends
callers anywhere else answers that itself."""
_AWAY = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_PART = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")
MOST_BYTES = 1 << 20
"""Of an answer, so much is read."""


def marked(check: str, candidate: str, started: datetime) -> str:
    """Give the id of the requests of a check: the prediction log has it, and whoever reads that can tell them apart.

    Args:
        check: Its name.
        candidate: Version that is asked.
        started: When its rollout began, which no stranger knows: none can give his requests this id.
    """
    return f"mlservice-{check}-{fingerprint([candidate, started.isoformat()], length=12)}"


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and what its answer must be.

    Args:
        path: With its query.
        body: JSON; empty for a GET.
        status: Of the answer.
        answer: Path of a value that its JSON has, and that is not null; empty for none.
        equals: What that value is, as text; empty for anything.
        least: The least that it is.
        most: The most that it is.
        latency_ms: Longest that it takes once the version is warm; None for however long.
    """

    path: str
    body: str = ""
    status: int = 200
    answer: str = ""
    equals: str = ""
    least: float | None = None
    most: float | None = None
    latency_ms: int | None = None

    @property
    def method(self) -> str:
        """How it is asked."""
        return "POST" if self.body else "GET"

    @property
    def shown(self) -> str:
        """What people read of it."""
        return f"{self.method} {self.path.partition('?')[0]}"


@dataclass(frozen=True, slots=True)
class Asking:
    """All that is asked of a version before any traffic.

    Args:
        requests: In order.
        within_s: Seconds after its start from which on being out of reach is a failure.
        inside: It takes requests of the VPC network alone, and others are told that there is nothing.
        public: Whoever asks need not say who he is.
    """

    requests: tuple[Request, ...] = ()
    within_s: int = 600
    inside: bool = False
    public: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back.

    Args:
        status: HTTP status; 0 where nothing came.
        seconds: How long it took.
        body: Its first `MOST_BYTES`.
        cut: There was more.
        trouble: Why nothing came, in words.
        location: Where it sends whoever asked; empty for nowhere.
    """

    status: int = 0
    seconds: float = 0.0
    body: bytes = b""
    cut: bool = False
    trouble: str = ""
    location: str = ""


class Worth(StrEnum):
    """What an answer says of a version."""

    FINE = "fine"
    WRONG = "wrong"
    AWAY = "away"
    REFUSED = "refused"


def worth_of(request: Request, answered: Answered, *, inside: bool = False) -> tuple[Worth, str]:
    """Tell what an answer is worth.

    Args:
        request: What was asked.
        answered: What came back.
        inside: The version takes requests of the VPC network alone.

    Returns:
        The worth, and why in words.
    """
    if answered.trouble:
        return Worth.AWAY, answered.trouble
    if answered.status != request.status:
        said = f"HTTP {answered.status}, and {request.status} is expected"
        closed = (
            answered.status in _REFUSED or _to_sign_in(answered) or (inside and answered.status == HTTPStatus.NOT_FOUND)
        )
        return Worth.REFUSED if closed else Worth.AWAY if answered.status in _AWAY else Worth.WRONG, said
    if request.latency_ms is not None and answered.seconds * 1000 > request.latency_ms:
        return Worth.WRONG, f"{answered.seconds * 1000:.0f} ms, and {request.latency_ms} ms are the most"
    why = _wrong(request, answered) if request.answer else ""
    return (Worth.WRONG, why) if why else (Worth.FINE, "as expected")


def _to_sign_in(answered: Answered) -> bool:
    if answered.status not in _SENT_AWAY:
        return False
    try:
        return urlsplit(answered.location).hostname in _SIGN_IN
    except ValueError:
        return False


def _wrong(request: Request, answered: Answered) -> str:
    """Say what is wrong with the JSON of an answer, without a word of it."""
    if answered.cut:
        return f"its answer is longer than {MOST_BYTES >> 20} MiB"
    try:
        found = at(json.loads(answered.body), request.answer)
    except RecursionError:
        return "its answer is nested too deep to be read"
    except (json.JSONDecodeError, UnicodeDecodeError):
        return "its answer is no JSON"
    except ValueError:  # of int(), which bounds the work that a long number is
        return f"its answer has a number of more than {sys.get_int_max_str_digits()} digits"
    except LookupError:
        return f"its answer has no `{request.answer}`"
    why = _unfit(request, found)
    return f"`{request.answer}` of its answer is {why}" if why else ""


def _unfit(request: Request, found: Any) -> str:
    """Say what is wrong with a value, without what it is."""
    if found is None:
        return "null"
    if request.equals and not _same(found, request.equals):
        return "not what is expected"
    if request.least is None and request.most is None:
        return ""
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return "no number"
    low, high = request.least, request.most
    fits = (low is None or found >= low) and (high is None or found <= high)
    return "" if fits else "out of bounds"


def at(value: Any, path: str) -> Any:
    """Give what stands at a path of a JSON value: `predictions[0].score`.

    Raises:
        LookupError: Nothing does.
    """
    for index, name in _PART.findall(path):
        if index and isinstance(value, list):
            value = value[int(index)] if int(index) < len(value) else _nothing(path)
        elif name and isinstance(value, dict):
            value = value[name]
        else:
            _nothing(path)
    return value


def _nothing(path: str) -> Any:
    raise LookupError(path)


def _same(found: Any, text: str) -> bool:
    if isinstance(found, bool):
        return text == ("true" if found else "false")
    if isinstance(found, (int, float)):
        try:
            return float(text) == found
        except ValueError:
            return False
    return isinstance(found, str) and found == text


def asked(asking: Asking, send: Callable[[Request], Answered], *, late: bool) -> Check:
    """Ask everything, the first request once more before it counts: it is what warms the version up.

    Args:
        asking: What is asked.
        send: Asks one request.
        late: Being out of reach is a failure by now.
    """
    slowest = 0.0
    for place, request in enumerate(asking.requests):
        if not place:
            send(request)
        worth, why, seconds = _best(request, send, inside=asking.inside)
        if worth is not Worth.FINE:
            return unsettled(request, worth, why, late=late)
        slowest = max(slowest, seconds)
    count = len(asking.requests)
    return Check(
        passed=True, why=f"{count} request{'s' if count > 1 else ''} as expected, {slowest * 1000:.0f} ms at most"
    )


def _best(request: Request, send: Callable[[Request], Answered], *, inside: bool) -> tuple[Worth, str, float]:
    worth, why, answered = Worth.AWAY, "", Answered()
    for _ in range(TRIES):
        answered = send(request)
        worth, why = worth_of(request, answered, inside=inside)
        if worth is not Worth.WRONG:
            break
    return worth, why, answered.seconds


def unsettled(request: Request, worth: Worth, why: str, *, late: bool) -> Check:
    """Say what becomes of a version whose answer is not what is expected.

    Args:
        request: What was asked.
        worth: Of the answer; not fine.
        why: In words.
        late: Being out of reach is a failure by now.
    """
    said = f"{request.shown}: {why}"
    if worth is Worth.WRONG:
        return Check(passed=False, why=said)
    if worth is Worth.REFUSED:  # of whoever asks, and not of the version: that is nothing to reject it for
        return Check(passed=None, why=f"{said}: whoever makes the pass must be let in, by roles/run.invoker")
    return Check(passed=False if late else None, why=f"{said}{', for too long' if late else ''}")


def row_of(features: Mapping[str, Feature]) -> dict[str, Any]:
    """Make a row that fits a feature schema.

    Args:
        features: By name.
    """
    return {name: _value(feature) for name, feature in features.items()}


def _value(feature: Feature) -> Any:
    if feature.type is ValueType.CATEGORY:
        return feature.values[0]
    if feature.type is ValueType.BOOLEAN:
        return False
    if feature.type is ValueType.STRING:
        return "a"
    low, high = feature.min, feature.max
    near = 0.0 if low is None and high is None else low if high is None else high if low is None else (low + high) / 2
    if feature.type is not ValueType.INTEGER:
        return near
    whole = round(near or 0)
    inside = (low is None or whole >= low) and (high is None or whole <= high)
    return whole if inside else int(-(-(low or 0) // 1))


def generated(features: Mapping[str, Feature]) -> tuple[Request, ...]:
    """Give the request that the bundled server of a model is asked where the spec says none: one row of its schema.

    Args:
        features: Of the model.
    """
    body = json.dumps({"instances": [row_of(features)]})
    return (Request("/predict", body, answer="predictions[0]"),)
