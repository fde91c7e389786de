"""What was spent, as far as it can be found out: the notices of the billing budget, and our own estimate.

Neither needs the other, and nothing needs either: what cannot be read is said, and the rest goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from reconciler.core import errors
from reconciler.core.decide import covers
from reconciler.core.inventory import Inventory
from reconciler.core.kind import Roles
from reconciler.core.ladder.deciding import Evidence
from reconciler.core.ladder.notices import NoNotice, Notice, read
from reconciler.core.ladder.period import start_of
from reconciler.cost.shape import shape_of
from reconciler.cost.spent import spent
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp import pulling
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.kinds.billing_budget import NAME as BUDGET
from reconciler.kinds.billing_budget.record import title
from schemas import MLService
from schemas.kept import BudgetBook
from schemas.sections.budget import Budget, BudgetActionKind

BILLED = "run.googleapis.com/container/billable_instance_time"
"""Seconds for which instances are billed.

Source:
    cloud.google.com/monitoring/api/metrics_gcp_p_z, run: DELTA, DOUBLE, on `cloud_run_revision`; sampled every 60 s,
    and visible some minutes later.
"""
DOLLARS = "USD"
_LEAST_S = 60
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


def gather(session: Session, service: MLService, inventory: Inventory, book: BudgetBook, pulled: Pulled) -> Evidence:
    """Find out what a service spent this month.

    Args:
        session: The run's means.
        service: Its spec.
        inventory: What is its.
        book: What is known of its budget.
        pulled: What its billing budget told.
    """
    unknown = [*pulled.unknown]
    own = _own(session, service, book, unknown)
    return Evidence(
        notices=pulled.notices,
        own=own,
        unknown=tuple(unknown),
        budget=_budget_id(inventory),
        name=title(service.name),
        hindered=_hindered(service),
    )


def acknowledge(session: Session, name: str, ack_ids: Sequence[str]) -> None:
    """Say that a service's messages were read.

    Raises:
        ApiError: That was not taken; they come again, and are known then.
    """
    with naming_roles(_PULLING):
        pulling.acknowledge(session.connection, subscription_of(session, name), ack_ids)


def subscription_of(session: Session, name: str) -> str:
    """Give the full name of the subscription that a service's notices come to."""
    return f"projects/{session.connection.project}/subscriptions/{name}-budget"


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


def pull(session: Session, name: str) -> Pulled:
    """Read every notice that waits for a service; say what cannot be read.

    Args:
        session: The run's means.
        name: Of the service, whose budget is one in whatever regions it is.
    """
    subscription, found, ids, unknown = subscription_of(session, name), list[Notice](), list[str](), list[str]()
    short = subscription.rpartition("/")[2]
    try:
        with naming_roles(_PULLING):
            for message in pulling.pull(session.connection, subscription):
                ids.append(message.ack_id)
                try:
                    found.append(read(message.id, message.published, message.attributes, message.data))
                except NoNotice as error:
                    unknown.append(f"a message of {short} is no notice: {error}")
    except errors.NotFoundError:
        unknown.append(f"what is billed is not known: there is no subscription {short}")
    except errors.ReconcilerError as error:
        unknown.append(f"what is billed is not known: {_told(error)}")
    return Pulled(tuple(found), tuple(ids), tuple(unknown))


def _own(session: Session, service: MLService, book: BudgetBook, unknown: list[str]) -> Decimal | None:
    """Estimate what the service's instances cost since the month began, in the currency of the budget."""
    budget = service.spec.budget
    rate = _rate(budget, budget.currency or book.currency) if budget else None
    if rate is None:
        unknown.append(
            "there is no estimate of our own: prices are in US dollars, and the budget is not known to be; say "
            "budget.currency, and budget.perUsd where it is another one"
        )
        return None
    now = session.clock.now()
    elapsed_s = int((now - start_of(now)).total_seconds())
    if elapsed_s < _LEAST_S:
        return None
    try:
        billed_s = _billed_s(session, service, elapsed_s)
    except errors.ReconcilerError as error:
        unknown.append(f"there is no estimate of our own: {_told(error)}")
        return None
    instances, region = shape_of(service).instances, service.spec.region
    found = spent(instances, region, billed_s, Decimal(elapsed_s))
    if found.missing and billed_s:
        unknown.append(f"our own estimate is without {', '.join(found.missing)}: no price is known in {region}")
    return found.usd * rate


def _rate(budget: Budget, currency: str) -> Decimal | None:
    """Give what a dollar is in the budget's currency; None where nobody says."""
    if currency == DOLLARS:
        return Decimal(1)
    return None if budget.per_usd is None else Decimal(str(budget.per_usd))


def _billed_s(session: Session, service: MLService, elapsed_s: int) -> Decimal:
    """Read for how many seconds instances of all revisions were billed since the month began."""
    now = session.clock.now()
    selected = (
        f'metric.type = "{BILLED}" AND resource.type = "cloud_run_revision" '
        f'AND resource.labels.service_name = "{service.name}" AND resource.labels.location = "{service.spec.region}"'
    )
    request = {
        "name": f"projects/{session.connection.project}",
        "filter": selected,
        "interval": {"start_time": start_of(now), "end_time": now},
        "aggregation": {
            "alignment_period": {"seconds": elapsed_s},
            "per_series_aligner": "ALIGN_SUM",
            "cross_series_reducer": "REDUCE_SUM",
        },
    }
    api = session.connection.client("google.cloud.monitoring_v3", "metric_service", "MetricService")
    try:
        with naming_roles(_LOOKING), calling("read", "the billed time of instances"):
            found = list(api.list_time_series(request=request, timeout=CALL_TIMEOUT_S, retry=READING))
    except errors.NotFoundError:  # no service of the project ever had an instance
        return Decimal(0)
    seconds = [point.value.double_value for line in found for point in line.points]
    return Decimal(str(round(sum(seconds), 3)))


def _told(error: errors.ReconcilerError) -> str:
    return f"{error.message}; {error.hint}" if error.hint else error.message
