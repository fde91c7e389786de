"""Apply when the lock is free, planning anew when somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core import errors
from reconciler.core.planned import Planned
from reconciler.engine.apply import Progress, Report, apply
from reconciler.engine.session import Session
from schemas.units import duration_ms

OVERTAKEN = 3
"""How often a plan is made again because another run was faster, before that is called hopeless."""

_PAUSE_S = 1.0


def apply_when_free(
    session: Session,
    planned: Planned,
    *,
    again: Callable[[], Planned] | None = None,
    timeout: str = "0s",
    progress: Progress = lambda *_: None,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Apply, waiting for another run's lock at most `timeout`.

    A plan that somebody overtook is made again and applied if it does the same. A saved plan is looked at again.

    Args:
        session: The run's means.
        planned: The plan.
        again: Makes the plan anew, or looks whether a saved one still fits. None: an overtaken plan is stale.
        timeout: How long to wait for another run's lock, as a duration.
        progress: Told of each change.
        say: Told what people should know meanwhile.

    Raises:
        Locked: The other run is still at work when the time is up.
        StalePlan: The world moved, and what there is to do now is not what was agreed to.
    """
    until = session.clock.monotonic() + duration_ms(timeout) / 1000
    agreed, overtaken = planned, 0
    while overtaken < OVERTAKEN:
        taken_over(session, agreed, say)
        try:
            return apply(session, agreed, progress=progress)
        except errors.Locked as error:
            if session.clock.monotonic() >= until:
                raise
            say(f"waiting: {error.message}")
            agreed = _wait(session, agreed, again, until)
        except errors.Conflict as error:
            if again is None:
                raise errors.StalePlan(
                    [f"{'/'.join(planned.plan.services)}: another run was at work"], saved=False
                ) from error
            agreed, overtaken = _same(agreed, again()), overtaken + 1
    raise errors.Locked("other runs keep changing these services", hint="try again later")


def _wait(session: Session, agreed: Planned, again: Callable[[], Planned] | None, until: float) -> Planned:
    """Let time pass until the lock may be free, and give the plan to try then."""
    clock = session.clock
    while (left := until - clock.monotonic()) > 0:
        clock.sleep(min(_PAUSE_S, left))
        if again is None:
            return agreed
        now = again()
        if not any(i.lock and not i.lock.expired(clock.now()) for i in now.inventories.values()):
            return _same(agreed, now)
    return agreed


def _same(agreed: Planned, now: Planned) -> Planned:
    """Let a new plan through when it does nothing that was not agreed to."""
    known = {c.address: (c.action, c.changes) for c in agreed.plan.pending}
    more = [c for c in now.plan.pending if (c.action, c.changes) != known.get(c.address)]
    if more:
        now_said = [f"{c.address}: {c.consequence or c.reason or f'now it would be {c.action}'}" for c in more]
        raise errors.StalePlan(now_said, saved=agreed.exact)
    return now


def taken_over(session: Session, planned: Planned, say: Callable[[str], None]) -> None:
    """Say whose expired lock is being taken over."""
    for inventory in planned.inventories.values():
        if inventory.lock and inventory.lock.expired(session.clock.now()):
            lock = inventory.lock
            said = f"taking over the lock of {lock.holder} (run {lock.run_id})"
            say(f"{said}, which expired at {lock.expires:%H:%M:%S} UTC")
