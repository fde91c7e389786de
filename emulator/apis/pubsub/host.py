"""Pub/Sub's place in the emulator's life: pushes go on after a restart, and whoever waits is let go at the end.

Light to import: an emulator without push subscriptions loads none of Google's messages for it.
"""

from emulator.apis.pubsub.broker import Broker
from emulator.apis.pubsub.work import Workers
from emulator.core.api import Api
from emulator.core.callbacks import resolve
from emulator.core.world import World

API = Api("pubsub-host")
PUSHED = "pubsub.pushed"
"""Names of the subscriptions that push."""
WRITTEN = "pubsub.written"
"""Names of the subscriptions that write rows."""
TO_TABLES = "emulator.apis.bigquery.messages.writing:begin"
"""What writes rows, by name: BigQuery needs Pub/Sub, not the other way round."""


def started(world: World) -> None:
    """Push and write what waits."""
    if world.store.list(PUSHED):
        from emulator.apis.pubsub import pushing  # noqa: PLC0415 - imports Pub/Sub's messages

        pushing.begin(world)
    if world.store.list(WRITTEN):
        resolve(TO_TABLES)(world)


def let_go(world: World) -> None:
    """End the streams: the emulator stops."""
    found = world.find(Broker)
    if found is not None:
        found.close(stopping=True)


def stopped(world: World) -> None:
    """End the pushes. Those under way are repeated by the next start."""
    let_go(world)
    workers = world.take(Workers)
    if workers is not None:
        workers.shutdown(wait=False, cancel_futures=True)


def cleared(world: World) -> None:
    """Forget everything, as the store has."""
    found = world.take(Broker)
    if found is not None:
        found.close(stopping=False)


API.started.append(started)
API.stopping.append(let_go)
API.stopped.append(stopped)
API.cleared.append(cleared)
