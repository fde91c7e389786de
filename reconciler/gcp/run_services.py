"""Which Cloud Run services there are in a region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection


def service_names(connection: Connection, region: str) -> list[str]:
    """List the names of all services of a region, in one call per 500."""
    api: Any = connection.client("google.cloud.run_v2", "services", "Services")
    with calling("list", f"run_service/{region}"):
        request = {"parent": f"projects/{connection.project}/locations/{region}", "page_size": 500}
        listed = api.list_services(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
        return sorted(live.name.rpartition("/")[2] for live in listed)
