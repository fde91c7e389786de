"""Which monitor and which schedules are a service's: those of the version that serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.engine.retraining import the_service
from reconciler.kinds.vertex_model_monitor.record import NAME as MONITOR
from reconciler.kinds.vertex_schedule import NAME as SCHEDULE
from runtime.retraining.watching.measured import DRIFT, FEATURES, PREDICTIONS, PREDICTIONS_DRIFT, SKEW

if TYPE_CHECKING:
    from reconciler.core.inventory import Inventory
    from reconciler.core.objects import Observed
    from reconciler.engine.session import Session

HOW_TO = "docs/how-to/watch-a-model.md"
_ORDER = (SKEW, DRIFT)


@dataclass(frozen=True, slots=True)
class Watched:
    """What watches a service.

    Args:
        service: Its name.
        region: Where it is.
        monitor: The monitor of the version that serves.
        schedules: By what they compare: `skew`, `drift`.
        gone: Schedules that the inventory lists and that are not there, by what they compare.
    """

    service: str
    region: str
    monitor: Observed[Any]
    schedules: Mapping[str, Observed[Any]]
    gone: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The monitor's full name."""
        return str(self.monitor.output["name"])

    @property
    def columns(self) -> frozenset[str]:
        """Columns that it compares: what a spec keeps out of the log is not among them."""
        return frozenset({*self.monitor.fields.features, *self.monitor.fields.predictions})


def objectives(schedule: Observed[Any]) -> dict[str, str]:
    """Give what a schedule compares, as triggers call it, each with the API's word."""
    which, found = compares(schedule.address), schedule.fields.objective
    if which == SKEW:
        return {SKEW: FEATURES}
    parts = {DRIFT: (FEATURES, found.features), PREDICTIONS_DRIFT: (PREDICTIONS, found.predictions)}
    return {sort: objective for sort, (objective, limits) in parts.items() if limits is not None}


def is_watched(inventory: Inventory) -> bool:
    """Tell whether anything of a service is compared, or was: what is not there was deleted by hand."""
    return any(address.kind in {SCHEDULE, MONITOR} for address in inventory.entries)


def compares(schedule: Address) -> str:
    """Give what a schedule compares, by its address."""
    return schedule.name.rpartition("/")[2]


def watched(session: Session, name: str, region: str | None) -> Watched:
    """Find what watches a service.

    Args:
        session: The run.
        name: Of the service.
        region: Where; None for wherever it is.

    Raises:
        UsageError: There is none of that name, or one in several regions; nothing of it is compared, or not yet.
        ApiError: Something cannot be read.
    """
    return watched_of(session, the_service(session, name, region))


def watched_of(session: Session, inventory: Inventory) -> Watched:
    """Find what watches a service that is known; see `watched`."""
    name = inventory.service
    listed = {a: entry.server_name for a, entry in inventory.entries.items() if a.kind == SCHEDULE}
    if not listed:
        raise _unwatched(inventory)
    of = {Address(MONITOR, address.location, address.name.rpartition("/")[0]): "" for address in listed}
    seen = session.observe({**listed, **of})
    there = {compares(a): seen[a] for a in sorted(listed) if a in seen}
    monitor = next((seen[each] for each in sorted(of) if each in seen), None)
    if monitor is None or not there:
        raise _gone(name)
    order = [which for which in _ORDER if which in there]
    gone = tuple(sorted({compares(a) for a in listed} - {*there}))
    return Watched(name, inventory.region, monitor, {which: there[which] for which in order}, gone)


def _unwatched(inventory: Inventory) -> errors.UsageError:
    name = inventory.service
    if any(address.kind == MONITOR for address in inventory.entries):
        return _gone(name)
    return errors.UsageError(
        f"nothing of {name} is compared: its spec, as it was applied last, has no monitoring.skew, monitoring.drift, "
        "monitoring.predictionDrift or monitoring.performance",
        hint=f"add one and apply it: {HOW_TO}; where the spec has one, mlservice apply makes the monitor",
    )


def _gone(name: str) -> errors.UsageError:
    return errors.UsageError(
        f"the monitor of {name}, or every schedule of it, is not there: not made yet, or deleted by hand",
        hint="mlservice apply makes it; what was measured by a deleted monitor is gone",
    )
