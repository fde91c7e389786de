"""What was measured of services, and what is advised by it: a dozen lists for a project, whatever it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.diff import plain
from reconciler.core.inventory import Key
from reconciler.core.kind import Roles
from reconciler.core.objects import Observed
from reconciler.cost.advice import Advice, Measured, Spread, advise
from reconciler.cost.measured import Use
from reconciler.cost.shape import Instances, Shape, shape_of
from reconciler.cost.usage import usage_of
from reconciler.engine.session import Session, naming_roles
from reconciler.engine.use import read_use, until_now
from reconciler.gcp.run_series import CPU, DISTRIBUTIONS, GPU, MEMORY, REQUESTS, STARTS, Series
from reconciler.gcp.run_sizes import Sized, sizes_in
from schemas import LoadedService
from schemas.sections.resources import ScalingMode

ROLES = Roles(read=("roles/monitoring.viewer", "roles/run.viewer"))
_MINUTE_S = 60
_ALL = Decimal(1)
_SHARES = frozenset({MEMORY, CPU, GPU})
"""Of what an instance has: none is above all of it, whatever bucket it is in."""


@dataclass(frozen=True, slots=True)
class Advised:
    """What is said of one service.

    Args:
        loaded: Its spec.
        advice: None where nothing can be said.
        measured: What it is concluded from; likewise.
        unknown: Why nothing can be said; empty where it can.
        unread: It may be that something could be said: what it takes cannot be read.
    """

    loaded: LoadedService
    advice: Advice | None = None
    measured: Measured | None = None
    unknown: str = ""
    unread: bool = False


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a project.

    Args:
        since: When it begins.
        until: When it ends.
        uses: By region and name.
        spreads: By metric, then by region, service and revision.
        most: Instances at once, by region and name.
        busiest: Of them those with requests.
        classes: Requests by class of their code.
        sizes: By region, service and revision.
    """

    since: datetime
    until: datetime
    uses: Mapping[Key, Use]
    spreads: Mapping[str, Mapping[tuple[str, str, str], Spread]]
    most: Mapping[Key, int]
    busiest: Mapping[Key, int]
    classes: Mapping[Key, Mapping[str, int]]
    sizes: Mapping[str, Mapping[str, Mapping[str, Sized]]]


def read_advice(session: Session, services: Sequence[LoadedService], span: timedelta) -> list[Advised]:
    """Read what services of one project took, and say what of them is larger or smaller than that needs.

    Args:
        session: The run's means.
        services: Of its project.
        span: How long ago it begins.

    Raises:
        ApiError: It cannot be read.
    """
    kind = session.kinds.primary.name
    seen = session.observe({Address(kind, each.region, each.name): "" for each in services})
    live = {(address.location, address.name): one for address, one in seen.items()}
    made = {key: one.output["made"] for key, one in live.items() if one.output["made"]}
    if not made:
        return [_advised(session, each, None, None) for each in services]
    read = _read(session, made, span)
    return [_advised(session, each, live.get((each.region, each.name)), read) for each in services]


def unread(services: Sequence[LoadedService], error: errors.ReconcilerError) -> list[Advised]:
    """Say of services of a project why it cannot be read."""
    why = f"{error.message}; {error.hint}" if error.hint else error.message
    return [Advised(each, unknown=why, unread=True) for each in services]


def _read(session: Session, made: Mapping[Key, datetime], span: timedelta) -> _Read:
    until = until_now(session)
    series = Series(session.connection, until - span, until)
    regions = sorted({region for region, _ in made})
    with naming_roles(ROLES):
        uses = read_use(session, made, span)
        spreads = session.pool.gather([partial(series.distributions, metric) for metric in DISTRIBUTIONS])
        most, busiest = session.pool.gather([partial(series.instances, busy=busy) for busy in (False, True)])
        classes = series.requests()
        sizes = session.pool.gather([partial(sizes_in, session.connection, region) for region in regions])
    by_metric = dict(zip(DISTRIBUTIONS, spreads, strict=True))
    by_region = dict(zip(regions, sizes, strict=True))
    return _Read(series.since, until, uses, by_metric, most, busiest, classes, by_region)


