"""What was spent, as far as it can be found out: the notices of the billing budget, and our own estimate.

Neither needs the other, and nothing needs either: what cannot be read is said, and the rest goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from reconciler.core import errors
from reconciler.core.decide import covers
from reconciler.core.inventory import Inventory, Key
from reconciler.core.kind import Roles
from reconciler.core.ladder.deciding import Evidence
from reconciler.core.ladder.notices import NoNotice, Notice, read
from reconciler.core.ladder.period import start_of
from reconciler.cost.shape import shape_of
from reconciler.cost.spent import spent
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp import pulling
from reconciler.gcp.run_use import BILLED, totals
from reconciler.kinds.billing_budget import NAME as BUDGET
from reconciler.kinds.billing_budget.record import title
from reconciler.kinds.pubsub_pull_subscription import address_of
from schemas import MLService
from schemas.sections.budget import Budget, BudgetActionKind

DOLLARS = "USD"
_LEAST_S = 60
_PLACES = 9
"""As exact as Google's `Money` is."""
_PULLING = Roles(write=("roles/pubsub.subscriber",), on="the subscription")
_LOOKING = Roles(read=("roles/monitoring.viewer",))


@dataclass(frozen=True, slots=True)
class Pulled:
    """What waited in a subscription.

    Args:
        notices: What could be read.
        ack_ids: What says that messages were read: they come again until that is said.
        unknown: What could not be read, in sentences.
    """

    notices: tuple[Notice, ...] = ()
    ack_ids: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Billed:
    """For how long instances were billed, of every service of the project.

    Args:
        seconds: By region and name of the service.
        elapsed_s: Seconds since the month began; 0 where that is too short a time to estimate anything of.
        unknown: Why it cannot be read; empty where it can.
    """

    seconds: Mapping[Key, Decimal] = field(default_factory=dict)
    elapsed_s: int = 0
    unknown: str = ""


def read_billed(session: Session) -> Billed:
    """Read for how many seconds instances were billed since the month began: once for all services.

    Args:
        session: The run's means.
    """
    now = session.clock.now()
    elapsed_s = int((now - start_of(now)).total_seconds())
    if elapsed_s < _LEAST_S:
        return Billed()
    try:
        with naming_roles(_LOOKING):
            return Billed(totals(session.connection, BILLED, start_of(now), now), elapsed_s)
    except errors.ReconcilerError as error:
        return Billed(elapsed_s=elapsed_s, unknown=f"there is no estimate of our own: {_told(error)}")


def gather(service: MLService, inventory: Inventory, pulled: Pulled, billed: Billed) -> Evidence:
    """Say what is known of what a service spent this month.

    Args:
        service: Its spec.
        inventory: What is its.
        pulled: What its billing budget told.
        billed: For how long instances were billed.
    """
    unknown = [*pulled.unknown]
    own = _own(service, billed, unknown)
    return Evidence(
        notices=pulled.notices,
        own=own,
        unknown=tuple(unknown),
        budget=_budget_id(inventory),
        name=title(service.name),
        hindered=_hindered(service),
    )


def acknowledge(session: Session, service: MLService, ack_ids: Sequence[str]) -> None:
    """Say that a service's messages were read.

    Raises:
        ApiError: That was not taken; they come again, and are known then.
    """
    with naming_roles(_PULLING):
        pulling.acknowledge(session.connection, _subscription_of(session, service), ack_ids)


def _subscription_of(session: Session, service: MLService) -> str:
    return f"projects/{session.connection.project}/subscriptions/{address_of(service).name}"


def _budget_id(inventory: Inventory) -> str:
    found = [entry.server_name for address, entry in inventory.entries.items() if address.kind == BUDGET]
    return next((name.rpartition("/")[2] for name in found if name), "")


def _hindered(service: MLService) -> dict[str, str]:
    """Give the steps that cannot be taken, whatever is spent."""
    found = {}
    for owned in service.spec.management.externally_owned:
        if covers(owned, "scaling.minInstances"):
            found[str(BudgetActionKind.SCALE_TO_ZERO)] = f"management.externallyOwned leaves {owned} to others"
    if service.spec.retraining is None:
        found |= dict.fromkeys(
            (str(BudgetActionKind.FREEZE_RETRAINING), str(BudgetActionKind.STOP_JOBS)), "there is no retraining"
        )
    return found


def pull(session: Session, service: MLService) -> Pulled:
    """Read every notice that waits for a service in its region; say what cannot be read.

    Args:
        session: The run's means.
        service: Its spec.
    """
    subscription, found, ids, unknown = _subscription_of(session, service), list[Notice](), list[str](), list[str]()
    short, odd = subscription.rpartition("/")[2], Counter[str]()
    try:
        with naming_roles(_PULLING):
            for message in pulling.pull(session.connection, subscription):
                ids.append(message.ack_id)
                try:
                    found.append(read(message.id, message.published, message.attributes, message.data))
                except NoNotice as error:  # its sentences are ours, and few: no word of the sender's is in them
                    odd[str(error)] += 1
    except errors.NotFoundError:
        unknown.append(f"what is billed is not known: there is no subscription {short}")
    except errors.ReconcilerError as error:
        unknown.append(f"what is billed is not known: {_told(error)}")
    unknown += [f"{_messages(count)} of {short} cannot be read: {why}" for why, count in sorted(odd.items())]
    return Pulled(tuple(found), tuple(ids), tuple(unknown))


def _messages(count: int) -> str:
    return "a message" if count == 1 else f"{count} messages"


def _own(service: MLService, billed: Billed, unknown: list[str]) -> Decimal | None:
    """Estimate what the service's instances cost since the month began, in the currency of the budget."""
    rate = _rate(service.spec.budget) if service.spec.budget else None
    if rate is None:
        unknown.append(
            "there is no estimate of our own: prices are in US dollars, and the budget is not; say budget.perUsd"
        )
        return None
    if billed.unknown:
        unknown.append(billed.unknown)
    if billed.unknown or not billed.elapsed_s:
        return None
    billed_s = billed.seconds.get((service.spec.region, service.name), Decimal(0))
    instances, region = shape_of(service).instances, service.spec.region
    found = spent(instances, region, billed_s, Decimal(billed.elapsed_s))
    if found.missing and billed_s:
        unknown.append(f"our own estimate is without {', '.join(found.missing)}: no price is known in {region}")
    return round(found.usd * rate, _PLACES)


def _rate(budget: Budget) -> Decimal | None:
    """Give what a dollar is in the budget's currency; None where nobody says."""
    if budget.currency == DOLLARS:
        return Decimal(1)
    return None if budget.per_usd is None else Decimal(str(budget.per_usd))


def _told(error: errors.ReconcilerError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
