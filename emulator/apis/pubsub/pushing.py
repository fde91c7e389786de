"""Push: each message is a POST to the subscription's endpoint, with an identity token where one is asked for.

Workers come with messages and go when there are none: each message that arrives, and each that is done, brings one more
up to the window, and nobody waits.
Source: comments of `PushConfig`; cloud.google.com/pubsub/docs/push, "Receive messages" and "Push backoff";
cloud.google.com/pubsub/docs/payload-unwrapping.
"""

import base64
import json
import logging
from typing import Any

from emulator.apis import outgoing
from emulator.apis.pubsub import cloud_events, delivering, holders
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
NAME = "pushes"
FOREVER = float("inf")
"""A push is out until it has been answered, however far the emulator's clock is moved meanwhile."""
ALWAYS = {"User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)"}


def begin(world: World) -> None:
    """Push from now on, also what waits already."""
    holders.on_arrival(world, NAME, look_soon)


def look_soon(world: World, line: Line) -> None:
    """Have one more worker look for messages to push, if there may be some for it. With the lock held."""
    if line.push is not None and line.pushing < WINDOW and len(line.backlog) > line.pushing:
        line.pushing += 1
        pool(world).submit(work, world, line)


def work(world: World, line: Line) -> None:
    """Push one message after the other, until there is none."""
    found = holders.broker(world)
    while True:
        seen, push = line.events, line.push
        taken = [] if push is None else delivering.take(world, line, Wanted(1, deadline_s=FOREVER, per_key=1))
        for delivery, message in taken:
            with found.lock:
                look_soon(world, line)
            attempt(world, line, push, delivery, message)
        if not taken and is_over(world, line, seen):
            return


def is_over(world: World, line: Line, seen: int) -> bool:
    """Whether a worker may go: nothing has happened since it looked. The last one hangs up."""
    with line.changed:
        if line.push is not None and line.events != seen:
            return False
        line.pushing -= 1
        if not line.pushing and line.push is not None:
            outgoing.hang_up(world, line.push.endpoint)
        return True


def attempt(world: World, line: Line, push: Push | None, delivery: Delivery, message: Any) -> None:
    """One push, and what comes of it."""
    done = push is not None and (is_taken(world, line, push, delivery, message) or cloud_events.is_last(push.endpoint))
    handle = Handle(delivery.number, delivery.lease)
    if not line.alive:
        return
    if done:
        delivering.ack(world, line, [handle])
    else:
        delivering.extend(world, line, [handle], 0)


def is_taken(world: World, line: Line, push: Push, delivery: Delivery, message: Any) -> bool:
    """Whether a push succeeded; if not, the log says why."""
    try:
        return deliver(world, line, push, delivery, message)
    except ApiFailure as failure:
        log.info("push failed: %s", failure, extra={"subscription": line.name})
    except Exception:
        log.exception("push failed", extra={"subscription": line.name})
    return False


def deliver(world: World, line: Line, push: Push, delivery: Delivery, message: Any) -> bool:
    """Send one message; whether it was taken.

    Raises:
        ApiFailure: Nobody answered in time, or there is no token.
    """
    shown = delivery.attempt if line.dead_letter_topic else 0
    headers, body = bare(line, push, message, shown) if push.bare else wrapped(line, message, shown)
    if cloud_events.is_event(push.endpoint):
        headers, body = cloud_events.dressed(push.endpoint, message, (headers, body))
    if push.account:
        project = line.name.split("/")[1]
        headers |= outgoing.identity(world, push.account, push.audience, project)
    patience_s = line.backlog.terms.deadline_s
    code = outgoing.send(world, "POST", push.endpoint, ALWAYS | headers, body=body, timeout_s=patience_s, keep=True)
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
