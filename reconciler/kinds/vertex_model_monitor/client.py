"""Model monitors over Vertex AI's REST API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core.naming import fingerprint, noted
from reconciler.core.objects import Desired, Holder, Observed
from reconciler.gcp.calls import calling
from reconciler.gcp.vertex import Vertex
from reconciler.kinds.vertex_model_monitor.messages import monitor_of, monitor_to_json
from reconciler.kinds.vertex_model_monitor.record import VERSION, ModelMonitor

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.connection import Connection

_MASK = {
    "display_name": "displayName",
    "features": "modelMonitoringSchema",
    "predictions": "modelMonitoringSchema",
    "training": "trainingDataset",
    "objective": "tabularObjective",
    "log": "notificationSpec",
}
_REQUEST, _OF_MONITORS = "createModelMonitoringJobRequest", "create_model_monitoring_job_request:*"
"""What a schedule of a monitor has and no other, as a field and as a filter."""


class ModelMonitorClient:
    """Thin and idempotent."""

    def __init__(self, connection: Connection) -> None:
        self._vertex = Vertex(connection, "modelMonitors", VERSION)
        self._schedules = Vertex(connection, "schedules", VERSION)

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[ModelMonitor]]:
        """List the monitors of one region."""
        return (_observed(address, live) for address, live in self._vertex.picked(addresses))

    def create(self, want: Desired[ModelMonitor]) -> None:
        """Create it, and wait until it is there."""
        at = want.address
        place = self._vertex.place(at.location)
        body = monitor_to_json(want.fields, place, {})
        with calling("create", at):
            patience_s = self._vertex.patience_s
            path = f"{place}/modelMonitors"
            self._vertex.api(at.location).write("POST", path, body, patience_s=patience_s, modelMonitorId=at.name)

    def update(
        self, want: Desired[ModelMonitor], seen: Observed[ModelMonitor], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the changed parts. A part that is named is written whole, with what others set in it."""
        at, patience_s = want.address, self._vertex.patience_s
        body = monitor_to_json(want.fields, self._vertex.place(at.location), _left(seen, changes))
        mask = ",".join(sorted({_MASK[change.field] for change in changes}))
        with calling("update", at):
            self._vertex.api(at.location).write(
                "PATCH", self._vertex.name(at), body, patience_s=patience_s, updateMask=mask
            )

    def holders(self, seen: Sequence[Observed[ModelMonitor]]) -> Iterator[Holder]:
        """Give the schedules, of whomever, of these monitors: one is not deleted while it has any."""
        monitors = {(each.address.location, each.address.name): each.address for each in seen}
        for location in sorted({each.address.location for each in seen}):
            for live in self._schedules.listed("vertex_schedule", location, filter=_OF_MONITORS):
                monitor = str(live.get(_REQUEST, {}).get("parent", "")).rpartition("/")[2]
                if address := monitors.get((location, monitor)):
                    yield Holder(address, str(live["name"]), "schedule", str(live.get("displayName", "")))

    def delete(self, seen: Observed[ModelMonitor]) -> None:
        """Delete it, with its jobs and what they found. One that somebody's schedule is of is refused."""
        self._vertex.delete(seen.address, self._vertex.name(seen.address))


def _left(seen: Observed[ModelMonitor], changes: tuple[FieldChange, ...]) -> dict[str, Any]:
    """Give what is there, without the objectives of ours that may have to go."""
    left = dict(seen.live)
    if any(change.field == "objective" for change in changes):
        ours = ("featureDriftSpec", "predictionOutputDriftSpec")
        theirs = left.get("tabularObjective", {})
        left["tabularObjective"] = {name: value for name, value in theirs.items() if name not in ours}
    return left


def _observed(address: Address, live: dict[str, Any]) -> Observed[ModelMonitor]:
    fields = monitor_of(live)
    return Observed(
        address,
        fields,
        uid=str(live.get("createTime", "")),
        version=fingerprint(live),
        mark=noted(fields.display_name),
        output={"name": live["name"]},
        live=live,
    )
