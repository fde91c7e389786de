"""Which answers say that there were too many calls, and when to come again: of gRPC, and of HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import grpc

from reconciler.core.pace import is_read, passes
from reconciler.gcp.throttle import Throttle

_TOO_MANY = 429
_READS = frozenset({"GET", "HEAD"})


class Paced(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Lets every call of a channel pass the throttle. Every call of ours has one request and one answer.

    Args:
        throttle: The process's.
        api: Such as `run.googleapis.com`.
    """

    def __init__(self, throttle: Throttle, api: str) -> None:
        self._throttle, self._api = throttle, api

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Make one call."""
        write = not is_read(client_call_details.method)
        return self._throttle.call(self._api, lambda: continuation(client_call_details, request), of_grpc, write=write)


def of_grpc(answer: Any) -> float | None:
    """Tell whether a gRPC answer refuses for the rate; gives the seconds it names, or 0."""
    if answer.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
        return None
    reason, limit, told_s = "", "", 0.0
    for detail in _details(answer):
        name = detail.DESCRIPTOR.name
        if name == "ErrorInfo":
            reason, limit = detail.reason, detail.metadata.get("quota_limit", "")
        elif name == "RetryInfo":
            told_s = max(told_s, detail.retry_delay.ToTimedelta().total_seconds())
    return told_s if told_s > 0 or passes(reason, limit, answer.details() or "") else None


def _details(answer: Any) -> list[Any]:
    from google.rpc import error_details_pb2, status_pb2  # noqa: PLC0415 - only refusals have details

    found = []
    for key, value in answer.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for packed in status_pb2.Status.FromString(value).details:
                for kind in (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo):
                    detail = kind()
                    if packed.Unpack(detail):
                        found.append(detail)
    return found


@dataclass(frozen=True, slots=True)
class PacedAdapter:
    """Lets every request of an HTTP session pass the throttle, as an adapter of `requests` that sends by another one.

    Args:
        inner: Sends.
        throttle: The process's.
        api: Such as `storage.googleapis.com`.
    """

    inner: Any
    throttle: Throttle
    api: str

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request. A body that can be read only once is sent only once."""
        once = not isinstance(request.body, (bytes, str, type(None)))
        return self.throttle.call(
            self.api,
            lambda: self.inner.send(request, **options),
            _never if once else of_http,
            write=request.method not in _READS,
        )

    def close(self) -> None:
        """Let connections go."""
        self.inner.close()


def _never(answer: Any) -> float | None:
    del answer
    return None


def of_http(answer: Any) -> float | None:
    """Tell whether an HTTP answer refuses for the rate; gives the seconds it names, or 0."""
    if answer.status_code != _TOO_MANY:
        return None
    error = _error(answer)
    told_s = max(_retry_after_s(answer.headers.get("Retry-After", "")), _retry_info_s(error))
    reasons = [each.get("reason", "") for each in _listed(error, "errors") + _listed(error, "details")]
    limit = next(
        (
            str(each["metadata"].get("quota_limit", ""))
            for each in _listed(error, "details")
            if isinstance(each.get("metadata"), dict)
        ),
        "",
    )
    message = str(error.get("message", ""))
    return told_s if told_s > 0 or any(passes(str(reason), limit, message) for reason in reasons or [""]) else None


def _error(answer: Any) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def _listed(error: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = error.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _retry_info_s(error: dict[str, Any]) -> float:
    """Read `retryDelay` of `google.rpc.RetryInfo`, such as `"3.5s"`."""
    told = [str(each.get("retryDelay", "")).removesuffix("s") for each in _listed(error, "details")]
    return max(map(_number, told), default=0.0)


def _retry_after_s(text: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float:
    """Read the header: seconds, or a date (RFC 9110, 10.2.3)."""
    if not text or _number(text):
        return _number(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now()).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _number(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        return 0.0
    return found if 0 < found < float("inf") else 0.0
