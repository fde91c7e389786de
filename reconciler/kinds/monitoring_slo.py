"""Cloud Monitoring's service level objectives: what callers of a service are promised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.by_hand import Beyond, heads
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Flow, Group
from reconciler.core.kind import Kind, Permissions, Roles, by_project
from reconciler.core.naming import fingerprint, mark_labels, mark_of
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.durations import seconds
from reconciler.gcp.light import types_module
from reconciler.gcp.messages import as_json
from reconciler.kinds import monitoring_notification_channel as channels
from reconciler.kinds import monitoring_service
from reconciler.kinds.monitoring_service import PACKAGE

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

NAME = "monitoring_slo"
AVAILABILITY, LATENCY = "availability", "latency"
COUNT, LATENCIES = "run.googleapis.com/request_count", "run.googleapis.com/request_latencies"
DAYS = 30
"""Over which promises are kept: the most that Google takes."""
OF_REQUESTS = 0.95
"""Which share is as fast as `latencyP95` says."""
_DAY_S = 86_400
_MASK = {"display_name": "display_name", "goal": "goal", "days": "rolling_period", "labels": "user_labels"}
"""Any other field is a part of the indicator, which is written whole."""
_PAGE = 1000
_BEYOND = Beyond(theirs=frozenset({"name", "user_labels"}))


@dataclass(frozen=True, slots=True)
class Slo:
    """The fields we manage.

    Args:
        display_name: For people.
        goal: Share of requests that are to be good.
        days: Over so many days, 1 to 30; 0 for another sort of period.
        bad: Filter of the requests that are not good; empty where good ones are fast ones.
        total: Filter of all requests; empty where good ones are fast ones.
        latencies: Filter of latencies, as distributions; empty where good ones are those that are not bad.
        fast_ms: How long a good one takes at most; 0 where that does not matter.
        labels: Its `userLabels`: ours; others may add theirs.
        by_hand: What it holds beside these: see `core.by_hand`.
    """

    display_name: str
    goal: float
    days: int
    bad: str
    total: str
    latencies: str
    fast_ms: float
    labels: Mapping[str, str]
    by_hand: Mapping[str, str] = field(default_factory=dict)


def address_of(service: MLService, which: str) -> Address:
    """Give the address of an objective, by its service's and its own id: both are ours."""
    return Address(NAME, GLOBAL, f"{monitoring_service.address_of(service).name}/{which}")


def full_name(address: Address, project: str) -> str:
    """Give an objective's name, as alerts select it."""
    parent, _, own = address.name.partition("/")
    return f"projects/{project}/services/{parent}/serviceLevelObjectives/{own}"


def goals(service: MLService) -> Mapping[str, float]:
    """Give the goal of each objective that a spec has."""
    slo = service.spec.monitoring.slo if service.spec.monitoring else None
    if slo is None:
        return {}
    found = {AVAILABILITY: slo.availability, LATENCY: OF_REQUESTS if slo.latency_p95_ms is not None else None}
    return {which: goal for which, goal in found.items() if goal is not None}


def desired(service: MLService, facts: Facts) -> Iterator[Desired[Slo]]:
    """Want an objective per promise."""
    del facts
    slo = service.spec.monitoring.slo if service.spec.monitoring else None
    there = goals(service)
    if slo is None:
        return
    if AVAILABILITY in there:
        share = f"{there[AVAILABILITY] * 100:g}%"
        bad = f'{_of(COUNT, service)} AND metric.labels.response_code_class = "5xx"'
        yield _wanted(service, AVAILABILITY, f"{share} answered without a 5xx", bad=bad, total=_of(COUNT, service))
    if LATENCY in there and slo.latency_p95_ms is not None:
        about = f"95% answered within {slo.latency_p95_ms} ms"
        yield _wanted(service, LATENCY, about, latencies=_of(LATENCIES, service), fast_ms=float(slo.latency_p95_ms))


def _wanted(
    service: MLService,
    which: str,
    about: str,
    *,
    bad: str = "",
    total: str = "",
    latencies: str = "",
    fast_ms: float = 0.0,
) -> Desired[Slo]:
    labels = {**service.labels, **mark_labels(service.name)}
    goal = goals(service)[which]
    fields = Slo(f"{service.name}: {about}", goal, DAYS, bad, total, latencies, fast_ms, labels)
    needs = frozenset({monitoring_service.address_of(service)})
    return Desired(address_of(service, which), fields, service.name, needs=needs)


def _of(metric: str, service: MLService) -> str:
    """Select what revisions of the service wrote; the resource is named, since others have the metric as well."""
    return (
        f'metric.type = "{metric}" AND resource.type = "cloud_run_revision"'
        f' AND resource.labels.service_name = "{service.name}" AND resource.labels.location = "{service.spec.region}"'
    )


class SloClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.client(PACKAGE, "service_monitoring_service", "ServiceMonitoringService")
        self._types = types_module(PACKAGE, "service")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[Slo]]:
        """List the objectives of each service: of a project's there is no list of all."""
        by_parent: dict[str, dict[str, Address]] = {}
        for address in addresses:
            name = full_name(address, self._project)
            by_parent.setdefault(name.partition("/serviceLevelObjectives/")[0], {})[name] = address
        for parent, wanted in by_parent.items():
            for live in self._listed(parent):
                if live.name in wanted:
                    yield _observed(wanted[live.name], live)

    def _listed(self, parent: str) -> list[Any]:
        request = {"parent": parent, "page_size": _PAGE}
        try:
            with calling("list", f"{NAME}/{GLOBAL}"):
                return list(
                    self._api.list_service_level_objectives(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
                )
        except errors.NotFoundError:
            return []

    def create(self, want: Desired[Slo]) -> None:
        """Create it; synchronous."""
        parent, _, own = full_name(want.address, self._project).partition("/serviceLevelObjectives/")
        made = _written(self._types.ServiceLevelObjective(), want.fields)
        with calling("create", want.address):
            request = {"parent": parent, "service_level_objective_id": own, "service_level_objective": made}
            self._api.create_service_level_objective(request=request, timeout=CALL_TIMEOUT_S)

    def update(self, want: Desired[Slo], seen: Observed[Slo], changes: tuple[FieldChange, ...]) -> None:
        """Write the changed fields."""
        made = _written(_bare(seen.live), want.fields)
        for key in gone_keys(changes, "labels"):
            made.user_labels.pop(key, None)
        ours = {_MASK.get(each.field, "service_level_indicator") for each in changes if each.field != "by_hand"}
        # One over weeks or months of the calendar is made to look at the last days: it can do only one of them.
        paths = sorted(ours | {_MASK["days"] if head == "calendar_period" else head for head in heads(changes)})
        with calling("update", want.address):
            request = {"service_level_objective": made, "update_mask": {"paths": paths}}
            self._api.update_service_level_objective(request=request, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[Slo]) -> None:
        """Delete it."""
        try:
            with calling("delete", seen.address):
                self._api.delete_service_level_objective(request={"name": seen.live.name}, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return


def from_api(live: Any) -> Slo:
    """Turn a live objective into our record; of a sort that we never write there are no filters, so that it differs."""
    found = live.service_level_indicator.request_based
    ratio, cut = found.good_total_ratio, found.distribution_cut
    fields = Slo(
        live.display_name,
        live.goal,
        seconds(live.rolling_period) // _DAY_S,
        ratio.bad_service_filter,
        ratio.total_service_filter,
        cut.distribution_filter,
        cut.range_.max_,
        dict(live.user_labels),
    )
    return replace(fields, by_hand=_BEYOND.of(as_json(live), as_json(_written(_bare(live), fields))))


def _bare(live: Any) -> Any:
    """Give an objective with what others may write of a live one."""
    return type(live)(name=live.name, user_labels=dict(live.user_labels))


def _observed(address: Address, live: Any) -> Observed[Slo]:
    return Observed(
        address,
        from_api(live),
        version=fingerprint(type(live).to_dict(live)),
        mark=mark_of(live.user_labels),
        output={"name": live.name},
        live=live,
    )


def _written(live: Any, fields: Slo) -> Any:
    live.display_name, live.goal = fields.display_name, fields.goal
    live.rolling_period = {"seconds": fields.days * _DAY_S}
    if fields.latencies:
        cut = {"distribution_filter": fields.latencies, "range_": {"min_": 0.0, "max_": fields.fast_ms}}
        live.service_level_indicator = {"request_based": {"distribution_cut": cut}}
    else:
        ratio = {"bad_service_filter": fields.bad, "total_service_filter": fields.total}
        live.service_level_indicator = {"request_based": {"good_total_ratio": ratio}}
    live.user_labels.update(fields.labels)
    return live


def flows(want: Desired[Slo], service: MLService, project: str) -> Iterator[Flow]:
    """Say whose requests are counted."""
    del project
    yield Flow(monitoring_service.address_of(service), want.address, "good and bad requests")


KIND = Kind(
    name=NAME,
    title="service level objective",
    fields=Slo,
    desired=desired,
    connect=SloClient,
    paid=paid.NOTHING,
    group=Group.MONITORING,
    flows=flows,
    acts_on=frozenset({"monitoring.slo.availability", "monitoring.slo.latencyP95"}),
    permissions=Permissions(
        read=("monitoring.slos.list",),
        write=tuple(f"monitoring.slos.{verb}" for verb in ("create", "update", "delete")),
    ),
    apis=("monitoring.googleapis.com",),
    roles=Roles(read=("roles/monitoring.viewer",), write=("roles/monitoring.servicesEditor",)),
    read_together=by_project,
    lane=channels.in_turn,
    # There is no etag, and a mask of labels writes all of them.
    fenced=False,
    keyed=frozenset({"labels"}),
    uses=frozenset({"monitoring_service"}),
)
