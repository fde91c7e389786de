"""Messages that were refused too often go to the dead-letter topic, published by Google's own account.

Source: comments of `DeadLetterPolicy`; cloud.google.com/pubsub/docs/dead-letter-topics, "Forwarded message attributes".
"""

import logging
from collections.abc import Sequence
from typing import Any

from google.pubsub_v1.types import pubsub

from emulator.apis.pubsub import holders
from emulator.apis.pubsub.broker import Line, Note
from emulator.apis.pubsub.work import pool
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.wire.dispatch import perform

log = logging.getLogger(__name__)

PUBLISH = "google.pubsub.v1.Publisher/Publish"
SOURCE = "CloudPubSubDeadLetterSource"


def account(world: World, subscription: str) -> str:
    """Google's own account of a subscription's project, which publishes dead letters and makes tokens."""
    return f"service-{world.project_number(subscription.split('/')[1])}@gcp-sa-pubsub.iam.gserviceaccount.com"


def send(world: World, line: Line, numbers: Sequence[int]) -> None:
    """Send them soon. A fault may hold the call, so it is made in a thread of its own."""
    pool(world).submit(send_all, world, line, numbers)


def send_all(world: World, line: Line, numbers: Sequence[int]) -> None:
    """Publish each, then forget it: killed in between, the emulator sends it twice, as Google may."""
    found = holders.broker(world)
    for number in numbers:
        body = world.store.get(holders.MESSAGE, f"{number:016d}")
        with found.lock:
            entry = next((each for each in line.backlog.entries() if each.number == number), None)
        if body is None or entry is None:
            continue
        if not publish(world, line, pubsub.PubsubMessage.pb().FromString(body), entry.attempts):
            with found.lock:
                line.backlog.revive(number)
                found.wake(line)
            continue
        with world.store.transaction():
            with found.lock:
                there = line.backlog.remove(number)
                found.wake(line)
            if there:
                holders.settle(world, found, line, [Note.of(entry)])


def publish(world: World, line: Line, message: Any, attempts: int) -> bool:
    """Publish one dead letter as the account of Google's that does so; False when it may not, or cannot."""
    request = pubsub.PublishRequest.pb()(topic=line.dead_letter_topic, messages=[letter(line, message, attempts)])
    try:
        perform(world, Call(PUBLISH, mutating=True, caller=account(world, line.name)), request)
    except ApiFailure:
        log.exception("dead letter refused", extra={"subscription": line.name})
        return False
    return True


def letter(line: Line, message: Any, attempts: int) -> Any:
    """A message as a dead letter: it says where it comes from."""
    _, project, _, subscription = line.name.split("/")
    made = pubsub.PubsubMessage.pb()(data=message.data, ordering_key=message.ordering_key)
    made.attributes.update(message.attributes)
    made.attributes.update(
        {
            f"{SOURCE}DeliveryCount": str(attempts),
            f"{SOURCE}Subscription": subscription,
            f"{SOURCE}SubscriptionProject": project,
            f"{SOURCE}TopicPublishTime": message.publish_time.ToJsonString(),
        }
    )
    return made
