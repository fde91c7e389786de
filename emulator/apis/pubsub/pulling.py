"""Pull, Acknowledge, ModifyAckDeadline.

Source: comments of `PullRequest`, `AcknowledgeRequest`, `ModifyAckDeadlineRequest`;
cloud.google.com/pubsub/docs/exactly-once-delivery for what is told of ids that are no good.
"""

import time
from collections.abc import Sequence
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1.types import pubsub
from google.rpc import error_details_pb2

from emulator.apis.pubsub import delivering, handles, holders
from emulator.apis.pubsub.broker import Line
from emulator.apis.pubsub.delivering import Wanted
from emulator.apis.pubsub.model import API, SUBSCRIBER, invalid, missing
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id
from emulator.core.world import World

PATIENCE_S = 10
"""How long (real seconds) an answer to Pull waits for a message. Google says only that it is bounded."""
PULL_MOST = 1000
LONGEST_S = 600
INVALID_IDS = (
    "Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have expired"
    " or the acknowledgement ids were malformed."
)
"""Source: googleapis/nodejs-pubsub issue 1951."""
PERMANENT = "PERMANENT_FAILURE_INVALID_ACK_ID"


def line_of(world: World, subscription: str) -> Line:
    """The line of a subscription.

    Raises:
        ApiFailure: It is not there.
    """
    name = by_id(world, subscription)
    line = holders.broker(world).lines.get(name)
    if line is None:
        raise missing(name)
    return line


def check_pulled(line: Line) -> None:
    """Refuse to give messages that go elsewhere. The words are in the service's style, not seen there."""
    if line.detached:
        raise ApiFailure("FAILED_PRECONDITION", "The subscription is detached from its topic.")
    if line.push is not None or not line.pulled:
        raise ApiFailure("FAILED_PRECONDITION", "This method is not supported for this subscription type.")


@API.method(SUBSCRIBER + "Pull")
def pull(world: World, request: Any, call: Call) -> Any:
    """Messages that wait; without any the answer waits a while, unless it shall not."""
    line = line_of(world, request.subscription)
    check_pulled(line)
    if request.max_messages <= 0:
        raise invalid("max_messages: must be positive")
    wanted = Wanted(min(request.max_messages, PULL_MOST))
    taken = delivering.take(world, line, wanted)
    if not taken and not request.return_immediately:
        taken = later(world, line, wanted, call)
    if not line.alive:
        raise missing(line.name)
    return pubsub.PullResponse.pb()(received_messages=delivering.received(line, taken))


def later(world: World, line: Line, wanted: Wanted, call: Call) -> list[Any]:
    """What comes within the time that is waited; nothing for a client that has gone."""
    call.when_over(line.stir)
    end = time.monotonic() + PATIENCE_S
    while True:
        seen = line.events
        if call.cancelled():
            return []
        taken = delivering.take(world, line, wanted)
        if taken or not line.wait(seen, end - time.monotonic()):
            return taken


@API.method(SUBSCRIBER + "Acknowledge")
def acknowledge(world: World, request: Any, _: Call) -> Any:
    """Settle messages. One that has been settled before, or whose lease is over, is no mistake, unless exactly once."""
    line = line_of(world, request.subscription)
    given = handles_of(line, request.ack_ids)
    refuse(line, [given[handle] for handle in delivering.ack(world, line, given)])
    return Empty()


@API.method(SUBSCRIBER + "ModifyAckDeadline")
def modify_ack_deadline(world: World, request: Any, _: Call) -> Any:
    """Give messages more time; 0 seconds: give them back."""
    line = line_of(world, request.subscription)
    seconds = request.ack_deadline_seconds
    check_deadline(seconds)
    given = handles_of(line, request.ack_ids)
    refuse(line, [given[handle] for handle in delivering.extend(world, line, given, seconds)])
    return Empty()


def check_deadline(seconds: int) -> None:
    """0 to 600 seconds. The words are in the service's style, not seen there."""
    if not 0 <= seconds <= LONGEST_S:
        text = f"Invalid ack deadline given (ack_deadline_seconds={seconds})."
        raise ApiFailure("INVALID_ARGUMENT", f"{text} The ack deadline must be between 0 and {LONGEST_S} seconds.")


def handles_of(line: Line, ack_ids: Sequence[str]) -> dict[Any, str]:
    """Handles of a request's ids.

    Raises:
        ApiFailure: There are none, or one was never given.
    """
    if not ack_ids:
        raise invalid("ack_ids: must not be empty")
    return handles.read_all(line.name, list(ack_ids), exact=line.backlog.terms.exact)


def refuse(line: Line, ack_ids: Sequence[str]) -> None:
    """Name the ids that are no good, where delivery is exactly once; clients look for each in the error's details."""
    if ack_ids and line.backlog.terms.exact:
        about = error_details_pb2.ErrorInfo(
            reason="EXACTLY_ONCE_ACKID_FAILURE",
            domain="pubsub.googleapis.com",
            metadata=dict.fromkeys(ack_ids, PERMANENT),
        )
        raise ApiFailure("INVALID_ARGUMENT", INVALID_IDS, [about])
