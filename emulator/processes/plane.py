"""The data plane as the control plane sees it: one thread with an event loop, and calls into it from any thread.

The loop's thread never touches the store: an API call that holds the store may be waiting for the loop. What needs the
store (`load`, a container's program, the gate, tokens, a job's watcher) runs in worker threads.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.processes.descriptors import allow_many
from emulator.processes.execution import Execution
from emulator.processes.frontend import FrontEnd
from emulator.processes.listener import Listeners
from emulator.processes.metadata import MetadataServer
from emulator.processes.model import CannotStartError
from emulator.processes.pool import PENDING_S, Pool
from emulator.processes.process import GRACE_S
from emulator.processes.undertaker import Undertaker
from emulator.processes.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from emulator.processes.billable import Spell, Spells
    from emulator.processes.execution import Batch, Watcher
    from emulator.processes.frontend import Gate, Proxy
    from emulator.processes.gauge import Looked
    from emulator.processes.metadata import Tokens
    from emulator.processes.model import Identity, Outcome, Revision, Route, Size
    from emulator.processes.passage import Answered
    from emulator.processes.use import Use

T = TypeVar("T")
Used = tuple[str, "Size", "Use"]
"""What the instances of a revision (full name) of a size were up to."""
TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be chosen.

    Attributes:
        seed: Makes the split of traffic repeatable.
        pending_s: How long a request waits for a slot, at least.
        most_idle: Idle instances kept in all, besides the minimums of services.
    """

    seed: int | None = None
    pending_s: float = PENDING_S
    most_idle: int = 32


