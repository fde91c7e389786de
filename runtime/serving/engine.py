"""A request's way from bytes to bytes: decode, queue, predict, encode. The same for every protocol and front door."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from runtime.configuration.options import MAX_BODY_BYTES
from runtime.data.answers import Answer, Refused, Request
from runtime.data.seen import Seen
from runtime.protocols.codings import unpacked
from runtime.serving.failures import DeviceLost, out_of_memory
from runtime.serving.work import Late, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from runtime.data.outputs import Outputs
    from runtime.protocols import Codec, Query
    from runtime.serving.batching import Batcher
    from runtime.serving.keys import Keys
    from runtime.telemetry.metrics import EndpointMetrics

    Respond = Callable[[Answer], None]
    Follow = Callable[[Seen], None]

log = logging.getLogger("runtime")

OK, SERVER_ERROR = 200, 500


class Sample(NamedTuple):
    """Who follows a share of the requests that were predicted.

    Attributes:
        skips: Tells how many of them come before the next one of the sample; what is no whole one of it does not count.
        wants: Tells whether it is followed then. Of one that is not, no more is made.
        follow: What follows.
    """

    skips: Callable[[], float]
    wants: Callable[[], bool]
    follow: Follow


class Endpoint:
    """One model behind one protocol. Lives on the event loop.

    Args:
        codec: The protocol.
        batcher: The model's queue; its clock measures what is before and behind it too.
        timeout_s: Seconds until 504.
        metrics: What is counted.
        keys: Who may call; None lets everyone.
        max_body: Bytes that a body may have once it is unpacked.
        followers: Called with each finished request, after its answer was given. They must be quick, and not raise.
        failures: The same, for answers of 500 and above only.
        sample: What follows a share of them.
    """

    def __init__(
        self,
        codec: Codec,
        batcher: Batcher,
        timeout_s: float,
        metrics: EndpointMetrics,
        *,
        keys: Keys | None = None,
        max_body: int = MAX_BODY_BYTES,
        followers: tuple[Follow, ...] = (),
        failures: tuple[Follow, ...] = (),
        sample: Sample | None = None,
    ) -> None:
        self.codec = codec
        self.timeout_s = timeout_s
        self.metrics = metrics
        self.clock = batcher.clock
        self._batcher = batcher
        self._keys = keys
        self._max_body = max_body
        self._followers = followers
        self._failures = failures
        self._sample = sample
        self._left = inf if sample is None else sample.skips()
        self._with_sample = followers if sample is None else (*followers, sample.follow)

    def handle(self, request: Request, respond: Respond) -> Work | None:
        """Answer one request; `respond` is called once, now or later.

        Returns:
            What waits for the model; None when the answer was given already.
        """
        clock = self.clock
        started = clock()
        try:
            if self._keys is not None:
                self._keys.check(request.headers)
            try:
                query = self.codec.decode(request)
            except Refused as refused:
                request, query = self._unpacked(request, refused)
            call = Call(self, request, respond, query, started)
        except Refused as refused:
            self.refuse(refused, respond, request, started)
            return None
        except Exception:  # a fault of ours must not cost the connection
            log.exception("decode failed")
            self.refuse(Refused(500, "the request cannot be read; the log has the reason"), respond, request, started)
            return None
        try:
            self._batcher.submit(call)
        except Refused as refused:
            self.refuse(refused, respond, request, started)
            return None
        return None if call.answered else call

    def _unpacked(self, request: Request, refused: Refused) -> tuple[Request, Query]:
        """Read a request again that could not be read: it may have come compressed.

        Raises:
            Refused: It did not, or cannot be read unpacked either.
        """
        again = unpacked(request, self._max_body)
        if again is None:
            raise refused
        return again, self.codec.decode(again)

    def refuse(
        self, refused: Refused, respond: Respond, request: Request | None = None, started: float | None = None
    ) -> None:
        """Answer with an error of this protocol's shape."""
        now = self.clock()
        answer = self.codec.error(refused)
        respond(answer)
        self.metrics.total.observe(now - (started or now))
        self.note(request or Request(b"", [], ""), answer, started or now, now)

    def note(
        self,
        request: Request,
        answer: Answer,
        started: float,
        ended: float,
        *,
        call: Call | None = None,
        outputs: Outputs | None = None,
    ) -> None:
        """Count a request that was answered, and tell the followers."""
        metrics, followers, status = self.metrics, self._followers, answer.status
        metrics.answers[status] += 1
        if status >= SERVER_ERROR:
            followers = (*followers, *self._failures)
        elif self._sample is not None and status == OK and outputs is not None:
            self._left -= 1
            if self._left < 0:
                self._left = self._sample.skips()
                if self._sample.wants():
                    followers = self._with_sample
        if followers:
            seen = Seen(request, answer, metrics, started, ended, call, outputs)
            for follow in followers:
                follow(seen)


class Call(Work):
    """One request on its way through the queue."""

    __slots__ = ("_endpoint", "_respond", "query", "request", "start", "started", "stop")

    def __init__(self, endpoint: Endpoint, request: Request, respond: Respond, query: Query, started: float) -> None:
        clock = endpoint.clock
        # One per request: `super()` makes an object to look up what is known here.
        Work.__init__(self, query, clock(), started + endpoint.timeout_s)
        self._endpoint = endpoint
        self._respond = respond
        self.query = query
        self.request = request
        self.started = started

    def done(self, outcome: Outputs | Exception, start: int, stop: int) -> None:
        """Answer with this request's rows of the outputs, and count what each phase took."""
        endpoint = self._endpoint
        clock = endpoint.clock
        now = clock()
        self.start, self.stop = start, stop
        answer = self._encoded(outcome, start, stop)
        ended = clock()
        self._respond(answer)
        endpoint.metrics.predicted(
            self.arrived - self.started, self.begun - self.arrived, ended - now, ended - self.started
        )
        outputs = None if isinstance(outcome, Exception) else outcome
        endpoint.note(self.request, answer, self.started, ended, call=self, outputs=outputs)

    def _encoded(self, outcome: Outputs | Exception, start: int, stop: int) -> Answer:
        codec = self._endpoint.codec
        if isinstance(outcome, Exception):
            return codec.error(self._refusal(outcome))
        try:
            return codec.encode(self.query, outcome, start, stop)
        except Refused as refused:
            return codec.error(refused)
        except Exception:  # a custom `encode` may raise anything; so may outputs that are not what was declared
            log.exception("encode failed")
            return codec.error(Refused(500, "the answer cannot be written; the log has the reason"))

    def _refusal(self, failure: Exception) -> Refused:
        """Say what became of a call that gave nothing; the reason is in the log only."""
        if isinstance(failure, Late):
            return Refused(504, f"no prediction within {self._endpoint.timeout_s:g} s")
        if isinstance(failure, DeviceLost):
            return Refused(503, "the device of this server failed; another one may answer", retry_after_s=1)
        if out_of_memory(failure):
            return Refused(503, "the model ran out of memory; fewer rows may fit", retry_after_s=1)
        return Refused(500, "the model failed; the log has the reason")
