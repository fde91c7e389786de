"""What services cost: by their specs, and with the use that they have. What cannot be read is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core import errors
from reconciler.core.diff import plain
from reconciler.core.inventory import Key
from reconciler.cost.estimate import Estimate, estimate, estimated
from reconciler.cost.explained import explained
from reconciler.cost.measured import Use, as_measured
from reconciler.cost.shape import shape_of
from reconciler.cost.usage import usage_of
from reconciler.engine.billing import read_bill
from reconciler.engine.session import Session
from reconciler.engine.status import ServiceStatus
from reconciler.engine.use import read_use
from reconciler.kinds import bigquery_view
from schemas import LoadedService

HERE, REPORTED = "mlservice.yaml", "the last pass"


@dataclass(frozen=True, slots=True)
class Spending:
    """What one service costs a month, in US dollars, at list prices and before what is free.

    Args:
        by_spec: By its spec: `floor`, `expected`, `worst`, and what has no price; None where no spec is known.
        source: Where that spec is from; empty for none.
        use: What was counted in the last days; None where nothing is known.
        as_used: With that use, as large as it runs; None where either is not known.
        unknown: Why the use is not known; empty where it is, or there is none.
        billed: What is on the bill, as `engine.billing` gives it; None where no view of ours shows it.
    """

    by_spec: Mapping[str, Any] | None = None
    source: str = ""
    use: Use | None = None
    as_used: Mapping[str, Any] | None = None
    unknown: str = ""
    billed: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "bySpec": self.by_spec and dict(self.by_spec),
            "source": self.source,
            "use": self.use and self.use.to_json(),
            "asUsed": self.as_used and dict(self.as_used),
            "unknown": self.unknown,
            "billed": self.billed and dict(self.billed),
        }


def read_spending(
    session: Session, services: Sequence[ServiceStatus], specs: Sequence[LoadedService]
) -> dict[Key, Spending]:
    """Say what services cost: three lists for all of them, and a query where a view of ours shows the bill.

    Args:
        session: The run's means.
        services: As they are.
        specs: Those that are at hand, of this project or of none that they name.
    """
    project = session.connection.project
    known = {(each.region, each.name): each for each in specs if each.project in {None, "", project}}
    uses, unknown = _uses(session, services)
    shown = {one.inventory.service for one in services if bigquery_view.ADDRESS in one.inventory.entries}
    bill = read_bill(session, shown)
    found = {}
    for service in services:
        key = (service.inventory.region, service.inventory.service)
        spending = _spending(session, service, known.get(key), uses.get(key), unknown)
        found[key] = replace(spending, billed=bill.of(key[1])) if key[1] in shown else spending
    return found


def _uses(session: Session, services: Sequence[ServiceStatus]) -> tuple[Mapping[Key, Use], str]:
    """Read the use, or say why it cannot be read."""
    made = {
        (each.inventory.region, each.inventory.service): each.service.output["made"]
        for each in services
        if each.service and each.service.output["made"]
    }
    try:
        return read_use(session, made), ""
    except errors.ReconcilerError as error:
        return {}, f"{error.message}; {error.hint}" if error.hint else error.message


def _spending(
    session: Session, service: ServiceStatus, spec: LoadedService | None, use: Use | None, unknown: str
) -> Spending:
    reported = service.standing.cost if service.standing else None
    if spec is None:
        return Spending(reported, REPORTED if reported else "", use, unknown=unknown)
    by_spec = _amounts(estimated(spec.service))
    if use is None or service.service is None:
        return Spending(by_spec, HERE, use, unknown=unknown)
    shape = session.kinds.primary.paid.sized(shape_of(spec.service), plain(service.service.fields))
    used = estimate(spec.name, shape, as_measured(usage_of(spec.service.spec), use, shape))
    return Spending(by_spec, HERE, use, _amounts(used), unknown)


def _amounts(found: Estimate) -> dict[str, Any]:
    return {
        **found.total.shown(),
        "missing": list(dict.fromkeys(explained(each, found).title for each in found.missing)),
    }
