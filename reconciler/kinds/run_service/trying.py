"""What can only be known of a candidate by asking it: at its own address, before it has any traffic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.naming import fingerprint
from reconciler.core.rollout import asking
from reconciler.core.rollout.policy import REPLAY, SMOKE
from reconciler.core.rollout.position import CANDIDATE, Phase
from reconciler.core.rollout.replaying import FEWEST, asked_again, judged, paired, too_few
from reconciler.core.rollout.series import Check
from reconciler.core.rollout.step import Wait
from reconciler.gcp.candidate import Candidate, Where
from reconciler.gcp.logged_predictions import rows_of
from reconciler.kinds.run_service.refining import rollout_of
from reconciler.kinds.run_service.rollouts import CHECKS

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.objects import Desired, Observed
    from reconciler.core.rollout.replaying import Replaying
    from reconciler.gcp.connection import Connection
    from reconciler.kinds.run_service.record import RunService
    from reconciler.kinds.run_service.rollouts import Asked, Going

_A_PASS_S = 120.0
"""So long one pass asks one candidate; what is not asked then waits for the next."""
REPLAYED = "mlservice-replay-"
"""What ids of replayed requests begin with: the prediction log has them, and whoever reads it can tell them apart."""
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
    where = Where(connection, url, due.seen.output["uri"], float(due.seen.fields.timeout_s))
    begun, until = record.since + timedelta(seconds=policy.start_s), time.monotonic() + _A_PASS_S
    smoke, replay = due.asked.smoke, due.asked.replay
    passed = True
    if SMOKE in due.names and smoke is not None:
        with Candidate(where, until, public=smoke.public) as candidate:
            check = asking.asked(smoke, candidate.send, late=now >= begun + timedelta(seconds=smoke.within_s))
        passed = bool(check.passed)
        yield SMOKE, check
    if REPLAY in due.names and replay is not None:
        late = now >= begun + timedelta(seconds=replay.within_s)
        check = Check(why="smoke comes first")
        yield REPLAY, _replayed(where, until, due, replay, now=now, late=late) if passed else check


def _replayed(where: Where, until: float, due: _Due, replay: Replaying, *, now: datetime, late: bool) -> Check:
    """Ask the candidate what the stable version was asked."""
    record, stable = due.going.rollout.record, due.going.rollout.stable
    query = replay.query(due.seen.address.name, stable.revision if stable else "", now)
    rows = replay.logged(
        rows_of(where.connection, query, replay.location, f"the prediction log {replay.table}", most=replay.rows)
    )
    if len(rows) < FEWEST:
        return too_few(len(rows), due.going.rollout.policy.on_insufficient_data, late=late)
    mark = fingerprint([record.candidate, record.started.isoformat()] if record else [], length=12)
    with Candidate(where, until, public=replay.public, headers={"x-request-id": f"{REPLAYED}{mark}"}) as candidate:
        found = asked_again(rows, replay, candidate.send, wait=time.sleep, clock=time.monotonic, late=late)
    return found if isinstance(found, Check) else judged(paired(rows, found, replay.tolerance), replay)
