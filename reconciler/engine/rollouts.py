"""Rollouts of services as they are, and orders of people about them: left beside the traffic, for the next pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.decide import asked_of
from reconciler.core.diff import plain
from reconciler.core.plan import Note
from reconciler.core.rollout.forecast import takes_words
from reconciler.core.rollout.orders import about, in_the_way, refusal, says_as_much, subject, waiting
from reconciler.core.rollout.position import ON_ITS_WAY
from reconciler.core.rollout.record import ORDER, Order, as_annotation
from reconciler.gcp.run_series import STARTS, Series
from reconciler.gcp.run_use import COUNT, LATE, totals
from reconciler.kinds.run_service.overtaking import shares_of
from reconciler.kinds.run_service.refining import located, rollout_of
from schemas.sections.rollout import Strategy

if TYPE_CHECKING:
    from reconciler.core.planned import Planned
    from reconciler.core.rollout.position import Rollout
    from reconciler.cost.advice import Spread
    from reconciler.engine.session import Session
    from reconciler.kinds.run_service.rollouts import Going


_P95 = Decimal("0.95")
_WEEK, _MINUTE = timedelta(days=7), timedelta(minutes=1)
_IN_STEPS = frozenset({Strategy.CANARY, Strategy.BLUE_GREEN})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the rollout of one service is.

    Args:
        service: Its name.
        address: Of its Cloud Run service.
        going: Where it is and what is next; None where a version goes out in one write.
        rollout: Where it is, also of versions that go out in one write; None where there is nothing yet.
        starts: How long instances of the candidate and of the stable version took to start in the last week, in
            milliseconds; of a version that started none, nothing.
        starts_unknown: Why that is not known; empty where it is, or was not looked at.
    """

    service: str
    address: Address
    going: Going | None
    rollout: Rollout | None
    starts: Mapping[str, Spread] = field(default_factory=dict)
    starts_unknown: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        head = {"service": self.service, "region": self.address.location}
        if self.going is None:
            return {**head, "phase": None}
        rollout, step = self.going.rollout, self.going.step
        return {
            **head,
            "phase": str(rollout.phase),
            "step": rollout.number,
            "percent": rollout.percent,
            "version": subject(rollout),
            "candidate": rollout.candidate.revision if rollout.candidate else None,
            "stable": rollout.stable.revision if rollout.stable else None,
            "wait": str(step.wait) if step.wait else None,
            "why": step.told,
            "refused": step.refused or None,
            "ends": step.ends.isoformat(timespec="seconds") if step.ends else None,
            "gates": [
                {"gate": each.gate, "verdict": str(each.verdict), "why": each.why, "samples": each.samples}
                for each in step.judged
            ],
            "checks": told_checks(self),
            "starts": {
                "unknown": self.starts_unknown or None,
                **{name: _start(spread) for name, spread in self.starts.items()},
            },
            "rejected": [
                {"version": each.version, "why": each.why, "at": each.at.isoformat(timespec="seconds")}
                for each in rollout.rejected
                if not each.cleared
            ],
        }


def told_checks(standing: Standing) -> list[dict[str, str]]:
    """Say what came of what a version is asked before any traffic, while that matters."""
    if standing.going is None or standing.going.rollout.phase not in ON_ITS_WAY:
        return []
    words = {True: "Pass", False: "Fail", None: "Waiting"}
    checks = standing.going.step.checks
    return [{"check": name, "verdict": words[each.passed], "why": each.why} for name, each in sorted(checks.items())]


def _start(spread: Spread) -> dict[str, Any]:
    """Give how long starts took as plain data: a percentile is the upper bound of its bucket."""
    return {"count": spread.count, "meanMs": round(spread.mean), "p95Ms": _whole(spread.below(_P95))}


def _whole(number: Decimal | None) -> int | None:
    return None if number is None else round(number)


def with_starts(session: Session, found: Sequence[Standing]) -> list[Standing]:
    """Add how long instances of versions on their way took to start, beside those of the stable one: one list for all.

    Args:
        session: The run's means.
        found: Where rollouts are.
    """
    going = [each for each in found if each.going is not None and each.going.rollout.phase in ON_ITS_WAY]
    if not going:
        return list(found)
    now = session.clock.now().replace(second=0, microsecond=0)
    try:
        spreads, why = Series(session.connection, now - _WEEK, now).distributions(STARTS), ""
    except errors.ReconcilerError as error:
        spreads, why = {}, error.message
    return [replace(each, starts=_of(each, spreads), starts_unknown=why) if each in going else each for each in found]


def _of(standing: Standing, spreads: Mapping[tuple[str, str, str], Spread]) -> dict[str, Spread]:
    rollout, address = standing.rollout, standing.address
    pair = {"candidate": rollout.candidate, "stable": rollout.stable} if rollout is not None else {}
    return {
        name: spread
        for name, version in pair.items()
        if version and (spread := spreads.get((address.location, address.name, version.revision)))
    }


