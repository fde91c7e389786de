"""Model monitors over Vertex AI's REST API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.naming import fingerprint, noted
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import calling
from reconciler.kinds.vertex_model import host
from reconciler.kinds.vertex_model_monitor.messages import monitor_of, monitor_to_json
from reconciler.kinds.vertex_model_monitor.record import NAME, VERSION, ModelMonitor

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


class ModelMonitorClient:
    """Thin and idempotent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[ModelMonitor]]:
        """List the monitors of one region."""
        wanted = {address.name: address for address in addresses}
        location = addresses[0].location
        with calling("list", f"{NAME}/{location}"):
            found = list(self._api(location).listed(f"{self._place(location)}/modelMonitors", "modelMonitors"))
        for live in found:
            name = str(live["name"]).rpartition("/")[2]
            if name in wanted:
                yield _observed(wanted[name], live)

    def create(self, want: Desired[ModelMonitor]) -> None:
        """Create it, and wait until it is there."""
        at = want.address
        place = self._place(at.location)
        body = monitor_to_json(want.fields, place, {})
        with calling("create", at):
            patience_s = self._connection.patience_s
            path = f"{place}/modelMonitors"
            self._api(at.location).write("POST", path, body, patience_s=patience_s, modelMonitorId=at.name)

    def update(
        self, want: Desired[ModelMonitor], seen: Observed[ModelMonitor], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the changed parts. A part that is named is written whole, with what others set in it."""
        at, patience_s = want.address, self._connection.patience_s
        body = monitor_to_json(want.fields, self._place(at.location), _left(seen, changes))
        mask = ",".join(sorted({_MASK[change.field] for change in changes}))
        with calling("update", at):
            self._api(at.location).write("PATCH", self._name(at), body, patience_s=patience_s, updateMask=mask)

    def delete(self, seen: Observed[ModelMonitor]) -> None:
        """Delete it, with its jobs and what they found. One that somebody's schedule is of is refused."""
        at = seen.address
        try:
            with calling("delete", at):
                self._api(at.location).write("DELETE", self._name(at), patience_s=self._connection.patience_s)
        except errors.NotFoundError:
            return

    def _api(self, region: str) -> Any:
        return self._connection.rest(host(region), VERSION)

    def _place(self, region: str) -> str:
        return f"projects/{self._connection.project}/locations/{region}"

    def _name(self, address: Address) -> str:
        return f"{self._place(address.location)}/modelMonitors/{address.name}"


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
