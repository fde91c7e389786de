"""Push: each message is a POST to the subscription's endpoint, with an identity token where one is asked for.

Nothing waits in a loop: messages that arrive, rests that end and pushes that are done each have somebody look for more.
Source: comments of `PushConfig`; cloud.google.com/pubsub/docs/push, "Receive messages" and "Push backoff";
cloud.google.com/pubsub/docs/payload-unwrapping.
"""

import base64
import json
import logging
from functools import partial
from typing import Any

from emulator.apis import outgoing
from emulator.apis.pubsub import delivering, holders
from emulator.apis.pubsub.backlog import Delivery, Handle
from emulator.apis.pubsub.broker import Line, Push
from emulator.apis.pubsub.delivering import Wanted
from emulator.apis.pubsub.work import pool
from emulator.core.failures import ApiFailure
from emulator.core.world import World

log = logging.getLogger(__name__)

WINDOW = 30
"""Pushes of one subscription under way at once. Google's number follows how well the endpoint does."""
ACKED = (102, 200, 201, 202, 204)
FOREVER = float("inf")
"""A push is out until it has been answered, however far the emulator's clock is moved meanwhile."""
ALWAYS = {"User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"}


def begin(world: World) -> None:
    """Push from now on, also what waits already."""
    found = holders.broker(world)
    with found.lock:
        if found.arrivals or found.closed:
            return
        found.arrivals.append(partial(look_soon, world))
        for line in found.lines.values():
            look_soon(world, line)


def look_soon(world: World, line: Line) -> None:
    """Have somebody look for messages to push, once. With the lock held."""
    if line.push is not None and not line.pumped and line.pushing < WINDOW and len(line.backlog):
        line.pumped = True
        pool(world).submit(look, world, line)


def look(world: World, line: Line) -> None:
    """Push what there is, as far as the window lets more go."""
    found = holders.broker(world)
    with found.lock:
        line.pumped = False
        push, room = line.push, WINDOW - line.pushing
        if push is None or room <= 0:
            return
        line.pushing += room
    taken: list[tuple[Delivery, Any]] = []
    try:
        taken = delivering.take(world, line, Wanted(room, deadline_s=FOREVER, per_key=1))
    finally:
        with found.lock:
            line.pushing -= room - len(taken)
    for delivery, message in taken[1:]:
        pool(world).submit(attempt, world, line, push, delivery, message)
    if taken:
        attempt(world, line, push, *taken[0])


def attempt(world: World, line: Line, push: Push, delivery: Delivery, message: Any) -> None:
    """One push, and what comes of it."""
    try:
        done = deliver(world, line, push, delivery, message)
    except ApiFailure as failure:
        log.info("push failed: %s", failure, extra={"subscription": line.name})
        done = False
    except Exception:
        log.exception("push failed", extra={"subscription": line.name})
        done = False
    found = holders.broker(world)
    with found.lock:
        line.pushing -= 1
    if not line.alive:
        return
    handle = Handle(delivery.number, delivery.lease)
    if done:
        delivering.ack(world, line, [handle])
    else:
        delivering.extend(world, line, [handle], 0)


def deliver(world: World, line: Line, push: Push, delivery: Delivery, message: Any) -> bool:
    """Send one message; whether it was taken.

    Raises:
        ApiFailure: Nobody answered in time, or there is no token.
    """
    shown = delivery.attempt if line.dead_letter_topic else 0
    headers, body = bare(line, push, message, shown) if push.bare else wrapped(line, message, shown)
    if push.account:
        project = line.name.split("/")[1]
        headers |= outgoing.identity(world, push.account, push.audience, project)
    patience_s = line.backlog.terms.deadline_s
    code = outgoing.send(world, "POST", push.endpoint, ALWAYS | headers, body=body, timeout_s=patience_s)
    return code in ACKED


def wrapped(line: Line, message: Any, attempt: int) -> tuple[dict[str, str], bytes]:
    """Headers and body of a message in Pub/Sub's envelope, which writes some names in two ways."""
    when = message.publish_time.ToJsonString()
    told: dict[str, Any] = {"attributes": dict(message.attributes)} if message.attributes else {}
    if message.data:
        told["data"] = base64.b64encode(message.data).decode()
    told |= {"messageId": message.message_id, "message_id": message.message_id}
    if message.ordering_key:
        told["orderingKey"] = message.ordering_key
    told |= {"publishTime": when, "publish_time": when}
    envelope: dict[str, Any] = {"message": told, "subscription": line.name}
    if attempt:
        envelope["deliveryAttempt"] = attempt
    return {"Content-Type": "application/json"}, json.dumps(envelope).encode()


def bare(line: Line, push: Push, message: Any, attempt: int) -> tuple[dict[str, str], bytes]:
    """Headers and body of a message without envelope."""
    if not push.metadata:
        return {}, message.data
    told = {
        "subscription-name": line.name,
        "message-id": message.message_id,
        "publish-time": message.publish_time.ToJsonString(),
        "ordering-key": message.ordering_key,
        "delivery-attempt": str(attempt) if attempt else "",
    }
    headers = {f"x-goog-pubsub-{key}": value for key, value in told.items() if value}
    return {**dict(message.attributes), **headers}, message.data
