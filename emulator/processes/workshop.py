"""What every container is made with."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.processes.model import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from emulator.processes.logs import Log
    from emulator.processes.metadata import MetadataServer
    from emulator.processes.model import Container, Program
    from emulator.processes.undertaker import Undertaker


@dataclass(frozen=True, slots=True)
class Workshop:
    """Tools that instances and executions share.

    Attributes:
        undertaker: Ends processes.
        metadata: The servers that tell containers who they are.
        now: The virtual clock: idle time is counted by it.
        written: Told of each line that a container writes, with the full name of its revision or execution.
        began: Told of each instance that became ready, with the full name of its revision.
        named_host: `host:port` where services answer to their names on run.app.
    """

    undertaker: Undertaker
    metadata: MetadataServer
    now: Callable[[], datetime]
    written: Callable[[str, str], None] | None = None
    began: Callable[[str], None] | None = None
    named_host: str = ""

    def tell_began(self, revision: str) -> None:
        """Say that an instance is ready."""
        if self.began is not None:
            self.began(revision)

    async def program(
        self, container: Container, scratch: Path, log: Log, ports: Mapping[int, int] | None = None
    ) -> Program:
        """Ask what to start for one container.

        Args:
            container: Which.
            scratch: The folder of its instance.
            log: Where it writes.
            ports: Which port of this machine is which of its instance's.

        Raises:
            CannotStartError: It cannot be started here.
        """
        loop = asyncio.get_running_loop()

        def note(text: str) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody reads any more
                loop.call_soon_threadsafe(log.write, text)

        given = ports or {}
        port = 0 if container.port is None else given[container.port]
        place = Place(port, await self.metadata.host(container.identity), scratch, note, given, self.named_host)
        return await asyncio.to_thread(container.program, place)
