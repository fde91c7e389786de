"""Dashboards over Cloud Monitoring's REST API: layouts are nested deeply, and plain JSON says them as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import GLOBAL
from reconciler.core.diff import gone_keys
from reconciler.core.naming import mark_of
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import calling
from reconciler.kinds.monitoring_dashboard.messages import dashboard_of, dashboard_to_json
from reconciler.kinds.monitoring_dashboard.record import HOST, NAME, VERSION, Dashboard

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.connection import Connection


class DashboardClient:
    """Thin and idempotent."""

    def __init__(self, connection: Connection) -> None:
        self._api = connection.rest(HOST, VERSION)
        self._parent = f"projects/{connection.project}"

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[Dashboard]]:
        """List the project's dashboards, which are told whole. Names have the project's number: the id tells one."""
        wanted = {address.name: address for address in addresses}
        with calling("list", f"{NAME}/{GLOBAL}"):
            found = list(self._api.listed(f"{self._parent}/dashboards", "dashboards", pageSize="1000"))
        for live in found:
            address = wanted.get(str(live["name"]).rpartition("/")[2])
            if address:
                yield _observed(address, live)

    def create(self, want: Desired[Dashboard]) -> None:
        """Create it; synchronous."""
        body = {"name": self._name(want.address), **dashboard_to_json(want.fields, {}, want.fields.labels)}
        with calling("create", want.address):
            self._api.post(f"{self._parent}/dashboards", body)

    def update(self, want: Desired[Dashboard], seen: Observed[Dashboard], changes: tuple[FieldChange, ...]) -> None:
        """Write it whole, as the API has it, with the etag of what was read: what was written since is refused."""
        gone = gone_keys(changes, "labels")
        labels = {key: value for key, value in seen.fields.labels.items() if key not in gone} | dict(want.fields.labels)
        body = dashboard_to_json(want.fields, seen.live, labels)
        with calling("update", want.address):
            self._api.patch(self._name(want.address), body)

    def delete(self, seen: Observed[Dashboard]) -> None:
        """Delete it."""
        try:
            with calling("delete", seen.address):
                self._api.delete(self._name(seen.address))
        except errors.NotFoundError:
            return

    def _name(self, address: Address) -> str:
        return f"{self._parent}/dashboards/{address.name}"


def _observed(address: Address, live: Mapping[str, Any]) -> Observed[Dashboard]:
    fields = dashboard_of(live)
    return Observed(
        address,
        fields,
        version=str(live.get("etag", "")),
        mark=mark_of(fields.labels),
        output={"name": live["name"]},
        live=live,
    )
