"""The threads that push and forward, made when the first message needs one."""

from concurrent.futures import ThreadPoolExecutor

from emulator.core.world import World

WORKERS = 64


class Workers(ThreadPoolExecutor):
    """The threads of one emulated Pub/Sub."""


def pool(world: World) -> Workers:
    """This cloud's threads."""
    return world.part(Workers, lambda: Workers(WORKERS, thread_name_prefix="pubsub"))
