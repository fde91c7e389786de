"""Who may call the Cloud Run service: one grant per member."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.address import Address
from reconciler.core.kind import Desired
from reconciler.gcp.policy import Grant
from reconciler.kinds import run_service
from reconciler.kinds.grant import GrantClient, RoleGrant, grant_kind, words
from schemas.sections.access import Authentication

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

INVOKER = "roles/run.invoker"
EVERYONE = "allUsers"


def desired(service: MLService, facts: Facts) -> Iterator[Desired[RoleGrant]]:
    """Want each invoker of the spec, and everyone where the spec says Public."""
    del facts
    access = service.spec.access
    everyone = {EVERYONE} if access.authentication is Authentication.PUBLIC else set()
    there = run_service.address_of(service)
    for member in sorted({*access.invokers, *everyone}):
        address = Address("run_invoker", service.spec.region, words(service.name, member))
        yield Desired(address, RoleGrant(), service.name, needs=frozenset({there}))


def connect(connection: Connection) -> GrantClient:
    """Build the client."""

    def resource(address: Address) -> str:
        service = address.name.split(" ", 1)[0]
        return f"projects/{connection.project}/locations/{address.location}/services/{service}"

    return GrantClient(
        api=connection.client("google.cloud.run_v2", "services", "Services"),
        resource=resource,
        grant=lambda address: Grant(INVOKER, address.name.split(" ", 1)[1]),
    )


KIND = grant_kind("run_invoker", "permission to call", desired, connect)
