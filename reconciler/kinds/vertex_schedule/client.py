"""Schedules of monitoring jobs over Vertex AI's REST API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core.address import Address
from reconciler.core.naming import fingerprint, noted
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import calling
from reconciler.gcp.vertex import Vertex
from reconciler.kinds.vertex_model_monitor.record import VERSION
from reconciler.kinds.vertex_schedule.record import COMPLETED, NAME, REQUEST, MonitoringSchedule, of_json, to_json

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.connection import Connection

_MASK = {"display_name": "displayName", "cron": "cron", "at_once": "maxConcurrentRunCount"}
"""Any other field is a part of the request, which is written whole; but `paused`, which has methods."""
_NEWS = ("nextRunTime", "startedRunCount", "lastScheduledRunResponse", "updateTime")
"""What a schedule tells of its runs; a run is no change of the schedule."""


class ScheduleClient:
    """Thin and idempotent."""

    def __init__(self, connection: Connection) -> None:
        self._vertex = Vertex(connection, "schedules", VERSION)

    def find(
        self, addresses: Sequence[Address], names: Mapping[Address, str]
    ) -> Iterable[Observed[MonitoringSchedule]]:
        """List the region's schedules of monitoring jobs; pick ours by name, else by monitor and mark, oldest first."""
        by_name = {name.rpartition("/")[2]: address for address, name in names.items() if name}
        by_mark = {address.name: address for address in addresses}
        location = addresses[0].location
        found = self._vertex.listed(NAME, location, filter=f"{_snake(REQUEST)}:*")
        for live in sorted(found, key=lambda each: (str(each.get("createTime")), str(each["name"]))):
            address = by_name.get(str(live["name"]).rpartition("/")[2]) or by_mark.get(_which(live))
            if address:
                yield _observed(address, live)

    def create(self, want: Desired[MonitoringSchedule]) -> str:
        """Create it; synchronous. One that is to be paused is so a moment later."""
        place, api = self._vertex.place(want.address.location), self._vertex.api(want.address.location)
        with calling("create", want.address):
            name = str(api.post(f"{place}/schedules", to_json(want.fields, place, {}))["name"])
            if want.fields.paused:
                api.post(f"{name}:pause", {})
        return name

    def update(
        self,
        want: Desired[MonitoringSchedule],
        seen: Observed[MonitoringSchedule],
        changes: tuple[FieldChange, ...],
    ) -> None:
        """Write the changed parts, and pause or resume it: runs that were missed are not made up for."""
        api, fields = self._vertex.api(want.address.location), {change.field for change in changes}
        mask = ",".join(sorted({_MASK.get(field, REQUEST) for field in fields - {"paused"}}))
        with calling("update", want.address):
            if mask:
                body = to_json(want.fields, self._vertex.place(want.address.location), seen.live)
                api.patch(seen.server_name, body, mask=mask)
            if "paused" in fields:
                verb, how = ("pause", {}) if want.fields.paused else ("resume", {"catchUp": False})
                api.post(f"{seen.server_name}:{verb}", how)

    def delete(self, seen: Observed[MonitoringSchedule]) -> None:
        """Delete it. Its jobs and what they found stay with the monitor."""
        self._vertex.delete(seen.address, seen.server_name)


def _snake(name: str) -> str:
    """Name a field as filters do."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _which(live: Mapping[str, Any]) -> str:
    """Name a schedule as addresses do: by its monitor and what it compares."""
    monitor = str(live.get(REQUEST, {}).get("parent", "")).rpartition("/")[2]
    return f"{monitor}/{str(live.get('displayName', '')).partition(' ')[0]}"


def _observed(address: Address, live: dict[str, Any]) -> Observed[MonitoringSchedule]:
    fields = of_json(live)
    return Observed(
        address,
        fields,
        uid=str(live["name"]),
        version=fingerprint({name: value for name, value in live.items() if name not in _NEWS}),
        mark=noted(fields.display_name),
        problem="it is over for good, and never runs again" if live.get("state") == COMPLETED else "",
        output={
            "name": live["name"],
            "id": str(live["name"]).rpartition("/")[2],
            "next": live.get("nextRunTime", ""),
        },
        server_name=str(live["name"]),
        live=live,
    )
