"""What was spent, as far as it can be found out: the notices of the billing budget, and our own estimate.

Neither needs the other, and nothing needs either: what cannot be read is said, and the rest goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial

from reconciler.core import errors
from reconciler.core.decide import covers
from reconciler.core.inventory import Inventory, Key
from reconciler.core.kind import Roles
from reconciler.core.ladder.deciding import Evidence
from reconciler.core.ladder.notices import NoNotice, Notice, read
from reconciler.core.ladder.period import start_of
from reconciler.core.windows import kept_s
from reconciler.cost.shape import Instances, shape_of
from reconciler.cost.spent import Took, spent
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp import pulling
from reconciler.gcp.run_use import BILLED, LATENCIES, STARTS, counted_s, taken_s, totals
from reconciler.kinds.billing_budget import NAME as BUDGET
from reconciler.kinds.billing_budget.record import title
from reconciler.kinds.pubsub_pull_subscription import address_of
from schemas import MLService
from schemas.sections.budget import Budget, BudgetActionKind

DOLLARS = "USD"
_LEAST_S = 60
_SILENT_S = 3600
"""Nothing is billed, and instances were seen for so long: that is not the usual delay of minutes."""
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
        since: When the month began.
        until: Now; None where that is too short a time to estimate anything of.
        seconds: For how many instances were billed, by region and name of the service.
        counted: For how many they were seen, idle or not.
        taken: How many requests and starts took, each for itself.
        unknown: Why it cannot be read; empty where it can.
    """

    since: datetime | None = None
    until: datetime | None = None
    seconds: Mapping[Key, Decimal] = field(default_factory=dict)
    counted: Mapping[Key, Decimal] = field(default_factory=dict)
    taken: Mapping[Key, Decimal] = field(default_factory=dict)
    unknown: str = ""


def read_billed(session: Session) -> Billed:
    """Read for how many seconds instances were billed since the month began: once for all services.

    Args:
        session: The run's means.
    """
    now = session.clock.now()
    since = start_of(now)
    if (now - since).total_seconds() < _LEAST_S:
        return Billed()
    reads = [
        partial(totals, session.connection, BILLED, since, now),
        partial(counted_s, session.connection, since, now),
        partial(taken_s, session.connection, LATENCIES, since, now),
        partial(taken_s, session.connection, STARTS, since, now),
    ]
    try:
        with naming_roles(_LOOKING):
            seconds, counted, requests, starts = session.pool.gather(reads)
    except errors.ReconcilerError as error:
        return Billed(since, now, unknown=f"there is no estimate of our own: {_told(error)}")
    nothing = Decimal(0)
    taken = {key: requests.get(key, nothing) + starts.get(key, nothing) for key in {*requests, *starts}}
    return Billed(since, now, seconds, counted, taken)


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
    if billed.unknown or billed.since is None or billed.until is None:
        return None
    instances, region = shape_of(service).instances, service.spec.region
    took = _took(service, instances, billed, unknown, (billed.since, billed.until))
    found = spent(instances, region, took)
    if found.missing and took.billed_s:
        unknown.append(f"our own estimate is without {', '.join(found.missing)}: no price is known in {region}")
    return round(found.usd * rate, _PLACES)


def _took(
    service: MLService, instances: Instances, billed: Billed, unknown: list[str], span: tuple[datetime, datetime]
) -> Took:
    """Give for how long instances were there; of those whose billed time nobody tells, for how long they were seen."""
    key, lasted_s = (service.spec.region, service.name), Decimal(int((span[1] - span[0]).total_seconds()))
    try:
        warm_s = Decimal(kept_s(service.spec.scaling, instances.least, *span))
    except errors.UsageError:  # of a zone that this machine does not know; its plan says so
        warm_s = instances.warmest * lasted_s
    billed_s, counted = billed.seconds.get(key), billed.counted.get(key, Decimal(0))
    if billed_s is None:
        billed_s = counted if instances.by_instance else min(counted, warm_s)
        if billed_s >= _SILENT_S:
            unknown.append(
                "for how long instances were billed is not told: our own estimate is of those that were seen"
            )
    return Took(billed_s, warm_s, billed.taken.get(key, Decimal(0)))


def _rate(budget: Budget) -> Decimal | None:
    """Give what a dollar is in the budget's currency; None where nobody says."""
    if budget.currency == DOLLARS:
        return Decimal(1)
    return None if budget.per_usd is None else Decimal(str(budget.per_usd))


def _told(error: errors.ReconcilerError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
