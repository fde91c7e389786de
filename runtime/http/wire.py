"""The predict paths answered in the HTTP protocol class itself; FastAPI for everything else.

An ASGI application costs a task, a scope, two events and three awaits per request, about four times what a small model
takes. This class hands the body of a predict request straight to its `Endpoint` and writes the answer to the socket.
FastAPI has the same routes: it takes over where this class steps aside (before the model is ready, behind another
request of the same connection that FastAPI is answering), and `--no-wire` turns the class off.
See docs/decisions/ for what it gains and what proves it.
"""

from __future__ import annotations

from collections import deque
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from runtime.data.answers import JSON, Answer, Headers, Refused, Request, declared_length, find
from runtime.http.guard import MAX_OPEN, GuardedProtocol
from runtime.telemetry.request_ids import HEADER, request_id

if TYPE_CHECKING:
    from runtime.serving.engine import Endpoint
    from runtime.serving.service import Service
    from runtime.serving.work import Work

# Requests of one connection that may be open; further ones are left in the socket. What is read already is answered.
MAX_PIPELINED = 64

OK = 200  # a plain number: looking up a member of an enumeration costs more than comparing it
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_OK_JSON = _STATUS_LINES[200] + b"content-type: application/json\r\n"
# Stands for "an earlier request of this connection is not answered yet", as uvicorn's own cycle does.
_BUSY: Any = SimpleNamespace(response_complete=False, disconnected=False, message_event=SimpleNamespace(set=bool))


