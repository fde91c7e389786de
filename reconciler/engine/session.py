"""What one run works with: the connection, the kinds' clients, the clock and the pool."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.kind import Kind, Kinds, Roles
from reconciler.core.objects import Holder, Observed
from reconciler.core.stamp import UNSTAMPED, Stamp
from reconciler.engine.clock import Clock
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
        appear_s: For an object whose creation was answered by nothing to appear in a list, before it is made again
            where that would make two.
    """

    lock_for_s: float = 300.0
    settle_s: float = 600.0
    propagate_s: float = 420.0
    appear_s: float = 5.0


@dataclass(slots=True)
class Session:
    """One run's means.

    Args:
        connection: How to reach Google Cloud.
        kinds: The kinds we know.
        pool: Where calls run in parallel.
        clock: Gives the time; the emulator's in local mode.
        holder: Who we are, in words, for locks.
        run_id: Names this run.
        patience: How long it waits.
        stamp: Which commit the specs are of, as far as that is known.
    """

    connection: Connection
    kinds: Kinds
    pool: Pool
    clock: Clock
    holder: str
    run_id: str
    patience: Patience = Patience()
    stamp: Stamp = UNSTAMPED
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def acting_as(self, account: str) -> Session:
        """Give the same run as a service account, with clients of its own.

        Args:
            account: Its e-mail.
        """
        return replace(self, connection=self.connection.acting(account), _clients={}, _lock=threading.Lock())

    @contextmanager
    def stopping(self) -> Iterator[None]:
        """Tell what works on for long to stop, when the block ends by a signal: the pool waits for its threads."""
        try:
            yield
        except BaseException as error:
            if not isinstance(error, (Exception, GeneratorExit)):
                self.connection.stopped.set()
            raise

    def client(self, kind: Kind[Any]) -> Any:
        """Give the kind's client, built once."""
        with self._lock:
            if kind.name not in self._clients:
                self._clients[kind.name] = kind.connect(self.connection)
            return self._clients[kind.name]

    def observe(self, names: Mapping[Address, str]) -> Mapping[Address, Observed[Any]]:
        """Read many objects with as few calls as their kinds allow, all in parallel.

        Args:
            names: Which objects, each with the name the server gave it where one is known, else with nothing.

        Returns:
            What is there, by address. Absent objects are left out.
        """
        groups: dict[tuple[Any, ...], list[Address]] = {}
        for address in sorted(names):
            kind = self.kinds.of_address(address)
            groups.setdefault((kind.name, *kind.read_together(address)), []).append(address)
        answers = self.pool.gather([partial(self._read, group, names) for group in groups.values()])
        return {seen.address: seen for answer in answers for seen in answer}

    def observe_one(self, address: Address, server_name: str = "") -> Observed[Any] | None:
        """Read one object."""
        return next(iter(self._read([address], {address: server_name})), None)

    def holders(self, seen: Iterable[Observed[Any]]) -> tuple[list[Holder], Mapping[str, frozenset[Address]]]:
        """Say what keeps objects from being deleted, whosever it is, with as few calls as their kinds allow.

        Args:
            seen: The objects; those whose kinds nothing keeps are passed over.

        Returns:
            What keeps them, and why it is not known of some of them, each with which.
        """
        groups: dict[str, list[Observed[Any]]] = {}
        for each in seen:
            groups.setdefault(each.address.kind, []).append(each)
        kinds = [kind for kind in map(self.kinds.by_name.__getitem__, sorted(groups)) if kind.holders]
        answers = self.pool.gather([partial(self._holders_or_why, kind, groups[kind.name]) for kind in kinds])
        found = [holder for holders, _ in answers for holder in holders]
        unknown: dict[str, frozenset[Address]] = {}
        for kind, (_, why) in zip(kinds, answers, strict=True):
            if why:
                about = frozenset(each.address for each in groups[kind.name])
                unknown[why] = unknown.get(why, frozenset()) | about
        return found, unknown

    def _holders_or_why(self, kind: Kind[Any], seen: Sequence[Observed[Any]]) -> tuple[list[Holder], str]:
        try:
            return self.holders_of(kind, seen), ""
        except errors.ReconcilerError as error:
            return [], f"{error.message}; {error.hint}" if error.hint else error.message

    def holders_of(self, kind: Kind[Any], seen: Sequence[Observed[Any]]) -> list[Holder]:
        """Say the same of objects of one kind, in this thread: one of the pool must not wait for the pool.

        Args:
            kind: Their kind.
            seen: The objects.

        Raises:
            ApiError: Something could not be read.
        """
        if kind.holders is None:
            return []
        with naming_roles(kind.roles):
            return list(kind.holders(self.client(kind), seen))

    def _read(self, group: list[Address], names: Mapping[Address, str]) -> list[Observed[Any]]:
        kind = self.kinds.of_address(group[0])
        with naming_roles(kind.roles):
            if not kind.server_named:
                found = list(self.client(kind).observe(group))
                return kind.measure(self.connection, found, self.clock.now()) if kind.measure and found else found
            known = {address: names[address] for address in group if names[address]}
            return one_each(self.client(kind).find(group, known), known)


def one_each(found: Iterable[Observed[Any]], names: Mapping[Address, str]) -> list[Observed[Any]]:
    """Choose among objects with one mark: the one whose name is known, else the first; the others are its twins."""
    grouped: dict[Address, list[Observed[Any]]] = {}
    for seen in found:
        grouped.setdefault(seen.address, []).append(seen)
    chosen = []
    for address, many in grouped.items():
        ours = next((each for each in many if each.server_name == names.get(address)), many[0])
        chosen.append(replace(ours, twins=tuple(each for each in many if each is not ours)))
    return chosen


def _of_another_policy(permission: str) -> bool:
    """Tell whether a permission is about a policy below the project's: who manages the project's has none of those."""
    return permission.endswith("IamPolicy") and not permission.startswith("resourcemanager.")


@contextmanager
def naming_roles(roles: Roles) -> Iterator[None]:
    """Name the roles that would do, when the caller lacks a permission."""
    try:
        yield
    except errors.NotPermitted as error:
        wanted = [role for role in (*roles.read, *roles.write) if role.startswith("roles/")]
        if error.permission and wanted and not _of_another_policy(error.permission):
            on = f" on {roles.on}" if roles.on else ""
            error.hint = f"permission {error.permission} is missing: grant {' or '.join(wanted)}{on}"
        raise
