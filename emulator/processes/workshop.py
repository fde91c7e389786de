"""What every container is made with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emulator.processes.model import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

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
    """

    undertaker: Undertaker
    metadata: MetadataServer
    now: Callable[[], datetime]
    written: Callable[[str, str], None] | None = None
    began: Callable[[str], None] | None = None

    def tell_began(self, revision: str) -> None:
        """Say that an instance is ready."""
        if self.began is not None:
            self.began(revision)

    async def program(self, container: Container, port: int = 0) -> Program:
        """Ask what to start for one container.

        Raises:
            CannotStartError: It cannot be started here.
        """
        place = Place(port, await self.metadata.host(container.identity))
        return await asyncio.to_thread(container.program, place)
