"""What can only be known of a candidate by asking it: at its own address, before it has any traffic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.rollout import asking
from reconciler.core.rollout.policy import REPLAY, SMOKE
from reconciler.core.rollout.position import CANDIDATE, Phase
from reconciler.core.rollout.predicted import Contest, Predicted, predicted, query
from reconciler.core.rollout.replaying import FEWEST, asked_again, judged, paired, too_few
from reconciler.core.rollout.series import Check, Seen
from reconciler.core.rollout.step import Wait
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.calls import calling
from reconciler.gcp.candidate import Candidate, Where
from reconciler.gcp.queries import as_typed, ask
from reconciler.kinds.run_service.refining import rollout_of
from reconciler.kinds.run_service.rollouts import CHECKS, PREDICTIONS

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.objects import Desired, Observed
    from reconciler.core.rollout.record import Record
    from reconciler.core.rollout.replaying import Replaying
    from reconciler.gcp.connection import Connection
    from reconciler.kinds.run_service.record import RunService
    from reconciler.kinds.run_service.rollouts import Asked, Going

_MOST_ROWS = 500_000
"""Of one query; a service has a few thousand."""
_QUERY_S = 30.0
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
    asking = [partial(_tried, connection, one, now) for one in due]
    groups: dict[tuple[str, str], list[tuple[Address, Contest]]] = {}
    for address, contest in (one for want, seen in pairs for one in _contests(want, seen)):
        groups.setdefault(contest.compared.dataset, []).append((address, contest))
    reading = [partial(_predicted, connection, group, now) for group in groups.values()]
    answers = gather([*asking, *reading])
    found = {one.seen.address: {CHECKS: checks} for one, checks in zip(due, answers, strict=False)}
    return found | {address: {PREDICTIONS: each} for group in answers[len(due) :] for address, each in group.items()}


def _contests(want: Desired[RunService], seen: Observed[RunService]) -> Iterator[tuple[Address, Contest]]:
    """Give the two versions of a service whose predictions are compared now."""
    compared = want.asked.compared if want.asked is not None else None
    going = rollout_of(want, seen) if compared is not None else None
    rollout = going.rollout if going is not None else None
    if rollout is None or compared is None or rollout.record is None or not rollout.compared:
        return
    if rollout.candidate is not None and rollout.stable is not None:
        pair = rollout.candidate.revision, rollout.stable.revision
        record = rollout.record
        ours = tuple(asking.marked(check, record.candidate, record.started) for check in (SMOKE, REPLAY))
        began = record.since if rollout.shadowed else record.counts
        yield seen.address, Contest(compared, seen.address.name, *pair, began, ours)


def _predicted(
    connection: Connection, group: Sequence[tuple[Address, Contest]], now: datetime
) -> dict[Address, Predicted]:
    """Read predictions of services that log into one dataset; each alone where together they cannot be read."""
    contests = [contest for _, contest in group]
    location, what = contests[0].compared.location, f"predictions in {contests[0].compared.dataset[0]}"
    try:
        rows = _rows(connection, query(contests, now), location, what, most=_MOST_ROWS)
    except errors.ReconcilerError as error:
        if len(group) == 1:
            return {group[0][0]: Predicted(seen=Seen(error=error.message))}
        return {address: each for one in group for address, each in _predicted(connection, [one], now).items()}
    return {address: predicted(rows, place, contest, now) for place, (address, contest) in enumerate(group)}


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
        with Candidate(where, until, public=smoke.public, headers=_id(SMOKE, record)) as candidate:
            check = asking.asked(smoke, candidate.send, late=now >= begun + timedelta(seconds=smoke.within_s))
        passed = bool(check.passed)
        yield SMOKE, check
    if REPLAY in due.names and replay is not None:
        late = now >= begun + timedelta(seconds=replay.within_s)
        check = Check(why="smoke comes first")
        yield REPLAY, _replayed(where, until, due, replay, now=now, late=late) if passed else check


def _id(check: str, record: Record | None) -> dict[str, str]:
    return {"x-request-id": asking.marked(check, record.candidate, record.started)} if record else {}


def _replayed(where: Where, until: float, due: _Due, replay: Replaying, *, now: datetime, late: bool) -> Check:
    """Ask the candidate what the stable version was asked."""
    record, stable = due.going.rollout.record, due.going.rollout.stable
    asked = replay.query(due.seen.address.name, stable.revision if stable else "", now)
    what = f"the prediction log {replay.table}"
    rows = replay.logged(_rows(where.connection, asked, replay.location, what, most=replay.rows))
    if len(rows) < FEWEST:
        return too_few(len(rows), due.going.rollout.policy.on_insufficient_data, late=late)
    with Candidate(where, until, public=replay.public, headers=_id(REPLAY, record)) as candidate:
        found = asked_again(rows, replay, candidate.send, wait=time.sleep, clock=time.monotonic, late=late)
    return found if isinstance(found, Check) else judged(paired(rows, found, replay.tolerance), replay)


def _rows(connection: Connection, asked: str, location: str, what: str, *, most: int) -> list[Mapping[str, Any]]:
    """Read the prediction log.

    Raises:
        Unavailable: The query did not end in time.
        ApiError: It cannot be run.
    """
    api = connection.rest(HOST, VERSION)
    with calling("read", what):
        found = ask(api, connection.project, asked, patience_s=_QUERY_S, location=location, read=as_typed)
        return list(islice(found, most))
