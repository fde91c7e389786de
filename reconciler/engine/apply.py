"""Carry out a plan: dependencies first, in parallel where free, every try looking at the world again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from queue import Empty, SimpleQueue
from typing import Any

from reconciler.core import errors, exits
from reconciler.core.address import Address
from reconciler.core.decide import applied_digest, observed_digest, owned
from reconciler.core.diff import plain
from reconciler.core.inventory import Entry, Inventory, Key
from reconciler.core.objects import Observed
from reconciler.core.plan import Action, Change
from reconciler.core.planned import Planned, claims, entry_of
from reconciler.core.record import revive
from reconciler.core.reference import filled, holds_ref
from reconciler.engine import signals
from reconciler.engine.converge import converge
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.keeping import Keeper
from reconciler.engine.pool import Task
from reconciler.engine.session import Session

NOT_BEFORE = "it was not working before"
"""Of what was written and is as broken as it was."""


class Outcome(StrEnum):
    """How one change ended."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """One change, carried out or not.

    Args:
        change: The change.
        outcome: How it ended.
        seconds: How long it took.
        error: Why it failed, or what it was skipped for.
        seen: The object afterwards.
    """

    change: Change
    outcome: Outcome
    seconds: float = 0.0
    error: errors.ReconcilerError | None = None
    seen: Observed[Any] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What one apply did.

    Args:
        results: Per pending change.
        unwell: Objects that are as wanted and do not work, with Google's reason.
    """

    results: tuple[Result, ...] = ()
    unwell: Mapping[Address, str] = field(default_factory=dict)

    @property
    def failed(self) -> tuple[Result, ...]:
        """Changes that failed or were skipped for one that did."""
        return tuple(r for r in self.results if r.outcome is not Outcome.DONE)

    @property
    def exit_code(self) -> int:
        """0 done, 1 nothing worked, 4 partly applied."""
        if not self.failed:
            return exits.FAILED if self.unwell else 0
        return exits.PARTLY if len(self.failed) < len(self.results) else exits.FAILED

    def to_json(self) -> dict[str, Any]:
        """Give the serialised form."""
        return {
            "results": [_result_json(result) for result in self.results],
            "notWorking": {str(address): why for address, why in self.unwell.items()},
        }


def _result_json(result: Result) -> dict[str, Any]:
    return {
        "address": str(result.change.address),
        "action": str(result.change.action),
        "outcome": str(result.outcome),
        "seconds": round(result.seconds, 3),
        "error": str(result.error or ""),
    }


Progress = Callable[[Change, str, float], None]
"""Told of each change when it starts (`started`) and ends (an outcome), with the seconds it took."""


def apply(session: Session, planned: Planned, *, progress: Progress = lambda *_: None) -> Report:
    """Carry out a plan under the locks of its services.

    Never raises for a failed change: read `Report.failed`.

    Raises:
        Locked: Somebody is at work on one of the services.
        Conflict: Somebody was at work between the plan and now; make a new plan.
        LockLost: The lock was taken over; what had started was finished, the rest was left.
        Stopped: By a signal; what had started was finished and recorded, and the locks were let go.
    """
    with signals.held():  # but where it waits: no signal comes between taking a lock and knowing of it
        return _apply(session, planned, progress)


def _apply(session: Session, planned: Planned, progress: Progress) -> Report:
    store = InventoryStore(session)
    to_write = _to_write(session, planned)
    locks = _take(store, to_write)
    run = _Run(session, planned, progress, store, locks)
    try:
        run.carry_out()
        with signals.let_through():
            kept = run.keeper.after()
    except BaseException:
        # Interrupted, or the lock is lost: what was started is recorded, unless somebody else is at work already.
        with suppress(errors.ReconcilerError):
            run.release()
        raise
    run.release()
    results = [run.results[address] for address in sorted(run.results)]
    return Report(tuple(results), _unwell(planned, results) | kept)


def _to_write(session: Session, planned: Planned) -> dict[Key, Inventory]:
    """Choose the services whose inventory must be written.

    They have changes, or claims not recorded yet, or something that the spec only uses from now on, or the lock of a
    run that died after its last change.
    """
    now = session.clock.now()
    busy = {name for change in planned.plan.pending for name in change.services}
    wanted = claims(session.kinds, planned)
    used = {change.address for change in planned.plan.changes if change.uses is not None}
    chosen = {}
    for key, inventory in planned.inventories.items():
        if key[1] in planned.plan.observing:
            continue
        claimed = inventory.claim(wanted[key]).remember(planned.memories)
        claimed = replace(claimed, closed=planned.plan.closed.get(key[1], claimed.closed))
        left_behind = inventory.lock is not None and inventory.lock.expired(now)
        handed_over = not used.isdisjoint(inventory.entries)
        if key[1] in busy or claimed != inventory or handed_over or left_behind or planned.plan.destroy:
            chosen[key] = claimed
    return chosen


