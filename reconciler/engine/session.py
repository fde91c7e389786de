"""What one run works with: the connection, the kinds' clients, the clock and the pool."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from reconciler.core.address import Address
from reconciler.core.kind import Kind, Kinds, Observed
from reconciler.engine.pool import Pool
from reconciler.gcp.connection import Connection


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run waits, in seconds.

    Args:
        lock_for_s: After this others may take over; a run at work renews its lock every third of it.
        settle_s: For an earlier change that Google is still applying.
        propagate_s: For an account or a role made in this very run to be known everywhere. Google's own figures
            are 2 minutes typically and 7 or more at times: cloud.google.com/iam/docs/access-change-propagation.
    """

    lock_for_s: float = 300.0
    settle_s: float = 600.0
    propagate_s: float = 420.0


@dataclass(slots=True)
class Session:
    """One run's means.

    Args:
        connection: How to reach Google Cloud.
        kinds: The kinds we know.
        pool: Where calls run in parallel.
        clock: Gives the time; the emulator's clock in local mode.
        holder: Who we are, in words, for locks.
        run_id: Names this run.
        patience: How long it waits.
    """

    connection: Connection
    kinds: Kinds
    pool: Pool
    clock: Callable[[], datetime]
    holder: str
    run_id: str
    patience: Patience = Patience()
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, kind: Kind[Any]) -> Any:
        """Give the kind's client, built once."""
        with self._lock:
            if kind.name not in self._clients:
                self._clients[kind.name] = kind.connect(self.connection)
            return self._clients[kind.name]

    def observe(self, addresses: Collection[Address]) -> Mapping[Address, Observed[Any]]:
        """Read many objects with as few calls as their kinds allow, all in parallel.

        Returns:
            What is there, by address. Absent objects are left out.
        """
        groups: dict[tuple[Any, ...], list[Address]] = {}
        for address in sorted(addresses):
            kind = self.kinds.of_address(address)
            groups.setdefault((kind.name, *kind.read_together(address)), []).append(address)
        answers = self.pool.gather([partial(self._read, group) for group in groups.values()])
        return {seen.address: seen for answer in answers for seen in answer}

    def observe_one(self, address: Address) -> Observed[Any] | None:
        """Read one object."""
        return next(iter(self._read([address])), None)

    def _read(self, group: list[Address]) -> list[Observed[Any]]:
        return list(self.client(self.kinds.of_address(group[0])).observe(group))
