"""StreamingPull: one subscriber's messages as they come, with acknowledgements on the same stream.

A thread reads what the client sends; the call's own thread takes messages as far as flow control lets it.
Source: comments of `StreamingPullRequest` and `StreamingPullResponse`.
"""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from google.pubsub_v1.types import pubsub

from emulator.apis.pubsub import delivering, handles, holders
from emulator.apis.pubsub.backlog import Tab
from emulator.apis.pubsub.broker import Line
from emulator.apis.pubsub.delivering import Wanted
from emulator.apis.pubsub.model import API, SUBSCRIBER, invalid, missing
from emulator.apis.pubsub.pulling import check_deadline, check_pulled, line_of
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.world import World

Response = pubsub.StreamingPullResponse.pb()
BATCH = 100
BATCH_BYTES = 4_000_000
STREAM_DEADLINE_S = (10, 600)
QUIET_S = 30
"""After so long without messages a client that can read it (`protocol_version` 1) is told that the stream is alive."""


@API.method(SUBSCRIBER + "StreamingPull")
def streaming_pull(world: World, requests: Iterator[Any], call: Call) -> Iterator[Any]:
    """Messages until the client ends the stream, goes away, or the subscription is gone."""
    first = next(iter(requests), None)
    if first is None:
        raise invalid("subscription: the first request of a stream must name it")
    line = line_of(world, first.subscription)
    check_pulled(line)
    stream = Stream(world, line, first)
    call.when_over(stream.end)
    threading.Thread(target=stream.listen, args=(first, requests), name="pubsub-stream", daemon=True).start()
    return stream.answers()


class Stream:
    """One open stream.

    Args:
        world: Where.
        line: Of the subscription.
        first: The request that opened it.
    """

    def __init__(self, world: World, line: Line, first: Any) -> None:
        check_stream_deadline(first.stream_ack_deadline_seconds)
        self._world = world
        self._line = line
        self._tab = Tab()
        self._messages = first.max_outstanding_messages
        self._bytes = first.max_outstanding_bytes
        self._deadline_s = first.stream_ack_deadline_seconds
        self._pulse_s = QUIET_S if first.protocol_version else None
        self._said: deque[Any] = deque()
        self._refused: ApiFailure | None = None
        self._over = False

    def listen(self, first: Any, requests: Iterator[Any]) -> None:
        """Do what the client asks for, until it ends its side or goes away."""
        try:
            self._obey(first)
            for request in requests:
                self._obey(request)
        except ApiFailure as refused:
            self._refused = refused
        except Exception:  # noqa: BLE001, S110 - gRPC raises a bare one into whoever reads a call that is over
            pass
        self.end()

    def end(self) -> None:
        """Nothing more will come of it; messages that are out come back when their time is over."""
        self._over = True
        self._line.stir()

    def _obey(self, request: Any) -> None:
        if request.stream_ack_deadline_seconds:
            check_stream_deadline(request.stream_ack_deadline_seconds)
            self._deadline_s = request.stream_ack_deadline_seconds
        exact = self._line.backlog.terms.exact
        if request.ack_ids:
            self._ack(handles.read_all(self._line.name, list(request.ack_ids), exact=exact))
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise invalid("modify_deadline_seconds: one is needed for each of modify_deadline_ack_ids")
        changes: dict[int, list[str]] = {}
        for ack_id, seconds in zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True):
            check_deadline(seconds)
            changes.setdefault(seconds, []).append(ack_id)
        for seconds, ack_ids in changes.items():
            self._extend(handles.read_all(self._line.name, ack_ids, exact=exact), seconds)

    def _ack(self, given: dict[Any, str]) -> None:
        bad = [given[handle] for handle in delivering.ack(self._world, self._line, given)]
        good = [ack_id for ack_id in given.values() if ack_id not in bad]
        self._confirm("acknowledge_confirmation", good, bad)

    def _extend(self, given: dict[Any, str], seconds: int) -> None:
        bad = [given[handle] for handle in delivering.extend(self._world, self._line, given, seconds)]
        good = [ack_id for ack_id in given.values() if ack_id not in bad]
        self._confirm("modify_ack_deadline_confirmation", good, bad)

    def _confirm(self, field: str, good: list[str], bad: list[str]) -> None:
        """Tell what came of ids: clients wait for it where delivery is exactly once, and only there."""
        if self._line.backlog.terms.exact:
            self._said.append(self._about(**{field: {"ack_ids": good, "invalid_ack_ids": bad}}))
            self._line.stir()

    def _about(self, **more: Any) -> Any:
        """An answer, which always says how the subscription delivers."""
        terms = self._line.backlog.terms
        made = Response(**more)
        made.subscription_properties.exactly_once_delivery_enabled = terms.exact
        made.subscription_properties.message_ordering_enabled = terms.ordered
        return made

    def answers(self) -> Iterator[Any]:
        """What the client gets, as it comes."""
        while True:
            seen = self._line.events
            if self._refused is not None:
                raise self._refused
            while self._said:
                yield self._said.popleft()
            if self._over:
                return
            self._check_alive()
            taken = self._take()
            if taken:
                yield self._about(received_messages=delivering.received(self._line, taken))
            elif not self._line.wait(seen, self._pulse_s) and self._line.alive:
                yield self._about()

    def _check_alive(self) -> None:
        """End the stream of a subscription that is gone, or has become one of another kind.

        Raises:
            ApiFailure: Clients come back after `UNAVAILABLE`, and do not after the others.
        """
        if not self._line.alive:
            if holders.stopping(self._world):
                raise ApiFailure("UNAVAILABLE", "The emulator stops.")
            raise missing(self._line.name)
        check_pulled(self._line)

    def _take(self) -> list[Any]:
        """Messages, as far as what is out lets more go."""
        most = self._messages - self._tab.messages if self._messages > 0 else BATCH
        room = self._bytes - self._tab.bytes if self._bytes > 0 else BATCH_BYTES
        if most <= 0 or room <= 0:
            return []
        wanted = Wanted(min(most, BATCH), min(room, BATCH_BYTES), self._deadline_s, tab=self._tab)
        return delivering.take(self._world, self._line, wanted)


def check_stream_deadline(seconds: int) -> None:
    """10 to 600 seconds, or none."""
    least, most = STREAM_DEADLINE_S
    if seconds and not least <= seconds <= most:
        raise invalid(f"stream_ack_deadline_seconds: must be between {least} and {most}")
