"""One instance of a revision: its containers, its port, the connections to it."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.processes.gauge import Gauge
from emulator.processes.model import CannotStartError, Outcome, default_startup_probe
from emulator.processes.ports import Port
from emulator.processes.probe import fails, passes_startup, recovers
from emulator.processes.process import GRACE_S, Process
from emulator.processes.use import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.processes.logs import Log
    from emulator.processes.model import Container, Probe, Revision
    from emulator.processes.upstream import Upstream
    from emulator.processes.workshop import Workshop

IDLE_S = 15 * 60  # by the virtual clock: so long is one kept without requests
HEALTH_CHECK_CONTAINER_ERROR = "HEALTH_CHECK_CONTAINER_ERROR"
# Both texts from public reports, the first for instance googlecodelabs/monolith-to-microservices issue 110.
DEFAULT_PROBE_FAILED = (
    "The user-provided container failed to start and listen on the port defined provided by the PORT={port} "
    "environment variable within the allocated timeout. This can happen when the container port is misconfigured or "
    "if the timeout is too short. The health check timeout can be extended. Logs for this revision might contain "
    "more information."
)
PROBE_FAILED = (
    "The user-provided container failed the configured startup probe checks. Logs for this revision might contain "
    "more information."
)


class Instance:
    """A running copy of a revision. Only the loop's thread touches it."""

    def __init__(self, revision: Revision, workshop: Workshop, log: Log) -> None:
        self.revision = revision
        self._ports = ports_of(revision)
        self.port = next(held.number for number, held in self._ports.items() if number == serving_port(revision))
        self.in_flight = 0
        self.ready = False
        self.stopping = False
        self.idle_since = workshop.now()
        self.meter: Meter | None = None  # once it is ready
        self.gauge: Gauge | None = None  # likewise
        self.connections: list[Upstream] = []  # open and unused, newest last
        self.ended = asyncio.get_running_loop().create_future()
        self._workshop = workshop
        self._log = log
        self._scratch = Path(tempfile.mkdtemp(prefix="emulator-instance-"))
        self.id = secrets.token_hex(16)
        self._processes: dict[str, Process] = {}
        self._watchers: list[asyncio.Task[None]] = []
        self._unready: set[str] = set()  # containers whose readiness probe fails
        self.recovered: Callable[[], None] | None = None  # told when it may be sent requests again

    @property
    def free(self) -> bool:
        """Tell whether another request may be sent to it."""
        return self.ready and not self.stopping and not self._unready and self.in_flight < self.revision.concurrency

    def take_slot(self) -> None:
        """Reserve a slot for a request."""
        self.in_flight += 1
        if self.gauge is not None:
            self.gauge.entered(self.in_flight)

    async def start(self) -> Outcome:
        """Start the containers, each once those that it depends on have passed their startup probes; wait for all.

        It may be stopped at any moment meanwhile, also between two steps; then no process of it is left, and it never
        becomes ready.
        """
        try:
            await self._start_all()
        except CannotStartError as error:
            await self._discard()
            return error.outcome
        self.ready = True
        self.idle_since = self._workshop.now()
        self.meter = Meter(self.idle_since, IDLE_S)
        watched = self._processes.values() if self.revision.watched else ()
        self.gauge = Gauge(self.idle_since, [process.pid for process in watched])
        return Outcome()

    async def _start_all(self) -> None:
        """Start every container as soon as it may be.

        Raises:
            CannotStartError: One of them did not start; the first to fail ends the others' starts.
        """
        tasks: dict[str, asyncio.Task[None]] = {}
        for container in in_order(self.revision.containers):
            needed = [tasks[name] for name in container.after if name in tasks]
            tasks[container.name] = asyncio.create_task(self._start_after(needed, container))
        try:
            await asyncio.gather(*tasks.values())
        except BaseException:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
            raise

    async def _start_after(self, needed: list[asyncio.Task[None]], container: Container) -> None:
        if needed:
            await asyncio.gather(*(asyncio.shield(task) for task in needed))
        await self._start(container)

    async def stop(self, grace_s: float = GRACE_S) -> None:
        """Ask all containers to end within `grace_s`, and wait until they have."""
        self.stopping = True
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*(process.stop(grace_s) for process in self._processes.values()))
        self._gone()

    async def _start(self, container: Container) -> None:
        ports = {number: held.number for number, held in self._ports.items()}
        program = await self._workshop.program(container, self._scratch, self._log, ports)
        home = {"HOME": str(self._scratch), "TMPDIR": str(self._scratch)}
        program = replace(program, environment={**home, **program.environment})
        for note in program.notes:
            self._log.write(note)
        self._go_on(container)
        try:
            process = await Process.start(program, self._log, self._workshop.undertaker)
        except OSError as error:
            self._log.write(f"{program.command[0]}: {error.strerror}")
            raise CannotStartError(HEALTH_CHECK_CONTAINER_ERROR, _failure(container)) from error
        self._processes[container.name] = process
        self._go_on(container)
        await self._pass_startup(container, process)
        self._go_on(container)
        self._watch(container, process)

    def _go_on(self, container: Container) -> None:
        """Ask again after each step of a start: who stopped the instance meanwhile did not find what comes next.

        Raises:
            CannotStartError: Somebody did.
        """
        if self.stopping:
            raise CannotStartError(HEALTH_CHECK_CONTAINER_ERROR, _failure(container))

    async def _pass_startup(self, container: Container, process: Process) -> None:
        probe = container.startup
        if probe is None and container.port is not None:
            probe = default_startup_probe(container.port)
        if probe is None:
            return
        check = asyncio.create_task(passes_startup(probe, self._real_port(probe.port)))
        waits: set[asyncio.Future[Any]] = {check, process.ended}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            passed = check.done() and check.result()
        finally:
            check.cancel()
        if not passed or process.ended.done():
            raise CannotStartError(HEALTH_CHECK_CONTAINER_ERROR, _failure(container))

    def _real_port(self, declared: int) -> int:
        held = self._ports.get(declared)
        return self.port if held is None else held.number

    def _watch(self, container: Container, process: Process) -> None:
        process.ended.add_done_callback(self._container_ended)
        if container.liveness is not None:
            self._watchers.append(asyncio.create_task(self._follow_liveness(container.liveness, process)))
        if container.readiness is not None:
            self._watchers.append(asyncio.create_task(self._follow_readiness(container.readiness, container.name)))

    async def _follow_liveness(self, probe: Probe, process: Process) -> None:
        await fails(probe, self._real_port(probe.port))
        self._log.write(f"LIVENESS {probe.kind} probe failed; the container is shut down.")
        await process.stop()

    async def _follow_readiness(self, probe: Probe, name: str) -> None:
        """Take an instance out while its probe fails, and in again. It is in until the probe has failed.

        Source: https://cloud.google.com/run/docs/configuring/healthchecks
        """
        while True:
            await fails(probe, self._real_port(probe.port))
            self._log.write(f"READINESS {probe.kind} probe failed; the instance gets no new requests.")
            self._unready.add(name)
            await recovers(probe, self._real_port(probe.port))
            self._log.write(f"READINESS {probe.kind} probe passed; the instance gets requests again.")
            self._unready.discard(name)
            if self.recovered is not None:
                self.recovered()

    def _container_ended(self, ended: asyncio.Future[int]) -> None:
        """One container gone: the instance is gone, as in Cloud Run."""
        if not self.stopping:
            self._log.write(f"Container called exit({ended.result()}).")
        self.ready = False
        for process in self._processes.values():
            process.kill()
        self._gone()

    async def _discard(self) -> None:
        self.stopping = True
        for process in self._processes.values():
            process.kill()
        await asyncio.gather(*(process.ended for process in self._processes.values()))
        self._gone()

    def _gone(self) -> None:
        self.ready = False
        for held in self._ports.values():
            held.release()
        for container in self.revision.containers:
            if container.over is not None:
                container.over(self._scratch)
        shutil.rmtree(self._scratch, ignore_errors=True)
        with suppress(asyncio.InvalidStateError):
            self.ended.set_result(None)


def serving_port(revision: Revision) -> int:
    """The port, as the spec names it, that takes a revision's requests."""
    return next((container.port for container in revision.containers if container.port is not None), 0)


def ports_of(revision: Revision) -> dict[int, Port]:
    """Have a port of this machine for each that the containers of an instance are known to listen on.

    The one that takes requests is any free one. Others are what they are named, since their programs may know no other
    number, unless somebody has it: another instance, for one.
    """
    serving = serving_port(revision)
    known = {serving}.union(*(container.ports for container in revision.containers))
    return {number: Port(0 if number == serving else number) for number in sorted(known)}


def in_order(containers: Iterable[Container]) -> list[Container]:
    """Put every container behind those it starts after (`dependsOn`); otherwise as declared."""
    left = list(containers)
    placed: list[Container] = []
    while left:
        names = {container.name for container in placed}
        ready = next((c for c in left if names.issuperset(c.after)), left[0])
        left.remove(ready)
        placed.append(ready)
    return placed


def _failure(container: Container) -> str:
    if container.startup is None or container.startup_is_default:
        return DEFAULT_PROBE_FAILED.format(port=container.port or 8080)
    return PROBE_FAILED