def _advised(session: Session, loaded: LoadedService, seen: Observed[Any] | None, read: _Read | None) -> Advised:
    if seen is None or read is None:
        return Advised(loaded, unknown="it does not run")
    use = read.uses.get((loaded.region, loaded.name))
    if use is None:
        return Advised(loaded, unknown="it runs for less than a minute")
    wanted = shape_of(loaded.service)
    live = session.kinds.primary.paid.sized(wanted, plain(seen.fields))
    shape = _as_written(wanted, live)
    measured = _measured(loaded, seen, read, use)
    measured = replace(
        measured,
        apart=measured.apart or _other_sizes(wanted.instances, live.instances),
        numbers_apart=_other_numbers(loaded),
    )
    return Advised(loaded, advise(shape, usage_of(loaded.service.spec), measured), measured)


def _as_written(wanted: Shape, live: Shape) -> Shape:
    """Give the shape with numbers of instances as the spec has them, and sizes as they run: those were measured."""
    written = wanted.instances
    numbers = replace(live.instances, least=written.least, most=written.most, windows=written.windows)
    return replace(live, instances=numbers)


def _other_sizes(wanted: Instances, live: Instances) -> str:
    def sizes(of: Instances) -> tuple[Any, ...]:
        return of.cpu_millis, of.memory_mib, of.gpu, of.concurrency

    return "" if sizes(wanted) == sizes(live) else "it runs with other sizes than its spec has: apply that first"


def _other_numbers(loaded: LoadedService) -> str:
    scaling = loaded.service.spec.scaling
    if scaling.mode is ScalingMode.MANUAL:
        return "there are as many as scaling.instances says"
    if scaling.revision_min_instances or scaling.service_max_instances:
        return "revisionMinInstances or serviceMaxInstances says how many there are, too"
    return ""


def _measured(loaded: LoadedService, seen: Observed[Any], read: _Read, use: Use) -> Measured:
    """Add up what was measured of all revisions whose instances are as large as those that serve."""
    key = (loaded.region, loaded.name)
    sizes = read.sizes.get(loaded.region, {}).get(loaded.name, {})
    runs = seen.output["runs"]
    serving = max(runs.serving, key=lambda name: runs.serving[name], default=runs.latest)
    now = sizes.get(serving)
    if now is None:
        return Measured(use, 0, apart="the revision that serves is not there")
    alike = {name: each for name, each in sizes.items() if each.alike == now.alike}
    begun = max(read.since, min(each.made for each in alike.values()))
    span_s = max(0, int((read.until - begun).total_seconds()))
    spreads = {metric: _together(found, key, alike, metric) for metric, found in read.spreads.items()}
    memory, minutes = spreads[MEMORY], span_s // _MINUTE_S
    return Measured(
        use,
        span_s,
        memory,
        spreads[CPU],
        spreads[GPU],
        spreads[REQUESTS],
        spreads[STARTS],
        most=read.most.get(key),
        busiest=read.busiest.get(key, 0 if key in read.most else None),
        mean=Decimal(memory.count) / minutes if memory and minutes else None,
        by_class=read.classes.get(key, {}),
        apart=_apart(now, sizes.get(runs.latest)),
    )


def _apart(serving: Sized, latest: Sized | None) -> str:
    if serving.containers > 1:
        return "its instances have several containers: which of them takes how much is not looked at"
    if latest is not None and latest.alike != serving.alike:
        return "its newest revision has other sizes than the one that serves"
    return ""


def _together(
    found: Mapping[tuple[str, str, str], Spread], key: Key, revisions: Iterable[str], metric: str
) -> Spread | None:
    """Add up a distribution of some revisions; None where there is none."""
    whole: Spread | None = None
    for name in revisions:
        each = found.get((*key, name))
        if each is not None:
            whole = whole.joined(each) if whole else each
    return whole.bounded(_ALL) if whole and metric in _SHARES else whole