class Plane:
    """Everything that runs and listens. Start it, tell it routes, stop it."""

    def __init__(
        self,
        *,
        load: Callable[[str], Revision],
        gate: Gate,
        tokens: Tokens,
        now: Callable[[], datetime],
        settings: Settings | None = None,
        written: Callable[[str, str], None] | None = None,
        answered: Answered | None = None,
        began: Callable[[str], None] | None = None,
        proxy: Proxy | None = None,
        undertaker: Undertaker | None = None,
    ) -> None:
        self._load = load
        self._shared = undertaker  # of planes that follow each other; one that is given none has its own
        self._now = now
        self._written = written
        self._began = began
        self._settings = settings or Settings()
        self._pools: dict[str, Pool] = {}
        self._left: list[Used] = []  # of revisions that were removed
        self._left_spells: list[tuple[str, Spells]] = []  # likewise
        self._executions: dict[str, Execution] = {}
        random = Random(self._settings.seed)  # noqa: S311 - a split, not a secret
        self._front = FrontEnd(self._pool, gate, random, answered, proxy)
        self._metadata = MetadataServer(tokens)
        self._loop = _new_loop()
        self._thread = threading.Thread(target=self._run, name="run-data-plane", daemon=True)
        self._ready = threading.Event()
        self._stopped = False

    def start(self) -> None:
        """Begin to work. The thread is never replaced: containers are its children."""
        allow_many()
        self._thread.start()
        self._ready.wait()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Stop listening, end every container (SIGTERM, `grace_s`, SIGKILL), end the thread."""
        if self._thread.is_alive():
            self._call(self._shut_down(grace_s))
            self._stopped = True
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=5)

    @property
    def internal_token(self) -> str:
        """The header value by which the emulator's own services are let in where ingress is internal."""
        return self._front.internal_token

    def serves(self, port: int) -> bool:
        """Whether a port is an address of a service."""
        return port in self._front.routes

    def listen(self, wanted: int = 0) -> int:
        """Open an address and tell its port: `wanted` where that is free."""
        return self._call(self._addresses.open(wanted))

    def route(self, routes: dict[int, Route], retired: tuple[str, ...] = ()) -> None:
        """Set what the given ports serve, all at once; `retired` revisions stop when their requests are done."""
        self._call(self._set_routes(routes, retired))

    def close(self, ports: list[int]) -> None:
        """Close addresses: nobody listens there any more, and their ports may be used by others."""
        self._call(self._close(ports))

    def deploy(self, revision: str) -> Outcome:
        """Start one instance of a revision and wait for its startup probe."""
        return self._call(self._deploy(revision))

    def remove(self, revisions: list[str]) -> None:
        """End revisions: their requests may finish, their instances go."""
        self._call(self._remove(revisions))

    def log(self, name: str) -> list[str]:
        """Give the newest output of a revision or an execution (full name)."""
        pool, execution = self._pools.get(name), self._executions.get(name)
        log = pool.log if pool else execution.log if execution else None
        return log.text() if log else []

    def logs(self, fragment: str) -> dict[str, list[str]]:
        """Give the output of every revision and execution whose full name contains `fragment`."""
        names = [*self._pools, *self._executions]
        return {name: self.log(name) for name in names if fragment in name}

    def instances(self, revision: str) -> int:
        """Count a revision's instances, starting ones included."""
        return self._pools[revision].instances if revision in self._pools else 0

    def used(self) -> list[Used]:
        """Give what instances were up to since this was last asked, by revision."""
        return self._call(self._take_used())

    def billed(self, until: datetime) -> list[tuple[str, list[Spell]]]:
        """Give the times before a whole minute in which instances were billed and which were not given before.

        By the full name of the revision. It is counted apart from `used`: who asks for one takes nothing of the other.
        """
        return self._call(self._take_billed(until))

    @property
    def owing(self) -> bool:
        """Whether `billed` has more to give, later."""
        there = [pool.spells for pool in list(self._pools.values())]
        return any(map(len, [*(spells for _, spells in self._left_spells), *there]))

    def looked(self) -> list[Looked]:
        """Give what instances took since this was last asked, by revision."""
        return self._call(self._look())

    def metadata_host(self, identity: Identity) -> str:
        """Give host and port of the metadata server that answers as `identity`."""
        return self._call(self._metadata.host(identity))

    def announce(self, execution: str) -> None:
        """Say that an execution will run: from now on it can be cancelled, whatever its start still takes."""
        self._call(self._announce(execution))

    def execute(self, batch: Batch, watcher: Watcher) -> None:
        """Run the tasks of an announced execution; returns at once, `watcher` hears of progress in worker threads.

        Raises:
            CannotStartError: Nobody announced it: it was to run before everything was stopped.
        """
        self._call(self._execute(batch, watcher))

    def withdraw(self, execution: str) -> None:
        """An announced execution will not run after all; one that has begun is not affected."""
        self._call(self._withdraw(execution))

    def cancel(self, execution: str) -> None:
        """Stop the tasks of an execution, or of all whose full name begins so, and wait for their end."""
        self._call(self._cancel(execution))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        if self._stopped:
            work.close()
            raise CannotStartError("INTERNAL", "The emulator is stopping.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._set_up())
        self._ready.set()
        self._loop.run_forever()
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()  # or a thread would wait for it for ever
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _set_up(self) -> None:
        self._addresses = Listeners(self._front, self._front.upgrade)
        self._front.named = await self._addresses.open()
        named_host = f"127.0.0.1:{self._front.named}"
        undertaker = self._shared or Undertaker()
        self._workshop = Workshop(undertaker, self._metadata, self._now, self._written, self._began, named_host)
        self._ticker = asyncio.create_task(self._tick())

    async def _shut_down(self, grace_s: float) -> None:
        self._ticker.cancel()
        self._addresses.close_all()
        self._metadata.close()
        await asyncio.gather(*(pool.close(grace_s) for pool in self._pools.values()))
        await asyncio.gather(*(execution.cancel(grace_s) for execution in self._executions.values()))
        if self._shared is not None:
            self._shared.bury()
        else:
            self._workshop.undertaker.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for pool in list(self._pools.values()):
                pool.tick()
            self._stop_surplus()

    def _stop_surplus(self) -> None:
        """Stop the longest idle instances beyond what one machine should carry: two hundred services are deployable."""
        idle = [(instance, pool) for pool in self._pools.values() for instance in pool.spare()]
        idle.sort(key=lambda pair: pair[0].idle_since, reverse=True)
        for instance, pool in idle[self._settings.most_idle :]:
            pool.stop(instance)

    def _pool(self, revision: str) -> Pool:
        pool = self._pools.get(revision)
        if pool is None:
            pool = self._pools[revision] = Pool(revision, self._load, self._workshop)
            pool.pending_s = self._settings.pending_s
        return pool

    async def _set_routes(self, routes: dict[int, Route], retired: tuple[str, ...]) -> None:
        for pool in self._pools.values():
            pool.settle()  # who is kept changes, and with it what is billed
        self._front.routes.update(routes)
        for share in (share for route in self._front.routes.values() for share in route.shares):
            pool = self._pool(share.revision)
            pool.retired = False
        for revision in retired:
            if revision in self._pools:
                self._pools[revision].retired = True
        self._set_sizes()

    def _set_sizes(self) -> None:
        """Give every pool the greatest minimum and the least maximum of the addresses it serves."""
        minimum: dict[str, int] = {}
        limit: dict[str, int | None] = {}
        for share in (share for route in self._front.routes.values() for share in route.shares):
            minimum[share.revision] = max(minimum.get(share.revision, 0), share.min_instances)
            known = (limit.get(share.revision), share.max_instances)
            limit[share.revision] = min((most for most in known if most is not None), default=None)
        manual = {share.revision for route in self._front.routes.values() for share in route.shares if share.manual}
        for name, pool in self._pools.items():
            pool.manual = name in manual
            pool.minimum = minimum.get(name, 0)
            pool.limit = limit.get(name)
            pool.tick()

    async def _close(self, ports: list[int]) -> None:
        for port in ports:
            self._front.routes.pop(port, None)
            self._addresses.close(port)

    async def _deploy(self, revision: str) -> Outcome:
        return await self._pool(revision).prove()

    async def _remove(self, revisions: list[str]) -> None:
        pools = [pool for name in revisions if (pool := self._pools.pop(name, None))]
        await asyncio.gather(*(pool.close() for pool in pools))
        self._left_spells += [(pool.name, pool.spells) for pool in pools]
        self._left += [found for pool in pools if (found := _used_of(pool))]

    async def _take_used(self) -> list[Used]:
        found = self._left + [found for pool in self._pools.values() if (found := _used_of(pool))]
        self._left = []
        return found

    async def _take_billed(self, until: datetime) -> list[tuple[str, list[Spell]]]:
        for pool in self._pools.values():
            pool.settle()
        # Two have one name where a revision was removed and made again.
        every = [*self._left_spells, *((name, pool.spells) for name, pool in self._pools.items())]
        found = [(name, taken) for name, spells in every if (taken := spells.take(until))]
        self._left_spells = [(name, spells) for name, spells in self._left_spells if spells]
        return found

    async def _look(self) -> list[Looked]:
        return [found for pool in self._pools.values() if (found := pool.looked())]

    async def _announce(self, name: str) -> None:
        self._executions[name] = Execution(name, self._workshop)

    async def _execute(self, batch: Batch, watcher: Watcher) -> None:
        if batch.name not in self._executions:
            raise CannotStartError("INTERNAL", "The emulator was stopped.")
        self._executions[batch.name].begin(batch, watcher)

    async def _withdraw(self, name: str) -> None:
        if name in self._executions:
            self._executions[name].withdraw()

    async def _cancel(self, name: str) -> None:
        found = [each for full, each in self._executions.items() if full.startswith(name)]
        await asyncio.gather(*(each.cancel() for each in found))
        await asyncio.gather(*(each.ended.wait() for each in found))


def _used_of(pool: Pool) -> Used | None:
    used = pool.used()
    return None if used is None or pool.revision is None else (pool.name, pool.revision.size, used)


def _new_loop() -> asyncio.AbstractEventLoop:
    """Use uvloop where it is installed (the `runtime` extra): about twice the requests per second."""
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415 - optional

        return uvloop.new_event_loop()
    return asyncio.new_event_loop()
