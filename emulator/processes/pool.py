"""The instances of one revision: started when requests need them, stopped when they are idle.

Source: https://cloud.google.com/run/docs/about-instance-autoscaling (an instance is kept up to 15 minutes without
requests; requests wait while instances start) and https://cloud.google.com/run/docs/troubleshooting (429).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from emulator.processes.billable import Spells, spell_of
from emulator.processes.gauge import Looked
from emulator.processes.instance import IDLE_S, Instance
from emulator.processes.logs import Log
from emulator.processes.model import CannotStartError, Outcome
from emulator.processes.process import GRACE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from emulator.processes.model import Revision
    from emulator.processes.use import Use
    from emulator.processes.workshop import Workshop

PENDING_S = 10.0  # how long a request waits for a slot, at least
PENDING_STARTS = 3.5  # ... or so many times the start of an instance, where that is longer
MAX_BACKOFF_S = 30.0


class BusyError(Exception):
    """No slot became free in time, and no more instances are allowed."""


class UnavailableError(Exception):
    """No instance could be started for the request."""


class Pool:
    """All instances of a revision. Only the loop's thread touches it."""

    def __init__(self, name: str, load: Callable[[str], Revision], workshop: Workshop) -> None:
        self.name = name
        self.log = Log(name, workshop.written)
        self.minimum = 0
        self.limit: int | None = None  # of the service, besides the revision's own
        self.manual = False  # the limit holds whatever the revision says, and nothing scales
        self.pending_s = PENDING_S
        self.retired = False
        self._load = load
        self._workshop = workshop
        self._revision: Revision | None = None
        self._instances: list[Instance] = []  # that passed their startup probe
        self._fresh: set[Instance] = set()  # that have not yet
        self._waiting: deque[asyncio.Future[Instance]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._starting = 0
        self._start_s = 0.0
        self._failures = 0
        self._not_before = 0.0
        self._closed = False
        self.spells = Spells()
        self._used: Use | None = None
        self._starts_s: list[float] = []

    @property
    def instances(self) -> int:
        """How many instances there are, starting ones included."""
        return len(self._instances) + self._starting

    @property
    def revision(self) -> Revision | None:
        """What the pool runs, once it had to know."""
        return self._revision

    def holds(self, instance_id: str) -> bool:
        """Tell whether an instance is one of these."""
        return any(instance.id == instance_id for instance in self._instances)

    def take(self, preferred: str = "") -> Instance | None:
        """Reserve a slot on the preferred instance, else on the least busy one, if one is free now."""
        best: Instance | None = None
        for instance in self._instances:
            if instance.id == preferred and instance.free:
                best = instance
                break
            if instance.free and (best is None or instance.in_flight < best.in_flight):
                best = instance
        if best is not None:
            self._enter(best)
        return best

    async def wait(self) -> Instance:
        """Reserve a slot, starting instances as needed.

        Raises:
            BusyError: At the maximum of instances, and no slot became free in time.
            UnavailableError: Instances do not start, or the revision is deleted, or scaled to none by hand.
        """
        await self.load()
        if self._closed or not self._maximum():
            raise UnavailableError
        if (instance := self.take()) is not None:
            return instance
        turn: asyncio.Future[Instance] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._scale_up()
        try:
            return await self._turn(turn)
        except BaseException:
            # The request is gone. Its turn may have come in that very moment: the slot goes to the next one.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back(turn.result())
            raise
        finally:
            turn.cancel()

    async def _turn(self, turn: asyncio.Future[Instance]) -> Instance:
        """Wait as long as an instance is starting, and then for the pending time."""
        while True:
            limit = max(self.pending_s, PENDING_STARTS * self._start_s)
            done, _ = await asyncio.wait({turn}, timeout=limit)
            if done:
                return turn.result()
            if not self._starting:
                raise BusyError

    def now(self) -> datetime:
        """Give the virtual time."""
        return self._workshop.now()

    def give_back(self, instance: Instance, ended: datetime | None = None) -> None:
        """Free a slot: the next waiting request gets it.

        Args:
            instance: Whose.
            ended: When the request was over, where that was before now; virtual time.
        """
        instance.in_flight -= 1
        instance.idle_since = ended or self.now()
        if not instance.in_flight:
            self._count(instance, instance.idle_since)
        self._hand_out(instance)
        if self.retired:
            self._stop_idle(keep=0, idle_s=0)

    def distrust(self, instance: Instance) -> None:
        """Give up an instance that cannot be reached: it has died, or is about to."""
        instance.ready = False
        if not instance.stopping:
            self._stop(instance)

    async def prove(self) -> Outcome:
        """Start one instance as a deployment does, and keep it if it passes its startup probe."""
        try:
            await self.load()
        except CannotStartError as error:
            return error.outcome
        if any(instance.ready for instance in self._instances):
            return Outcome()
        self._starting += 1
        return await self._start_one()

    async def load(self) -> Revision:
        """Learn what to run.

        Raises:
            CannotStartError: It cannot be run here.
        """
        if self._revision is None:
            self._revision = await asyncio.to_thread(self._load, self.name)
        return self._revision

    def tick(self) -> None:
        """Do what time asks for: keep the minimum, stop what has been idle for long."""
        if self._closed:
            return
        keep = 0 if self.retired else self.minimum
        self._stop_idle(keep=keep, idle_s=0 if self.retired or self.manual else IDLE_S)
        if self.instances < keep and asyncio.get_running_loop().time() >= self._not_before:
            self._spawn(keep - self.instances)

    def used(self) -> Use | None:
        """Give what its instances were up to since this was last asked; None where there were none."""
        self.settle()
        used, self._used = self._used, None
        return used

    def settle(self) -> None:
        """Count what its instances were up to until now: from now on it is billed in another way, or somebody asks."""
        for instance in self._instances:
            self._count(instance)

    def looked(self) -> Looked | None:
        """Give what its instances were up to since this was last asked; None where there were none."""
        now = self._workshop.now()
        gauges = [
            (each.gauge, self._until(each, now), each.in_flight) for each in self._instances if each.gauge is not None
        ]
        starts_s, self._starts_s = tuple(self._starts_s), []
        if self._revision is None or not (gauges or starts_s):
            return None
        stretches = tuple(gauge.turn(now, until, in_flight) for gauge, until, in_flight in gauges)
        return Looked(self.name, self._revision.size, stretches, starts_s)

    def _until(self, instance: Instance, now: datetime) -> datetime:
        """Until when Cloud Run would have had an instance, also where the clock is moved on faster than we look."""
        kept = not self.retired and self._instances.index(instance) < self.minimum
        if kept or instance.in_flight:
            return now
        return min(now, instance.idle_since + timedelta(seconds=IDLE_S))

    def _enter(self, instance: Instance) -> None:
        instance.take_slot()
        if instance.in_flight == 1:
            self._count(instance)

    def _count(self, instance: Instance, at: datetime | None = None) -> None:
        """End a stretch of an instance's time: it has requests from now on, or none, or somebody asks."""
        if instance.meter is None or instance not in self._instances:
            return  # it has not begun, or it is over and counted
        kept = not self.retired and self._instances.index(instance) < self.minimum
        now = at or self.now()
        stretch = instance.meter.turn(now, busy=instance.in_flight > 0, kept=kept)
        self._used = stretch if self._used is None else self._used.and_of(stretch)
        spell = spell_of(stretch, now, always=self._revision is not None and self._revision.size.always)
        if spell is not None:
            self.spells.add(spell)

    def spare(self) -> list[Instance]:
        """Give the idle instances beyond the minimum, longest idle first."""
        idle = sorted(self._idle(self._workshop.now(), 0), key=lambda instance: instance.idle_since)
        return idle[: max(0, self._alive() - self.minimum)]

    def stop(self, instance: Instance) -> None:
        """Stop an instance that is idle; one that took a request meanwhile stays."""
        if not instance.stopping and instance.in_flight == 0:
            self._stop(instance)

    async def close(self, grace_s: float = GRACE_S) -> None:
        """Refuse new requests, let running ones finish (within `grace_s`), stop everything."""
        self._closed = True
        self._fail_waiting()
        await asyncio.gather(*(self._drain(instance, grace_s) for instance in [*self._instances, *self._fresh]))

    async def _drain(self, instance: Instance, grace_s: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_s
        while instance.in_flight and loop.time() < deadline:  # noqa: ASYNC110 - rare, and simpler than an event each
            await asyncio.sleep(0.02)
        await instance.stop(grace_s)

    def _scale_up(self) -> None:
        """Start as many instances as the waiting requests need and the maximum allows."""
        if self._revision is None:
            return
        needed = math.ceil(len(self._waiting) / self._revision.concurrency) - self._starting
        allowed = self._maximum() - self.instances
        self._spawn(min(needed, allowed))

    def _maximum(self) -> int:
        if self.manual:
            return self.limit or 0
        own = self._revision.max_instances if self._revision else 1
        return max(1, own if self.limit is None else min(own, self.limit))

    def _spawn(self, count: int) -> None:
        for _ in range(count):
            self._starting += 1
            task = asyncio.create_task(self._start_and_serve())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _start_and_serve(self) -> None:
        outcome = await self._start_one()
        if not outcome.ready:
            self.log.write(outcome.message)
            if self.instances == 0:
                self._fail_waiting()

    async def _start_one(self) -> Outcome:
        """Start an instance that `_starting` already counts."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            outcome, instance = await self._fresh_one(await self.load())
        except CannotStartError as error:
            outcome = error.outcome
        finally:
            self._starting -= 1
        self._failures = 0 if outcome.ready else self._failures + 1
        self._not_before = loop.time() + (min(2.0**self._failures, MAX_BACKOFF_S) if self._failures else 0.0)
        if outcome.ready:
            self._start_s = loop.time() - began
            self._starts_s.append(self._start_s)
            self._workshop.tell_began(self.name)
            self._instances.append(instance)
            instance.ended.add_done_callback(lambda _: self._lost(instance))
            self._hand_out(instance)
        return outcome

    async def _fresh_one(self, revision: Revision) -> tuple[Outcome, Instance]:
        """Start an instance that `close` knows of until it is ready.

        Raises:
            CannotStartError: The pool was closed while the revision was being read.
        """
        if self._closed:
            raise CannotStartError("INTERNAL", f"'{self.name}' is being removed.")
        instance = Instance(revision, self._workshop, self.log)
        instance.recovered = partial(self._hand_out, instance)
        self._fresh.add(instance)
        try:
            return await instance.start(), instance
        finally:
            self._fresh.discard(instance)

    def _hand_out(self, instance: Instance) -> None:
        while instance.free and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self._enter(instance)
                turn.set_result(instance)

    def _fail_waiting(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(UnavailableError())

    def _lost(self, instance: Instance) -> None:
        """An instance is gone; those who wait may need another."""
        self._count(instance)
        self._instances.remove(instance)
        if self._waiting and not self._closed and not self._failures:
            self._scale_up()

    def _stop_idle(self, *, keep: int, idle_s: float) -> None:
        for instance in list(self._idle(self._workshop.now(), idle_s)):
            if self._waiting or self._alive() <= keep:
                return
            self._stop(instance)

    def _idle(self, now: datetime, idle_s: float) -> Iterator[Instance]:
        for instance in self._instances:
            unused = instance.ready and not instance.stopping and instance.in_flight == 0
            if unused and (now - instance.idle_since).total_seconds() >= idle_s:
                yield instance

    def _alive(self) -> int:
        return sum(not instance.stopping for instance in self._instances)

    def _stop(self, instance: Instance) -> None:
        instance.stopping = True
        task = asyncio.create_task(instance.stop())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