class WireProtocol(GuardedProtocol):
    """uvicorn's protocol with a short way for predict requests."""

    def __init__(self, service: Service, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._service = service
        self._endpoints = service.endpoints
        self._endpoint: Endpoint | None = None
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._welcomed = False
        self._open: deque[Exchange] = deque()

    # The four callbacks of the parser

    def on_message_begin(self) -> None:
        """Forget the request before. The ASGI scope is made only for requests that need one."""
        self.url = b""
        self.headers: Headers = []
        self.expect_100_continue = False
        self._endpoint = None
        self._welcomed = False
        self.begin()

    def on_headers_complete(self) -> None:
        """Choose who answers: the path's endpoint, unless ASGI still answers a request before this one."""
        if self.parser.get_method() == b"POST" and (self.cycle is None or self.cycle.response_complete):
            self._endpoint = self._endpoints.get(self.url)
        if not self.head_is_fine():
            return
        if len(self._open) >= MAX_OPEN:
            self._reject(b"429 Too Many Requests", b"too many requests of this connection are open")
            return
        if self._endpoint is None:
            self._to_asgi()
            return
        self._body, self._body_bytes = [], 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, its name in lower case as ASGI has it; no trailers."""
        if self._in_head:
            self.headers.append((name.lower(), value))

    def unfinished(self, data: bytes) -> None:
        """Settle, before the body is here, whether it is welcome."""
        super().unfinished(data)
        if self._endpoint is None or self._in_head or self._welcomed:
            return
        self._welcomed = True
        if declared_length(self.headers) > self._service.max_body:
            self._refuse_early()
        elif self._expects() and not self._open:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Collect the body, as far as it may be long."""
        if self._endpoint is None:
            super().on_body(body)
            return
        self.fed_body += len(body)
        self._body_bytes += len(body)
        if self._body_bytes <= self._service.max_body:
            self._body.append(body)
        elif not self.closing:
            self._refuse_early()

    def on_message_complete(self) -> None:
        """Answer, now or when the model comes back."""
        endpoint = self._endpoint
        if endpoint is None or self._offered_upgrade:
            super().on_message_complete()
            return
        self.reading_since = 0.0
        if self.closing:
            return
        exchange = Exchange(self, find(self.headers, HEADER), keep_alive=self._keeps_alive())
        self._open.append(exchange)
        if len(self._open) > MAX_PIPELINED:
            self.flow.pause_reading()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        exchange.work = endpoint.handle(Request(body, self.headers, exchange.id), exchange.finish)

    # Answers, in the order of the requests

    def flush(self) -> None:
        """Write what can be written in order."""
        waiting = self._open
        while waiting and (answer := waiting[0].answer) is not None:
            exchange = waiting.popleft()
            self.server_state.total_requests += 1
            if self.transport.is_closing():
                continue
            close = not exchange.keep_alive or self._service.draining
            self.transport.write(_written(answer, exchange.id, close=close))
            if close and not self._lingering:
                self.transport.close()
        if not waiting:
            self._all_answered()

    def _all_answered(self) -> None:
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self.reading_since:
            self.begin_idle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the model off what nobody waits for."""
        super().connection_lost(exc)
        for exchange in self._open:
            if exchange.work is not None:
                exchange.work.abandoned = True

    def shutdown(self) -> None:
        """Close when idle; what is open is answered first, and its answers say `connection: close`."""
        if not self._open:
            super().shutdown()

    # The rest

    def _to_asgi(self) -> None:
        """Do what uvicorn would have done at the beginning of this message, then go its way."""
        url, headers = self.url, self.headers
        super(GuardedProtocol, self).on_message_begin()
        self.url = url
        self.headers.extend(headers)
        self.expect_100_continue = self._expects()
        if self._open:
            self.cycle = _BUSY  # uvicorn then queues this request behind ours
        super(GuardedProtocol, self).on_headers_complete()

    def _keeps_alive(self) -> bool:
        return self.parser.should_keep_alive() and self.version != "1.0"

    def _expects(self) -> bool:
        return (find(self.headers, b"expect") or b"").lower() == b"100-continue"

    def _refuse_early(self) -> None:
        """Answer before the body is here; the rest of it is thrown away."""
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is None or self.closing:
            return
        self.reading_since = 0.0
        self.linger()
        exchange = Exchange(self, find(self.headers, HEADER), keep_alive=False)
        self._open.append(exchange)
        endpoint.refuse(Refused(413, f"the body is larger than {self._service.max_body} bytes"), exchange.finish)

    def _reject(self, status: bytes, message: bytes) -> None:
        """Reject what follows requests that are still open, without getting ahead of their answers."""
        if not self._open:
            super()._reject(status, message)
            return
        self._open[-1].keep_alive = False
        self.linger()


class Exchange:
    """One request of a connection, and its answer once there is one."""

    __slots__ = ("_connection", "answer", "id", "keep_alive", "work")

    def __init__(self, connection: WireProtocol, given_id: bytes | None, *, keep_alive: bool) -> None:
        self._connection = connection
        self.id = request_id(given_id)
        self.keep_alive = keep_alive
        self.answer: Answer | None = None
        self.work: Work | None = None

    def finish(self, answer: Answer) -> None:
        """Take the answer; it is written when it is its turn."""
        self.answer = answer
        self.work = None  # it refers to us: a cycle per request would be work for the collector
        self._connection.flush()


def _written(answer: Answer, identity: str, *, close: bool) -> bytes:
    body = answer.body
    if answer.status == HTTPStatus.NO_CONTENT:
        closing = b"connection: close\r\n" if close else b""
        return b"%bx-request-id: %b\r\n%b\r\n" % (_STATUS_LINES[204], identity.encode(), closing)
    if answer.status == OK and not (answer.headers or close) and answer.content_type is JSON:
        return b"%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % (_OK_JSON, identity.encode(), len(body), body)
    lines = [
        _STATUS_LINES[answer.status],
        b"content-type: ",
        answer.content_type,
        b"\r\nx-request-id: ",
        identity.encode(),
    ]
    for name, value in answer.headers:
        lines += [b"\r\n", name, b": ", value]
    lines.append(b"\r\nconnection: close" if close else b"")
    return b"".join([*lines, b"\r\ncontent-length: %d\r\n\r\n" % len(body), body])
