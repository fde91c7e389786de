"""Rollouts of services as they are, and orders of people about them: left beside the traffic, for the next pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.address import Address
from reconciler.core.decide import asked_of
from reconciler.core.errors import UsageError
from reconciler.core.rollout.orders import about, refusal, subject
from reconciler.core.rollout.position import ON_ITS_WAY
from reconciler.core.rollout.record import ORDER, Order, as_annotation
from reconciler.kinds.run_service.refining import rollout_of

if TYPE_CHECKING:
    from reconciler.core.planned import Planned
    from reconciler.engine.session import Session
    from reconciler.kinds.run_service.rollouts import Going


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the rollout of one service is.

    Args:
        service: Its name.
        address: Of its Cloud Run service.
        going: Where it is and what is next; None where a version goes out in one write.
    """

    service: str
    address: Address
    going: Going | None

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
            "why": step.why,
            "refused": step.refused or None,
            "ends": step.ends.isoformat(timespec="seconds") if step.ends else None,
            "gates": [
                {"gate": each.gate, "verdict": str(each.verdict), "why": each.why, "samples": each.samples}
                for each in step.judged
            ],
            "checks": told_checks(self),
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


def standings(planned: Planned, kinds: Any) -> list[Standing]:
    """Tell where each planned service's rollout is."""
    kind, found = kinds.primary, []
    for address, want in sorted(planned.wants.items(), key=lambda item: str(item[0])):
        if address.kind == kind.name:
            seen = planned.seen.get(address)
            asked = asked_of(kind, want, seen, planned.owners[address]) if seen and not seen.hidden else want
            found.append(Standing(want.service, address, rollout_of(asked, seen)))
    return found


def give(session: Session, planned: Planned, standing: Standing, order: Order) -> None:
    """Leave an order beside the traffic.

    Args:
        session: The run's means.
        planned: What was read.
        standing: Of the service; it has a rollout.
        order: What is asked.

    Raises:
        UsageError: It would not be carried out, in words.
        Conflict: Somebody wrote the service meanwhile.
    """
    if standing.going is not None and (why := refusal(standing.going.rollout, order)):
        raise UsageError(why, hint="`mlservice rollout` shows where it is")
    session.client(session.kinds.primary).annotate(planned.seen[standing.address], {ORDER: as_annotation(order)})


def order_of(standing: Standing, verb: str, by: str, session: Session, **more: Any) -> Order:
    """Make an order about what a person just saw.

    Args:
        standing: Where the rollout is.
        verb: What is asked.
        by: Who asks.
        session: For the time, and to tell one order from the next.
        more: Further words of the order.

    Raises:
        UsageError: There is no rollout.
    """
    if standing.going is None:
        raise UsageError(f"{standing.service} has no rollout: its versions go out at once")
    rollout = standing.going.rollout
    return Order(verb, about(rollout, verb), rollout.number, by, session.clock.now(), session.run_id, **more)
