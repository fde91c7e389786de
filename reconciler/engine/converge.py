"""Bring one object to what a plan wants, looking at the world again before every further try."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Any

from reconciler.core import errors
from reconciler.core.decide import decide
from reconciler.core.inventory import Entry
from reconciler.core.kind import Observed
from reconciler.core.plan import Action, Change
from reconciler.core.planned import Planned
from reconciler.core.record import revive
from reconciler.engine.session import Session
from schemas.problems import Retry

ATTEMPTS = 8
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0


def converge(session: Session, planned: Planned, change: Change) -> Observed[Any] | None:
    """Bring one object to what the plan wants.

    Every try but the first begins with a fresh look and a fresh decision, so a lost answer, a conflict and a crash
    of the run before are one case. What the plan's reader did not agree to is not done.

    Raises:
        ReconcilerError: It cannot be done, or not in the time we give it.
    """
    seen = planned.seen.get(change.address)
    now: Change | None = change
    pause, settled_by = FIRST_PAUSE_S, time.monotonic() + session.patience.settle_s
    known_by = time.monotonic() + (session.patience.propagate_s if _needs_something_new(planned, change) else 0.0)
    failure: errors.ReconcilerError | None = None
    attempt = 0
    while attempt < ATTEMPTS:
        try:
            if now is None or now.action is Action.NO_OP:
                return seen
            if now.action is not Action.WAIT:
                attempt += 1
                _act(session, planned, now, seen)
                failure = None
            elif time.monotonic() > settled_by:
                break
        except errors.ReconcilerError as error:
            if isinstance(error, errors.NotReadyYet):
                if time.monotonic() > known_by:
                    raise
                attempt = 0  # what was made a moment ago becomes known in its own time, not in a number of tries
            elif error.retry is Retry.NEVER:
                raise
            failure = error
        if failure or (now and now.action is Action.WAIT):
            time.sleep(pause * random.uniform(0.7, 1.3))  # noqa: S311 - jitter, not a secret
            pause = min(pause * 2, LONGEST_PAUSE_S)
        seen, now = _look_again(session, planned, change)
    raise failure or _unfinished(change, now)


def _needs_something_new(planned: Planned, change: Change) -> bool:
    """Tell whether a change needs an object that this run makes, which Google may not know everywhere yet."""
    made = {c.address for c in planned.plan.pending if c.action in {Action.CREATE, Action.REPLACE}}
    return bool(change.needs & made)


def _unfinished(change: Change, now: Change | None) -> errors.ReconcilerError:
    if now and now.action is not Action.WAIT:
        return errors.NotConverged(change.address, [c.path for c in now.changes])
    hint = "Google carries on; run again to see how it ended"
    return errors.OperationTimeout("change", change.address, "an earlier change is still being applied", hint=hint)


def _look_again(session: Session, planned: Planned, change: Change) -> tuple[Observed[Any] | None, Change | None]:
    try:
        seen = session.observe_one(change.address)
    except errors.ReconcilerError as error:
        if error.retry is Retry.NEVER:
            raise
        return planned.seen.get(change.address), replace(change, action=Action.WAIT)
    kind = session.kinds.of_address(change.address)
    owner = planned.owners[change.address]
    # Claimed before the first write: what is there now and carries our mark is ours.
    entry = owner.entry or Entry(change.address)
    if change.action is Action.DELETE:
        return seen, decide(replace(kind, retained=False), None, seen, replace(owner, entry=entry))
    want = planned.wants[change.address]
    now = decide(kind, want, seen, replace(owner, entry=entry))
    return seen, _agreed(planned, change, now, seen)


def _agreed(planned: Planned, change: Change, now: Change | None, seen: Observed[Any] | None) -> Change | None:
    """Let through what the reader of the plan agreed to.

    Raises:
        StalePlan: Going on would destroy what the plan did not say it would, or write what a saved one does not name.
    """
    if now and planned.exact and change.action is Action.UPDATE:
        more = sorted({c.path for c in now.changes} - {c.path for c in change.changes})
        if more:
            raise errors.StalePlan([f"{change.address}: somebody changed {', '.join(more)} meanwhile"])
    if now and now.destroys and not change.destroys:
        raise errors.StalePlan([f"{change.address}: it would have to be made anew ({now.reason})"])
    if now and change.action is Action.REPLACE and now.action is Action.REPLACE and seen and seen.uid != change.uid:
        raise errors.StalePlan([f"{change.address}: it was made anew by someone else"])
    return now


def _act(session: Session, planned: Planned, change: Change, seen: Observed[Any] | None) -> None:
    client = session.client(session.kinds.of_address(change.address))
    if change.action is Action.DELETE:
        if seen is not None:
            client.delete(seen)
        return
    want = replace(planned.wants[change.address], fields=_final(session, change))
    if change.action is Action.REPLACE and seen is not None:
        client.delete(seen)
        client.create(want)
    elif change.action is Action.CREATE or seen is None:
        client.create(want)
    elif change.changes:  # an object of ours that only the inventory had lost is adopted without a write
        client.update(want, seen, change.changes)


def _final(session: Session, change: Change) -> Any:
    """Give the record that was decided, with what only the observed object could tell."""
    return revive(session.kinds.of_address(change.address).fields, change.desired or {})
