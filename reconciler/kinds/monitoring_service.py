"""Cloud Monitoring's services: what the objectives of a service are of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Flow, Group
from reconciler.core.kind import Kind, Permissions, Roles, by_project
from reconciler.core.naming import fingerprint, mark_labels, mark_of
from reconciler.core.objects import Desired, Holder, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.kinds import monitoring_notification_channel as channels

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

NAME = "monitoring_service"
PACKAGE = "google.cloud.monitoring_v3"
_MASK = {"display_name": "display_name", "labels": "user_labels"}
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class MonitoringService:
    """The fields we manage. Every other field of the live service is left as found.

    Args:
        display_name: For people.
        labels: Its `userLabels`: ours; others may add theirs.
    """

    display_name: str
    labels: Mapping[str, str]


def address_of(service: MLService) -> Address:
    """Give the address of a service's. Its id is ours; a region has two words, so no two services share one."""
    return Address(NAME, GLOBAL, f"{service.name}-{service.spec.region}")


def promises(service: MLService) -> bool:
    """Tell whether callers are promised anything."""
    slo = service.spec.monitoring.slo if service.spec.monitoring else None
    return slo is not None and (slo.availability is not None or slo.latency_p95_ms is not None)


def desired(service: MLService, facts: Facts) -> Iterator[Desired[MonitoringService]]:
    """Want one where callers are promised something."""
    del facts
    if promises(service):
        labels = {**service.labels, **mark_labels(service.name)}
        fields = MonitoringService(f"{service.name} in {service.spec.region}", labels)
        yield Desired(address_of(service), fields, service.name)


class MonitoringServiceClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.client(PACKAGE, "service_monitoring_service", "ServiceMonitoringService")
        self._types = types_module(PACKAGE, "service")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[MonitoringService]]:
        """List the project's services."""
        wanted = {address.name: address for address in addresses}
        with calling("list", f"{NAME}/{GLOBAL}"):
            request = {"parent": f"projects/{self._project}", "page_size": _PAGE}
            found = list(self._api.list_services(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in found:
            address = wanted.get(live.name.rpartition("/")[2])
            if address:
                yield _observed(address, live)

    def create(self, want: Desired[MonitoringService]) -> None:
        """Create it; synchronous. A custom one: what it counts is said by its objectives."""
        made = _written(self._types.Service(custom={}), want.fields)
        with calling("create", want.address):
            request = {"parent": f"projects/{self._project}", "service_id": want.address.name, "service": made}
            self._api.create_service(request=request, timeout=CALL_TIMEOUT_S)

    def update(
        self,
        want: Desired[MonitoringService],
        seen: Observed[MonitoringService],
        changes: tuple[FieldChange, ...],
    ) -> None:
        """Write the changed fields."""
        made = _written(type(seen.live)(seen.live), want.fields)
        for key in gone_keys(changes, "labels"):
            made.user_labels.pop(key, None)
        paths = sorted({_MASK[change.field] for change in changes})
        with calling("update", want.address):
            request = {"service": made, "update_mask": {"paths": paths}}
            self._api.update_service(request=request, timeout=CALL_TIMEOUT_S)

    def holders(self, seen: Sequence[Observed[MonitoringService]]) -> Iterator[Holder]:
        """Give the objectives, of whomever, of these services: one is not deleted while it has any."""
        for each in seen:
            request = {"parent": each.live.name, "page_size": _PAGE}
            with suppress(errors.NotFoundError), calling("list the objectives of", each.address):
                found = self._api.list_service_level_objectives(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
                for live in list(found):
                    title = live.display_name or live.name.rpartition("/")[2]
                    yield Holder(each.address, live.name, "objective", title)

    def delete(self, seen: Observed[MonitoringService]) -> None:
        """Delete it."""
        try:
            with calling("delete", seen.address):
                self._api.delete_service(request={"name": seen.live.name}, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return


def _observed(address: Address, live: Any) -> Observed[MonitoringService]:
    labels = dict(live.user_labels)
    return Observed(
        address,
        MonitoringService(live.display_name, labels),
        version=fingerprint(type(live).to_dict(live)),
        mark=mark_of(labels),
        output={"name": live.name},
        live=live,
    )


def _written(live: Any, fields: MonitoringService) -> Any:
    live.display_name = fields.display_name
    live.user_labels.update(fields.labels)
    return live


def flows(want: Desired[MonitoringService], service: MLService, project: str) -> Iterator[Flow]:
    """Say what is counted."""
    del project
    yield Flow(Address("run_service", service.spec.region, service.name), want.address, "metrics")


KIND = Kind(
    name=NAME,
    title="monitored service",
    fields=MonitoringService,
    desired=desired,
    connect=MonitoringServiceClient,
    paid=paid.NOTHING,
    group=Group.MONITORING,
    flows=flows,
    permissions=Permissions(
        read=("monitoring.services.list", "monitoring.slos.list"),
        write=tuple(f"monitoring.services.{verb}" for verb in ("create", "update", "delete")),
    ),
    apis=("monitoring.googleapis.com",),
    roles=Roles(read=("roles/monitoring.viewer",), write=("roles/monitoring.servicesEditor",)),
    holders=MonitoringServiceClient.holders,
    read_together=by_project,
    lane=channels.in_turn,
    # There is no etag, and a mask of labels writes all of them.
    fenced=False,
    keyed=frozenset({"labels"}),
)
