"""Rollouts of services as they are, and orders of people about them: left beside the traffic, for the next pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.decide import asked_of
from reconciler.core.rollout.orders import about, refusal, subject
from reconciler.core.rollout.record import ORDER, Order, as_annotation
from reconciler.kinds.run_service.refining import located, rollout_of

if TYPE_CHECKING:
    from reconciler.core.planned import Planned
    from reconciler.core.rollout.position import Rollout
    from reconciler.engine.session import Session
    from reconciler.kinds.run_service.rollouts import Going


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the rollout of one service is.

    Args:
        service: Its name.
        address: Of its Cloud Run service.
        going: Where it is and what is next; None where a version goes out in one write.
        rollout: Where it is, also of versions that go out in one write; None where there is nothing yet.
    """

    service: str
    address: Address
    going: Going | None
    rollout: Rollout | None

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
            "rejected": [
                {"version": each.version, "why": each.why, "at": each.at.isoformat(timespec="seconds")}
                for each in rollout.rejected
                if not each.cleared
            ],
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
    return refusal(standing.rollout, order) if standing.rollout is not None else "there is nothing yet"


def leave(session: Session, planned: Planned, standing: Standing, order: Order) -> None:
    """Leave an order beside the traffic, for the next pass.

    Args:
        session: The run's means.
        planned: What was read.
        standing: Of the service.
        order: What is asked; it is not refused.

    Raises:
        Conflict: Somebody wrote the service meanwhile.
    """
    session.client(session.kinds.primary).annotate(planned.seen[standing.address], {ORDER: as_annotation(order)})
