"""Jobs fire on the emulator's clock: timers, attempts, retries, and what survives a restart.

Source: comments of `Job.schedule` (never two executions of a job at once, the next one waits) and of `RetryConfig`.
"""

import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from emulator.apis.scheduler import retries, schedules, targets
from emulator.apis.scheduler.model import JOBS, State
from emulator.core.resources import timestamp
from emulator.core.world import World

KIND = "scheduler.turn"
SPARE = timedelta(hours=1)
"""After so long a turn's second timer tries again. It finds something to do only where the emulator was killed during
an attempt; the longest attempt takes half of that."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a job does next.

    Attributes:
        job: Which job; one that is made again under the same name is another.
        key: Of this very turn: a timer of an older one finds that it is too late.
        scheduled: For which time of the schedule.
        began: When its first attempt began; empty before.
        retries: How many attempts there were after the first.
        timers: To be cancelled when something else is to happen instead.
    """

    job: str
    scheduled: str
    key: str = ""
    began: str = ""
    retries: int = 0
    timers: tuple[str, ...] = ()

    @property
    def due(self) -> datetime:
        """For which time of the schedule."""
        return utc(self.scheduled)


def utc(text: str) -> datetime:
    """A time as it is written down."""
    return datetime.fromisoformat(text).astimezone(UTC)


class Running:
    """Which jobs are being attempted. Lost with the process, as attempts are.

    Args:
        patience_s: How long (real seconds) the clock waits for an attempt. Most are over by then, so that `advance`
            returns when jobs have run; a target that hangs must not stop time for everybody else.
    """

    def __init__(self, patience_s: float = 10) -> None:
        self.patience_s = patience_s
        self._jobs: set[str] = set()
        self._lock = threading.Lock()

    def enter(self, job: str) -> bool:
        """Note that an attempt begins; False when another one is under way."""
        with self._lock:
            free = job not in self._jobs
            self._jobs.add(job)
            return free

    def leave(self, job: str) -> None:
        """Note that it is over."""
        with self._lock:
            self._jobs.discard(job)


def load(world: World, name: str) -> Turn | None:
    """What a job does next, or None: it is paused, or is not there."""
    body = world.store.get(KIND, name)
    return None if body is None else Turn(**json.loads(body))


def plan(world: World, job: Any) -> None:
    """Let a job wait for its schedule from now on, whatever it waited for; the caller saves it."""
    before = load(world, job.name)
    stop(world, job)
    if job.state == State.ENABLED:
        due = schedules.following(job.schedule, job.time_zone, world.clock.now())
        arm(world, job, due, Turn(before.job if before else uuid.uuid4().hex, due.isoformat()))


def stop(world: World, job: Any) -> None:
    """Let a job wait for nothing any more."""
    turn = load(world, job.name)
    for timer in turn.timers if turn else ():
        world.clock.cancel(timer)
    world.store.delete(KIND, job.name)
    job.ClearField("schedule_time")


def arm(world: World, job: Any, when: datetime, turn: Turn) -> None:
    """Set the timers of a turn in place of the ones before."""
    stop(world, job)
    key = uuid.uuid4().hex
    payload = {"name": job.name, "key": key}
    # A timer that waited long enough for an attempt is forgotten. Killed after that, before the attempt is over, the
    # job would never run again without a second one.
    timers = tuple(world.clock.call_at(at, fire, payload) for at in (when, when + SPARE))
    written = asdict(replace(turn, key=key, timers=timers))
    world.store.put(KIND, job.name, json.dumps(written).encode())
    job.schedule_time.CopyFrom(timestamp(when))


def fire(world: World, payload: dict[str, Any]) -> None:
    """Take a job's turn, if it still is its turn."""
    turn = load(world, payload["name"])
    if turn is not None and turn.key == payload["key"]:
        patiently(world, partial(take, world, payload["name"], turn))


def take(world: World, name: str, turn: Turn) -> None:
    """Attempt a job, unless it is being attempted: then its turn comes when that is over."""
    running = attempts(world)
    if not running.enter(turn.job):
        return
    try:
        attempt(world, name, turn)
    finally:
        running.leave(turn.job)


def attempts(world: World) -> Running:
    """Those that are under way."""
    return world.part(Running, Running)


def patiently(world: World, work: Callable[[], None]) -> None:
    """Do the work, and wait for it for a while."""
    thread = threading.Thread(target=work, name="scheduler", daemon=True)
    thread.start()
    thread.join(attempts(world).patience_s)


def attempt(world: World, name: str, turn: Turn) -> None:
    """Call the target, write down what came of it, and wait for what is next."""
    job = JOBS.find(world, name)
    if job is None:
        return
    began = world.clock.now()
    status = targets.deliver(world, job, turn.due)
    with world.store.transaction():
        job, now = JOBS.find(world, name), load(world, name)
        if job is None:
            return
        job.last_attempt_time.CopyFrom(timestamp(began))
        job.status.CopyFrom(status)
        if now is not None and now.key == turn.key:  # else somebody updated it meanwhile
            go_on(world, job, replace(turn, began=turn.began or began.isoformat()), failed=bool(status.code))
        JOBS.save(world, job)


def go_on(world: World, job: Any, turn: Turn, *, failed: bool) -> None:
    """Wait for a retry, if there is one before the schedule comes again; else for the schedule."""
    began = utc(turn.began)
    due = schedules.following(job.schedule, job.time_zone, began)
    again = retries.following(job.retry_config, turn.retries, began, world.clock.now()) if failed else None
    if again is not None and again < due:
        arm(world, job, again, replace(turn, retries=turn.retries + 1))
    else:
        arm(world, job, due, Turn(turn.job, due.isoformat()))


def run_now(world: World, job: Any) -> None:
    """Attempt a job at once, also while it is being attempted (comment of `RunJob`)."""
    turn = load(world, job.name)
    now = world.clock.now().isoformat()
    forced = replace(turn or Turn("", now), scheduled=now, began="", retries=0)
    patiently(world, partial(attempt, world, job.name, forced))