def _take(store: InventoryStore, inventories: Mapping[Key, Inventory]) -> dict[Key, Inventory]:
    taken: dict[Key, Inventory] = {}
    try:
        for key, inventory in sorted(inventories.items()):
            taken[key] = store.take(inventory)
    except errors.ReconcilerError:
        for held in taken.values():
            store.release(held)
        raise
    return taken


def _unwell(planned: Planned, results: list[Result]) -> dict[Address, str]:
    """Collect objects that are as wanted and do not work, which writing again would not help, and what is left open."""
    found = {address: seen.problem for address, seen in planned.seen.items() if seen.problem}
    still: dict[Address, str] = {}
    for result in results:
        before = found.pop(result.change.address, None)
        if before and result.seen and result.outcome is Outcome.DONE and result.seen.problem == before:
            still[result.change.address] = f"{NOT_BEFORE}: {before}"
    idle = [c for c in planned.plan.changes if c.action is Action.NO_OP]
    wanted = {c.address for c in idle if c.owned}
    left = {c.address: c.problem for c in idle if c.contradicts or (c.changes and c.problem)}
    return {address: why for address, why in found.items() if address in wanted} | still | left


@dataclass(slots=True)
class _Run:
    session: Session
    planned: Planned
    progress: Progress
    store: InventoryStore
    locks: dict[Key, Inventory]
    results: dict[Address, Result] = field(default_factory=dict)
    running: dict[Task[Result], Change] = field(default_factory=dict)
    ended: SimpleQueue[None] = field(default_factory=SimpleQueue)
    renewed: float = field(init=False)
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self.renewed = self.session.clock.monotonic()
        self.keeper = Keeper(self.session, self.planned)

    def carry_out(self) -> None:
        """Walk the graph, into `results`.

        Raises:
            LockLost: After what was running has ended.
        """
        waiting = {c.address: c for c in self.planned.plan.pending}
        edges = self.planned.plan.edges(self.session.kinds.earlier)
        try:
            with self.session.stopping():
                self._walk(waiting, edges)
        finally:
            while self.running:
                self._collect(timeout_s=None)

    def _walk(self, waiting: dict[Address, Change], edges: Mapping[Address, frozenset[Address]]) -> None:
        while waiting or self.running:
            for change in self._ready(waiting, edges):
                del waiting[change.address]
                self._start(change, edges)
            self._collect(timeout_s=min(5.0, self._renew_every_s / 2))
            self._renew()

    def _start(self, change: Change, edges: Mapping[Address, frozenset[Address]]) -> None:
        blocked = _blocked(change, edges, self.results, self.session.kinds.users(change.address.kind))
        if blocked:
            self.results[change.address] = blocked
            self.progress(change, str(blocked.outcome), 0.0)
        else:
            self.progress(change, "started", 0.0)
            self.running[self.session.pool.submit(self._one, change, told=self.ended)] = change

    def _collect(self, *, timeout_s: float | None) -> None:
        if self.running and not any(task.done for task in self.running):
            with signals.let_through(), suppress(Empty):
                signals.take(self.ended, timeout_s)
        for task in [task for task in self.running if task.done]:
            change = self.running.pop(task)
            self.results[change.address] = result = task.result()
            self.progress(change, str(result.outcome), result.seconds)

    def _ready(
        self,
        waiting: Mapping[Address, Change],
        edges: Mapping[Address, frozenset[Address]],
    ) -> list[Change]:
        """Choose what may start now: its dependencies are settled, and its lane is free."""
        busy = {self._lane(change) for change in self.running.values()}
        chosen: list[Change] = []
        for address, change in waiting.items():
            lane = self._lane(change)
            if edges[address] <= self.results.keys() and not (lane and lane in busy):
                chosen.append(change)
                busy.add(lane)
        return chosen

    def _lane(self, change: Change) -> str:
        return self.session.kinds.of_address(change.address).lane(change.address)

    def _one(self, change: Change) -> Result:
        clock = self.session.clock
        started = clock.monotonic()
        try:
            self.keeper.before(change)
            seen = converge(self.session, self.planned, change, self._done)
        except errors.ReconcilerError as error:
            return Result(change, Outcome.FAILED, clock.monotonic() - started, error)
        return Result(change, Outcome.DONE, clock.monotonic() - started, None, seen)

    def _done(self, address: Address) -> Observed[Any] | None:
        """Give an object as this run left it."""
        return self.results[address].seen if address in self.results else None

    @property
    def _renew_every_s(self) -> float:
        return self.session.patience.lock_for_s / 3

    def _renew(self) -> None:
        """Push the locks' expiry out, well before it comes.

        Raises:
            LockLost: Somebody took one over.
        """
        now = self.session.clock.monotonic()
        if now - self.renewed < self._renew_every_s:
            return
        self.renewed = now
        for key, held in self.locks.items():
            # What passes is tried again in a third of the lock's time, twice before it expires.
            with suppress(errors.Unavailable, errors.QuotaExhausted):
                self.locks[key] = self.store.renew(held)

    def release(self) -> None:
        """Record what was done, and let every lock go that is still ours.

        Raises:
            ReconcilerError: One could not be let go. The others were.
        """
        failed: list[errors.ReconcilerError] = []
        changes: dict[str, list[Change]] = {}
        for change in self.planned.plan.changes:
            for name in change.services:
                changes.setdefault(name, []).append(change)
        for key, held in self.locks.items():
            ours = changes.get(key[1], [])
            done = [entry for change in ours if (entry := self._entry(change, held))]
            settled = held.settle(done, self._gone(key, {change.address for change in ours}))
            deletion = self.planned.deletions.get(key, held.deletion)
            file = self.planned.plan.files.get(key[1], held.file)
            try:
                self.store.release(replace(settled, deletion=deletion, file=file))
            except errors.ReconcilerError as error:
                failed.append(error)
        if failed:
            raise failed[0] if len(failed) == 1 else errors.SeveralErrors(failed)

    def _entry(self, change: Change, held: Inventory) -> Entry | None:
        known = held.entries.get(change.address)
        result = self.results.get(change.address)
        now = self.session.clock.now().isoformat(timespec="seconds")
        kinds = self.session.kinds
        kind = kinds.of_address(change.address)
        digest = applied_digest(kind.fields, change.desired or {})
        if result and result.outcome is Outcome.DONE and change.action is not Action.DELETE:
            entry = entry_of(kinds, change, seen=result.seen, changed=now, digest=digest)
            if result.seen and holds_ref(change.desired):
                # What other objects tell has values now, and it is those that were applied.
                entry = replace(entry, digest=observed_digest(kind, result.seen, entry.keys))
            return self._remembering(change, entry)
        if result and known and change.action is Action.UPDATE and isinstance(result.error, errors.OperationFailed):
            # Google took what was written, and it is there: that it did not do is no move of anybody else's.
            return replace(known, digest="" if holds_ref(change.desired) else digest)
        if change.action is Action.NO_OP and change.owned and known and not known.digest:
            # Adopted as it is, or an interrupted run's work found whole.
            entry = entry_of(kinds, change, seen=self.planned.seen.get(change.address), digest=digest)
            return self._remembering(change, replace(entry, changed=known.changed or now))
        if result and known and change.writes and holds_ref(change.desired):
            # It was claimed before what it refers to was known: what was tried has the values.
            found = filled(revive(kind.fields, change.desired or {}), self._outputs)
            return replace(known, tried=applied_digest(kind.fields, plain(found)))
        return None

    def _outputs(self, address: Address) -> Mapping[str, Any]:
        seen = self._done(address) or self.planned.seen.get(address)
        return seen.output if seen else {}

    def _remembering(self, change: Change, entry: Entry) -> Entry:
        before = self.planned.owners[change.address].entry
        kept = before.memory if before else {}
        return replace(entry, memory=self.planned.memories.get(change.address, kept))

    def _gone(self, key: Key, planned: set[Address]) -> Iterator[Address]:
        """Name what is not ours any more: deleted, handed over, or found to be absent or somebody else's."""
        handed_over = {c.address for c in self.planned.plan.changes if c.uses is not None}
        for address in self.planned.inventories[key].entries:
            result = self.results.get(address)
            if result and result.change.action is Action.DELETE:
                if result.outcome is Outcome.DONE:
                    yield address
            elif address.kind not in self.session.kinds.by_name:
                continue  # a newer version of this program made it, and will know it again
            elif address in handed_over or (
                address not in planned and (self.planned.plan.destroy or not self._still_ours(address, key[1]))
            ):
                yield address

    def _still_ours(self, address: Address, service: str) -> bool:
        """Tell whether something unwanted stays ours: it is kept on purpose."""
        owner, seen = self.planned.owners.get(address), self.planned.seen.get(address)
        if owner is None or seen is None or service not in owner.services:
            return False
        return owned(self.session.kinds.of_address(address), seen, owner)


def _blocked(
    change: Change,
    edges: Mapping[Address, frozenset[Address]],
    results: Mapping[Address, Result],
    users: Collection[str],
) -> Result | None:
    """Give the outcome of a change that cannot be made: something that it needs was not done.

    Deleting needs that what may use the object is gone. Of the rest only the order is better so.
    """
    for need in sorted(edges[change.address]):
        before = results[need]
        only_order = Action.DELETE is change.action is before.change.action and need.kind not in users
        if before.outcome is not Outcome.DONE and not only_order:
            why = errors.ReconcilerError(f"not done: {need} {before.outcome}")
            return Result(change, Outcome.SKIPPED, 0.0, why)
    return None
