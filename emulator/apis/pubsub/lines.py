"""Subscriptions at work: what is changed in one changes how its messages are delivered."""

from typing import Any

from emulator.apis.pubsub import holders, pushing
from emulator.apis.pubsub.host import PUSHED, TO_TABLES, WRITTEN
from emulator.apis.pubsub.model import SUBSCRIPTIONS
from emulator.core.callbacks import resolve
from emulator.core.world import World


def save(world: World, subscription: Any) -> None:
    """Store a subscription, and let it work so from now on. In a transaction."""
    found = holders.broker(world)
    SUBSCRIPTIONS.save(world, subscription)
    settled = SUBSCRIPTIONS.message()
    settled.CopyFrom(subscription)
    pushes = bool(settled.push_config.push_endpoint)
    if pushes:
        world.store.put(PUSHED, settled.name, b"")
    else:
        world.store.delete(PUSHED, settled.name)
    writes = settled.HasField("bigquery_config")
    if writes:
        world.store.put(WRITTEN, settled.name, b"")
    else:
        world.store.delete(WRITTEN, settled.name)

    def work() -> None:
        with found.lock:
            line = found.line(settled.name)
            holders.arrange(line, settled)
            found.routes.clear()
            found.wake(line)
        if pushes:
            pushing.begin(world)
        if writes:
            resolve(TO_TABLES)(world)

    world.store.after(work)


def forget(world: World, subscription: Any) -> None:
    """A subscription that is gone, with its messages. In a transaction."""
    world.store.delete(PUSHED, subscription.name)
    world.store.delete(WRITTEN, subscription.name)
    holders.forget(world, subscription.name)
