"""What containers wrote to standard output and error: the newest lines per revision or execution."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LINES = 2000
MAX_LINE_BYTES = 16 * 1024  # a longer line is cut into several, as Cloud Logging does with its own limit


@dataclass(slots=True)
class Log:
    """A bounded log of one revision or execution. Written by the loop, read by any thread.

    Attributes:
        name: Full name of the revision or execution.
        told: Told of each line, with that name.
    """

    name: str = ""
    told: Callable[[str, str], None] | None = None
    lines: deque[tuple[datetime, str]] = field(default_factory=lambda: deque(maxlen=MAX_LINES))

    def write(self, text: str) -> None:
        """Add one line."""
        self.lines.append((datetime.now(UTC), text))
        if self.told is not None:
            self.told(self.name, text)

    def text(self) -> list[str]:
        """Give the lines, oldest first."""
        return [text for _, text in list(self.lines)]


class LogPipe(asyncio.Protocol):
    """The reading end of a container's output; cuts it into lines."""

    def __init__(self, log: Log, prefix: str = "") -> None:
        self._log = log
        self._prefix = prefix
        self._rest = b""
        self.closed = False
        self.when_closed: Callable[[], None] | None = None

    def data_received(self, data: bytes) -> None:
        """Take what the container wrote."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            whole.append(self._rest)
            self._rest = b""
        for line in whole:
            self._log.write(self._prefix + line[:MAX_LINE_BYTES].decode(errors="replace"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The container closed its output: what stands in the buffer is its last line."""
        del exc
        if self._rest:
            self._log.write(self._prefix + self._rest.decode(errors="replace"))
            self._rest = b""
        self.closed = True
        if self.when_closed is not None:
            self.when_closed()
