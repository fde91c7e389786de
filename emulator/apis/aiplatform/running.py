"""Jobs that are not over: a thread each, found again after a restart.

Light to import: an emulator without such jobs loads none of Google's messages for them.
"""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass

from emulator.core.callbacks import resolve
from emulator.core.world import World

log = logging.getLogger(__name__)

KIND = "aiplatform.unfinished"
PIPELINES = "pipelines"
"""Folder of the state where runs of pipelines keep their files."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What is known of a job that is not over, besides what it shows.

    Attributes:
        resume: `module:function` that goes on with it, called with the world and the name.
        claimed: Whether a worker was announced for it: from then on the worker's end ends the job.
        began: Whether its worker was ever started: from then on its timeout counts.
        restarts: How often its worker was started again.
        preempted: Whether its machine was taken away a moment ago.
        why: Why it is being cancelled, where it is not for the asking.
    """

    resume: str
    claimed: bool = False
    began: bool = False
    restarts: int = 0
    preempted: bool = False
    why: str = ""


class Threads:
    """Whether the emulator is stopping: what the threads see then is no end of a job."""

    def __init__(self) -> None:
        self.stopping = False


def find(world: World, job: str) -> Unfinished | None:
    """What is known of a job; None for one that is over."""
    body = world.store.get(KIND, job)
    return None if body is None else Unfinished(**json.loads(body))


def save(world: World, job: str, unfinished: Unfinished) -> None:
    """Remember it."""
    world.store.put(KIND, job, json.dumps(asdict(unfinished)).encode())


def forget(world: World, job: str) -> None:
    """It is over."""
    world.store.delete(KIND, job)


def begin(world: World, work: Callable[[World, str], None], job: str) -> None:
    """Do something about a job in a thread of its own."""

    def run() -> None:
        try:
            work(world, job)
        except Exception:
            if not threads(world).stopping and find(world, job) is not None:  # else a reset took it
                log.exception("job lost", extra={"job": job})

    threading.Thread(target=run, name=f"job-{job.rpartition('/')[2]}", daemon=True).start()


def threads(world: World) -> Threads:
    """Of this cloud."""
    return world.part(Threads, Threads)


def started(world: World) -> None:
    """Go on with every job that was not over when the emulator stopped."""
    for job, body in world.store.list(KIND):
        begin(world, resolve(Unfinished(**json.loads(body)).resume), job)


def stopped(world: World) -> None:
    """From now on the end of a worker is the emulator's doing."""
    threads(world).stopping = True
