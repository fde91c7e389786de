"""Bring one object to what a plan wants, looking at the world again before every further try."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.decide import decide
from reconciler.core.inventory import Entry
from reconciler.core.kind import Kind, never
from reconciler.core.objects import Desired, Observed, several
from reconciler.core.plan import Action, Change
from reconciler.core.planned import Planned
from reconciler.core.record import revive
from reconciler.core.reference import filled, refs
from reconciler.engine.session import Session, naming_roles
from schemas.problems import Retry

ATTEMPTS = 8
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0

Done = Callable[[Address], Observed[Any] | None]
"""What this run has brought about so far."""


def nothing_done(address: Address) -> Observed[Any] | None:
    """Know nothing that this run has brought about."""
    del address
    return None


def converge(session: Session, planned: Planned, change: Change, done: Done = nothing_done) -> Observed[Any] | None:
    """Bring one object to what the plan wants.

    Every try but the first begins with a fresh look and a fresh decision, so a lost answer, a conflict and a crash
    of the run before are one case. What the plan's reader did not agree to is not done.

    Args:
        session: The run's means.
        planned: The plan.
        change: Which of its changes.
        done: What has become of the objects this one refers to.

    Raises:
        ReconcilerError: It cannot be done, or not in the time we give it.
    """
    return _Convergence(session, planned, change, done).carry_out()


@dataclass(slots=True)
class _Convergence:
    session: Session
    planned: Planned
    change: Change
    done: Done
    kind: Kind[Any] = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.kind = self.session.kinds.of_address(self.change.address)
        entry = self.planned.owners[self.change.address].entry
        self.name = entry.server_name if entry else ""

    def carry_out(self) -> Observed[Any] | None:
        """Bring it there, or to where it is as wanted and does no worse than before."""
        try:
            return self._brought()
        except errors.OperationFailed:
            if (found := self._as_broken_as_before()) is None:
                raise
            return found

    def _brought(self) -> Observed[Any] | None:
        clock, patience = self.session.clock, self.session.patience
        seen = self.planned.seen.get(self.change.address)
        now: Change | None = self.change
        pause, settled_by = FIRST_PAUSE_S, clock.monotonic() + patience.settle_s
        known_by = clock.monotonic() + (patience.propagate_s if self._needs_something_new() else 0.0)
        failure: errors.ReconcilerError | None = None
        attempt, wrote = 0, False
        while attempt < ATTEMPTS:
            try:
                if now is None or now.action is Action.NO_OP:
                    return seen
                if now.action is not Action.WAIT:
                    attempt += 1
                    self._act(now, seen)
                    failure, wrote = None, True
                elif clock.monotonic() > settled_by:
                    break
            except errors.ReconcilerError as error:
                if isinstance(error, errors.NotReadyYet):
                    if clock.monotonic() > known_by:
                        raise
                    attempt = 0  # what was made a moment ago becomes known in its own time, not in a number of tries
                elif error.retry is not Retry.REPLAN:
                    raise
                failure = error
            if failure or (now and now.action is Action.WAIT):
                clock.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - jitter, not a secret
                pause = min(pause * 2, LONGEST_PAUSE_S)
            seen, now = self._look_again(failure)
            now = None if wrote and failure is None and self._goes_on_later(now) else now
        raise failure or self._unfinished(now)

    def _as_broken_as_before(self) -> Observed[Any] | None:
        """Give the object where all is written and it only is what it was before: not working, for the same reason.

        Google calls every write to such an object failed, also one that touches nothing of what does not work.
        """
        seen = self.planned.seen.get(self.change.address)
        if seen is None or not seen.problem or self.change.action is not Action.UPDATE:
            return None
        found, now = self._look_again(None)
        written = now is None or now.action is Action.NO_OP
        return found if written and found is not None and found.problem == seen.problem else None

    def _goes_on_later(self, now: Change | None) -> bool:
        """Tell whether more is to be written, which is the next step: a plan shows one, and a run makes one."""
        want = self.planned.wants.get(self.change.address)
        in_steps = want is not None and want.asked is not None and want.asked.in_steps
        return in_steps and now is not None and now.action is Action.UPDATE

    def _needs_something_new(self) -> bool:
        """Tell whether the change needs an object that this run makes, which Google may not know everywhere yet."""
        made = {c.address for c in self.planned.plan.pending if c.action in {Action.CREATE, Action.REPLACE}}
        return bool(self.change.needs & made)

    def _unfinished(self, now: Change | None) -> errors.ReconcilerError:
        address = self.change.address
        if now and now.action is not Action.WAIT:
            return errors.NotConverged(address, [c.path for c in now.changes] or ["it is still there twice"])
        hint = "Google carries on; run again to see how it ended"
        return errors.OperationTimeout("change", address, "an earlier change is still being applied", hint=hint)

    def _look_again(self, failure: errors.ReconcilerError | None) -> tuple[Observed[Any] | None, Change | None]:
        address = self.change.address
        try:
            seen = self._appeared() if self._may_be_there(failure) else self.session.observe_one(address, self.name)
        except errors.ReconcilerError as error:
            if error.retry is not Retry.REPLAN:
                raise
            return self.planned.seen.get(address), replace(self.change, action=Action.WAIT)
        owner = self.planned.owners[address]
        # Claimed before the first write: what is there now and carries our mark is ours.
        owner = replace(owner, entry=owner.entry or Entry(address))
        if self.change.action is Action.DELETE:
            return seen, decide(replace(self.kind, retained=never), None, seen, owner)
        now = decide(self.kind, self.planned.wants[address], seen, owner, self._outputs)
        return seen, self._agreed(now, seen)

    def _may_be_there(self, failure: errors.ReconcilerError | None) -> bool:
        """Tell whether making it again might make two: its creation was not answered, and its name is the server's."""
        lost = isinstance(failure, errors.Unavailable)
        return lost and self.kind.server_named and self.change.action in {Action.CREATE, Action.REPLACE}

    def _appeared(self) -> Observed[Any] | None:
        """Look until the object appears, or for as long as a list may lag behind."""
        clock = self.session.clock
        until = clock.monotonic() + self.session.patience.appear_s
        while True:
            seen = self.session.observe_one(self.change.address, self.name)
            if seen or clock.monotonic() >= until:
                return seen
            clock.sleep(FIRST_PAUSE_S)

    def _agreed(self, now: Change | None, seen: Observed[Any] | None) -> Change | None:
        """Let through what the reader of the plan agreed to.

        Raises:
            StalePlan: Going on would destroy what the plan did not say it would, or write what a saved one does
                not name.
        """
        change = self.change
        if now and self.planned.exact and change.action is Action.UPDATE:
            more = sorted({c.path for c in now.changes} - {c.path for c in change.changes})
            if more:
                raise errors.StalePlan([f"{change.address}: somebody changed {', '.join(more)} meanwhile"])
        if now and now.destroys and not change.destroys:
            raise errors.StalePlan([f"{change.address}: it would have to be made anew ({now.reason})"])
        if now and change.action is Action.REPLACE and now.action is Action.REPLACE and seen and seen.uid != change.uid:
            raise errors.StalePlan([f"{change.address}: it was made anew by someone else"])
        return now

    def _act(self, change: Change, seen: Observed[Any] | None) -> None:
        with naming_roles(self.kind.roles):
            if change.action is Action.DELETE:
                self._delete(seen)
                return
            stamp = replace(self.session.stamp, run=self.session.run_id, specs=self.planned.plan.spec_digest)
            want = replace(self.planned.wants[change.address], fields=self._fields(change), stamp=stamp)
            if change.action is Action.REPLACE and seen is not None:
                self._delete(seen)
                self._create(want)
            elif change.action is Action.CREATE or seen is None:
                self._create(want)
            else:
                self._update(want, seen, change)

    def _create(self, want: Desired[Any]) -> None:
        self.name = self._client.create(want) or ""

    def _delete(self, seen: Observed[Any] | None) -> None:
        for each in (*seen.twins, seen) if seen else ():
            try:
                self._client.delete(each)
            except errors.InvalidRequest as error:
                raise self._kept(each, error) from error

    def _kept(self, seen: Observed[Any], error: errors.InvalidRequest) -> errors.InvalidRequest:
        """Name what has to go first, where something keeps an object; else give what Google says."""
        with suppress(errors.ReconcilerError):
            if holders := self.session.holders_of(self.kind, [seen]):
                said = several(f"{holder.said} ({holder.name})" for holder in holders)
                hint = f"it is used by others: delete {said}, or make it use something else; then run again"
                return errors.InvalidRequest(error.verb, error.address, error.why, hint=hint)
        return error

    def _update(self, want: Desired[Any], seen: Observed[Any], change: Change) -> None:
        for twin in seen.twins:
            self._client.delete(twin)
        if not change.changes:  # an object of ours that only the inventory had lost is adopted without a write
            return
        if not self.kind.fenced:
            self._refuse_if_moved(seen)
        self._client.update(want, seen, change.changes)

    def _refuse_if_moved(self, seen: Observed[Any]) -> None:
        """Look again just before a write that the API would not refuse: it would undo what somebody wrote meanwhile.

        Raises:
            Conflict: Somebody wrote it since it was looked at.
        """
        again = self.session.observe_one(seen.address, seen.server_name)
        if again is None or again.version != seen.version:
            raise errors.Conflict("update", seen.address, "somebody changed it since it was looked at")

    @property
    def _client(self) -> Any:
        return self.session.client(self.kind)

    def _fields(self, change: Change) -> Any:
        """Give the record that was decided, with what only other objects could tell.

        Raises:
            UnknownOutput: Another object is as it should be and does not tell what this one needs of it.
        """
        fields = filled(revive(self.kind.fields, change.desired or {}), self._outputs)
        for ref in refs(fields):
            why = f"{change.address} needs {ref.output} of {ref.address}, which does not tell it"
            raise errors.UnknownOutput(why, hint="run again: the next run finishes the work")
        return fields

    def _outputs(self, address: Address) -> Mapping[str, Any]:
        seen = self.done(address) or self.planned.seen.get(address)
        return seen.output if seen else {}