def standings(planned: Planned, kinds: Any) -> list[Standing]:
    """Tell where each planned service's rollout is."""
    kind, found = kinds.primary, []
    for address, want in sorted(planned.wants.items(), key=lambda item: str(item[0])):
        if address.kind == kind.name:
            seen = planned.seen.get(address)
            if seen is None or seen.hidden:
                found.append(Standing(want.service, address, None, None))
                continue
            asked = asked_of(kind, want, seen, planned.owners[address])
            found.append(Standing(want.service, address, rollout_of(asked, seen), located(asked, seen)))
    return found


def with_forecasts(session: Session, planned: Planned) -> Planned:
    """Add to a plan how long the rollouts will take that it begins, if requests come as they did in the last week.

    One list for all of them; none where none begins. A plan does not fail where it cannot be read.

    Args:
        session: The run's means.
        planned: The plan.
    """
    moving = {change.address for change in planned.plan.pending}
    begun = [each for each in standings(planned, session.kinds) if each.address in moving and _begins(each)]
    if not begun:
        return planned
    until = session.clock.now() - LATE
    try:
        counts, why = totals(session.connection, COUNT, until - _WEEK, until), ""
    except errors.ReconcilerError as error:
        counts, why = {}, error.message
    found = [
        Note(each.service, f"rollout: {_foreseen(each, counts, why, until, planned)}", "rollout") for each in begun
    ]
    return replace(planned, plan=replace(planned.plan, notes=(*planned.plan.notes, *found)))


def _begins(standing: Standing) -> bool:
    """Tell whether a rollout begins whose gates wait for requests."""
    if standing.going is None or not standing.going.step.create:
        return False
    policy = standing.going.rollout.policy
    return policy.strategy in _IN_STEPS and policy.gated and bool(policy.steps or policy.bake_s)


def _foreseen(
    standing: Standing, counts: Mapping[tuple[str, str], Any], why: str, until: datetime, planned: Planned
) -> str:
    if why or standing.rollout is None:
        return f"how long it takes is not known: {why}"
    address = standing.address
    made = planned.seen[address].output["made"]
    lasted = min(_WEEK, max(until - made, _MINUTE)) / _MINUTE
    return takes_words(standing.rollout.policy, float(counts.get((address.location, address.name), 0)) / lasted)


def order_of(
    standing: Standing, verb: str, session: Session, *, version: str | None = None, step: int | None = None, **more: Any
) -> Order:
    """Make an order.

    Args:
        standing: Where the rollout is.
        verb: What is asked.
        session: For who asks, the time, and to tell one order from the next.
        version: That its author means; None for the one that it is about now.
        step: That its author means; None for the one that is on.
        more: Further words of the order.

    Raises:
        UsageError: There is nothing yet that it could be about.
    """
    rollout = standing.rollout
    if rollout is None:
        where = f"{standing.service} in {standing.address.location}"
        raise errors.UsageError(f"{where} is not there yet, or may not be looked at", hint="`mlservice plan` says more")
    return Order(
        verb,
        about(rollout, verb) if version is None else version,
        rollout.number if step is None else step,
        session.holder.partition(" pid ")[0],
        session.clock.now(),
        session.run_id,
        **more,
    )


def refusal_of(standing: Standing, order: Order) -> str:
    """Say why an order would not be carried out; nothing where it would.

    Args:
        standing: Where the rollout is.
        order: What is asked.
    """
    if standing.rollout is None:
        return "there is nothing yet"
    return refusal(standing.rollout, order) or in_the_way(standing.rollout, order)


def leave(session: Session, planned: Planned, standing: Standing, order: Order) -> Order:
    """Leave an order beside the traffic, for the next pass, but where one waits there that asks the same.

    An order of somebody else that waits is in the way (`refusal_of`), and one that is left meanwhile a conflict.

    Args:
        session: The run's means.
        planned: What was read.
        standing: Of the service.
        order: What is asked; it is not refused.

    Returns:
        The order that stands there now.

    Raises:
        Conflict: Somebody wrote the service meanwhile.
    """
    first = waiting(standing.rollout) if standing.rollout is not None else None
    if first is not None and says_as_much(first, order):
        return first
    session.client(session.kinds.primary).annotate(planned.seen[standing.address], {ORDER: as_annotation(order)})
    return order


def serves_as(planned: Planned, now: Planned, address: Address) -> bool:
    """Tell whether requests of a service go where a plan would have sent them.

    Args:
        planned: The plan.
        now: What was read since.
        address: Of its Cloud Run service.
    """
    meant = next((change.desired for change in planned.plan.changes if change.address == address), None)
    seen = now.seen.get(address)
    return meant is not None and seen is not None and shares_of(plain(seen.fields)) == shares_of(meant)
