"""What can only be known of a candidate by asking it: at its own address, before it has any traffic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.rollout import asking
from reconciler.core.rollout.position import CANDIDATE, Phase
from reconciler.core.rollout.series import Check
from reconciler.core.rollout.step import Wait
from reconciler.gcp.candidate import Candidate
from reconciler.kinds.run_service.refining import rollout_of
from reconciler.kinds.run_service.rollouts import CHECKS

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.objects import Desired, Observed
    from reconciler.gcp.connection import Connection
    from reconciler.kinds.run_service.record import RunService
    from reconciler.kinds.run_service.rollouts import Asked, Going

SMOKE = "smoke"
_A_PASS_S = 120.0
"""So long one pass asks one candidate; what is not asked then waits for the next."""
Gather = Callable[[Iterable[Callable[[], Any]]], list[Any]]
Pair = tuple["Desired[RunService]", "Observed[RunService]"]


def inquire(
    connection: Connection, pairs: Sequence[Pair], now: datetime, gather: Gather, *, tries: bool
) -> Mapping[Address, Mapping[str, Any]]:
    """Ask the candidates of some services what their specs want to know before any traffic.

    Args:
        connection: How to reach them.
        pairs: What is wanted, and what is there.
        now: The time.
        gather: Makes calls in parallel.
        tries: Whether candidates may be asked: a pass does, and a plan only looks.

    Returns:
        What to add to the output of each, by address.
    """
    due = [one for want, seen in pairs if tries and (one := _due(want, seen)) is not None]
    answers = gather([partial(_tried, connection, one, now) for one in due])
    return {one.seen.address: {CHECKS: found} for one, found in zip(due, answers, strict=True)}


@dataclass(frozen=True, slots=True)
class _Due:
    """A candidate of which something is to be known.

    Args:
        asked: What its spec asks.
        seen: The service.
        going: Where its rollout is.
        names: Of the checks.
    """

    asked: Asked
    seen: Observed[RunService]
    going: Going
    names: tuple[str, ...]


def _due(want: Desired[RunService], seen: Observed[RunService]) -> _Due | None:
    """Tell what is to be asked, if anything: of a version that is ready, has no traffic, and waits for that alone."""
    going = rollout_of(want, seen)
    if going is None or going.rollout.phase is not Phase.PREVIEW or going.rollout.record is None:
        return None
    known = going.rollout.record.checks
    names = tuple(name for name in going.rollout.policy.checks if name not in known)
    if not names or going.step.writes or going.step.wait is Wait.PAUSED:
        return None
    return _Due(want.asked, seen, going, names)


def _tried(connection: Connection, due: _Due, now: datetime) -> dict[str, Check]:
    try:
        return dict(_checks(connection, due, now))
    except errors.ReconcilerError as error:
        return {name: Check(passed=None, why=error.message) for name in due.names}


def _checks(connection: Connection, due: _Due, now: datetime) -> Iterator[tuple[str, Check]]:
    url, record, policy = due.seen.output["tags"].get(CANDIDATE, ""), due.going.rollout.record, due.going.rollout.policy
    if not url or record is None:
        why = "it has no address of its own: access.defaultUri is off"
        yield from ((name, Check(passed=None, why=why)) for name in due.names)
        return
    until = time.monotonic() + _A_PASS_S
    limit_s = float(due.seen.fields.timeout_s)
    smoke = due.asked.smoke
    if SMOKE in due.names and smoke is not None:
        late = now >= record.since + timedelta(seconds=policy.start_s + smoke.within_s)
        with Candidate(connection, url, due.seen.output["uri"], limit_s, until, smoke.public) as candidate:
            yield SMOKE, asking.asked(smoke, candidate.send, late=late)
