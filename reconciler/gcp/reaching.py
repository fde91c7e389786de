"""What looks after the emulator around the calls of a connection, over either wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from reconciler.gcp.watch import Watch

_OF_NOBODY = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.UNKNOWN,
)
"""What the emulator may say itself, as a fault may order, and what is told of one that is not there any more: the last
two where another program has its port.
"""
_JSON = "json"


class Answered(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Looks, during and after a gRPC call that nobody answers, whether the emulator is there.

    Args:
        watch: Of the connection.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Make one call."""
        answer = self._watch.over(lambda: continuation(client_call_details, request))
        if answer.code() in _OF_NOBODY:
            self._watch.look()
        return answer


@dataclass(frozen=True, slots=True)
class AnsweredAdapter:
    """Looks, during and after a request of an HTTP session that nobody answers, whether the emulator is there.

    Args:
        inner: Sends.
        watch: Of the connection.
    """

    inner: Any
    watch: Watch

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request, and read what is answered, but where the caller reads it piece by piece."""
        import requests  # noqa: PLC0415 - late, for start-up

        def sent() -> Any:
            answer = self.inner.send(request, **options)
            if not options.get("stream"):
                answer.content  # noqa: B018 - reads it
            return answer

        try:
            answer = self.watch.over(sent)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
            self.watch.look()
            raise
        if not answer.ok and _JSON not in answer.headers.get("content-type", ""):
            self.watch.look()  # a 404 of another program that has its port would say that what is there is not
        return answer

    def close(self) -> None:
        """Let connections go."""
        self.inner.close()
