"""One emulated cloud: put together from its rooms, started, stopped, emptied."""

from pathlib import Path

from emulator.apis import LISTED
from emulator.core.api import Api, Registry
from emulator.core.world import World
from emulator.identity.enforcement import enforcement
from emulator.identity.tokens import Tokens
from emulator.images import Images


def build(state_dir: Path) -> World:
    """A cloud over one state folder, with every API, not started."""
    world = World(state_dir)
    world.add(Registry(LISTED))
    world.add(Tokens(state_dir / "key.pem"))
    world.add(Images(world))
    return world


def living(world: World) -> list[Api]:
    """The APIs that take part in start, stop and reset."""
    return world.part(Registry).eager()


def start(world: World) -> None:
    """Take up operations and timers, and let the APIs start."""
    for api in living(world):
        for hook in api.started:
            hook(world)
    world.operations.resume()
    world.clock.start()


def let_go(world: World) -> None:
    """End the calls that hang or wait, since the cloud is about to stop."""
    world.faults.replace([])
    for api in living(world):
        for hook in api.stopping:
            hook(world)


def stop(world: World) -> None:
    """Stop everything; the state stays."""
    world.clock.stop()
    world.operations.stop()
    for api in living(world):
        for hook in api.stopped:
            hook(world)
    world.store.close()


def reset(world: World) -> None:
    """Empty the cloud: objects, files, time, faults, calls. Ports, key and credentials stay."""
    world.faults.replace([])
    with world.store.transaction():
        world.store.clear()
    enforcement(world).switch(on=False)
    world.operations.reset()
    world.clock.reset()
    world.calls.clear()
    for api in living(world):
        for hook in api.cleared:
            hook(world)
    world.part(Images).reset()
