"""What the dashboard shows of money: measured time and requests, each times its list price, beside the budget.

Charts of filters know no factor: these are in PromQL. Prices are those that come with this version, and never those
that somebody read anew, or two machines would want two dashboards. As in estimates nothing free is taken off.

Source:
    https://cloud.google.com/monitoring/promql/promql-mapping: how Cloud Monitoring's metrics and resources are called.
    https://cloud.google.com/run/pricing: what is billed by instance, and what by request.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from reconciler.cost.amounts import MONTH_H, Amounts
from reconciler.cost.estimate import CURRENCY
from reconciler.cost.lines import Pricing
from reconciler.cost.prices import packaged
from reconciler.cost.shape import shape_of
from reconciler.kinds.monitoring_dashboard.record import AREA, LIMIT, Shown

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from reconciler.cost.lines import Line
    from schemas import MLService
    from schemas.sections.budget import Budget

_INSTANCES, _REQUESTS = "run_googleapis_com:container_billable_instance_time", "run_googleapis_com:request_count"
_HOUR_S = 3600
_ONE = Amounts.same(1)


def costs(service: MLService, facts: Facts) -> Iterator[tuple[str, tuple[Shown, ...]]]:
    """Show what the service costs: an hour, and in the last 30 days."""
    del facts
    parts, budget = list(_parts(service)), _in_dollars(service.spec.budget)
    even = [Shown(LIMIT, "budget, evenly over the month", limit=round(float(budget / MONTH_H), 6))] if budget else []
    whole = [Shown(LIMIT, "budget of a month", limit=float(budget))] if budget else []
    yield (
        "Cost of an hour, in USD at list prices",
        (*(_shown(text, f"sum(rate({of}[5m]))", usd * _HOUR_S) for text, of, usd in parts), *even),
    )
    yield (
        "Cost of the last 30 days, in USD at list prices",
        (*(_shown(text, f"sum(increase({of}[30d]))", usd) for text, of, usd in parts), *whole),
    )


def _parts(service: MLService) -> Iterator[tuple[str, str, Decimal]]:
    """Give what is paid for: its name, the series of it, and US dollars of one."""
    shape = shape_of(service)
    pricing, instances = Pricing(packaged(), shape.region), shape.instances
    selected = (
        f'{{monitored_resource="cloud_run_revision",service_name="{service.name}",location="{service.spec.region}"}}'
    )
    time, count = f"{_INSTANCES}{selected}", f"{_REQUESTS}{selected}"
    if instances.by_instance:
        lines = {line.key: line for line in pricing.by_instance(instances, _ONE)}
        gpu = lines.get("gpu")
        without = "" if gpu is None or gpu.known else f", without {instances.gpu}: no price is known"
        yield f"CPU and memory{without}", time, _usd(lines["cpu"], lines["memory"])
        if gpu is not None and gpu.known:
            yield instances.gpu, time, _usd(gpu)
        return
    lines = {line.key: line for line in pricing.by_request(instances, _ONE, Amounts(), _ONE)}
    kept = ", as if none were idle" if instances.warmest else ""
    yield f"CPU and memory{kept}", time, _usd(lines["cpu"], lines["memory"])
    yield "requests", count, _usd(lines["requests"])


def _usd(*lines: Line) -> Decimal:
    return sum((line.cost.expected for line in lines), Decimal(0))


def _shown(text: str, query: str, usd: Decimal) -> Shown:
    return Shown(AREA, text, f"{query} * {usd.normalize():f}")


def _in_dollars(budget: Budget | None) -> Decimal | None:
    """Give the amount in US dollars; None for none, and in a currency of which nobody says what a dollar is in it."""
    if budget is None or not budget.amount:
        return None
    if budget.per_usd:
        return budget.amount / Decimal(str(budget.per_usd))
    return budget.amount if budget.currency == CURRENCY else None
