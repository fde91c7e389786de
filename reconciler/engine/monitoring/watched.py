"""Which monitor and which schedules are a service's: those of the version that serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.naming import label_value
from reconciler.engine.retraining import the_service
from reconciler.kinds.vertex_model import OWN_ENTRY
from reconciler.kinds.vertex_model_monitor.record import NAME as MONITOR
from reconciler.kinds.vertex_model_monitor.record import ordered
from reconciler.kinds.vertex_schedule import NAME as SCHEDULE
from reconciler.kinds.vertex_schedule import least_of, orders_of
from runtime.retraining.watching.measured import DRIFT, FEATURES, PREDICTIONS, PREDICTIONS_DRIFT, SKEW

if TYPE_CHECKING:
    from reconciler.core.inventory import Inventory
    from reconciler.core.objects import Observed
    from reconciler.engine.session import Session
    from reconciler.kinds.run_service.record import Runs

HOW_TO = "docs/how-to/watch-a-model.md"
_ORDER = (SKEW, DRIFT)
DEFAULT_LEAST = 1000
"""`monitoring.minSamples` where a spec has none: of schedules that an older version of this program made."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What watches a service.

    Args:
        service: Its name.
        region: Where it is.
        monitor: The monitor of the version that serves.
        schedules: By what they compare: `skew`, `drift`.
        gone: Schedules that the inventory lists and that are not there, by what they compare.
        others: Monitors of other versions that have schedules, too: an apply ended before it deleted those.
    """

    service: str
    region: str
    monitor: Observed[Any]
    schedules: Mapping[str, Observed[Any]]
    gone: tuple[str, ...] = ()
    others: tuple[Observed[Any], ...] = ()

    @property
    def name(self) -> str:
        """The monitor's full name."""
        return str(self.monitor.output["name"])

    @property
    def columns(self) -> frozenset[str]:
        """Columns that it compares: what a spec keeps out of the log is not among them."""
        return frozenset({*self.monitor.fields.features, *self.monitor.fields.predictions})

    def wanted(self, which: str) -> dict[str, dict[str, float | None]]:
        """Give the limit of each column that a schedule compares, None for none, by comparison.

        Args:
            which: The schedule, by what it compares.
        """
        objective, fields = self.schedules[which].fields.objective, self.monitor.fields
        parts = {
            FEATURES: (objective.features, fields.features),
            PREDICTIONS: (objective.predictions, fields.predictions),
        }
        found = {sort: parts[part] for sort, part in objectives(self.schedules[which]).items()}
        return {sort: limits.by_column(columns) for sort, (limits, columns) in found.items() if limits is not None}

    def orders(self, which: str) -> dict[str, dict[str, float]]:
        """Give the greatest distance of order of each column that has such a limit, by comparison.

        Args:
            which: The schedule, by what it compares.
        """
        schedule, fields = self.schedules[which], self.monitor.fields
        features, predictions = orders_of(schedule.fields.job)
        parts = {FEATURES: (features, fields.features), PREDICTIONS: (predictions, fields.predictions)}
        found = {sort: parts[part] for sort, part in objectives(schedule).items()}
        return {sort: ordered(columns, most) for sort, (most, columns) in found.items() if most is not None}


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


def values_needed(schedule: Observed[Any]) -> int:
    """Give how many values of a column tell something."""
    return least_of(schedule.fields.job) or DEFAULT_LEAST


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
    listed = _listed(inventory)
    if not listed:
        raise _unwatched(inventory)
    seen = session.observe({**listed, **{_monitor_of(a): "" for a in listed}})
    return watched_among(inventory, seen, partial(_runs, session, inventory))


def _listed(inventory: Inventory) -> dict[Address, str]:
    return {a: entry.server_name for a, entry in inventory.entries.items() if a.kind == SCHEDULE}


def watched_among(
    inventory: Inventory, seen: Mapping[Address, Observed[Any]], runs: Callable[[], Runs | None]
) -> Watched:
    """Find what watches a service among what was observed.

    Args:
        inventory: Of the service; it lists schedules.
        seen: What is there.
        runs: Tells who serves: asked for only where several versions are watched.

    Raises:
        UsageError: Its monitor is not there.
    """
    name, listed = inventory.service, _listed(inventory)
    here = [seen[each] for each in {_monitor_of(a) for a in listed if a in seen} if each in seen]
    if not here:
        raise _gone(name)
    first, *others = by_traffic(here, runs()) if len(here) > 1 else here
    ours = {compares(a): a for a in listed if _monitor_of(a) == first.address}
    there = {which: seen[ours[which]] for which in _ORDER if ours.get(which) in seen}
    return Watched(name, inventory.region, first, there, tuple(sorted({*ours} - {*there})), tuple(others))


def _runs(session: Session, inventory: Inventory) -> Runs | None:
    """Read who serves: asked for only where it decides, since it takes a role on Cloud Run."""
    service = Address(session.kinds.primary.name, inventory.region, inventory.service)
    seen = session.observe({service: ""})
    return seen[service].output["runs"] if service in seen else None


def _monitor_of(schedule: Address) -> Address:
    """Give the monitor of a schedule, by its address."""
    return Address(MONITOR, schedule.location, schedule.name.rpartition("/")[0])


def by_traffic(monitors: Sequence[Observed[Any]], runs: Runs | None) -> list[Observed[Any]]:
    """Order monitors of versions by the requests that those answer, the most first.

    Args:
        monitors: Of one service.
        runs: Its revisions, each with the version that it carries, and who serves; None where it is gone.
    """
    percent: dict[str, int] = {}
    for each in runs.revisions if runs else ():
        percent[each.version] = percent.get(each.version, 0) + (runs.serving.get(each.name, 0) if runs else 0)
    registered = {label_value(each.fields.model_version) for each in monitors if not _of_our_entry(each)}
    # The files of a service's own entry have any version that its spec says, or none.
    left = sum(share for version, share in percent.items() if version not in registered)

    def rank(monitor: Observed[Any]) -> tuple[int, str]:
        version = label_value(monitor.fields.model_version)
        return -(left if _of_our_entry(monitor) else percent.get(version, 0)), monitor.address.name

    return sorted(monitors, key=rank)


def _of_our_entry(monitor: Observed[Any]) -> bool:
    return str(monitor.fields.model).endswith(OWN_ENTRY)


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
