"""Read access of the service's own account to each secret its spec names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.address import GLOBAL, Address
from reconciler.core.kind import Desired
from reconciler.gcp.policy import Grant
from reconciler.kinds import service_account
from reconciler.kinds.grant import GrantClient, RoleGrant, grant_kind, words

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

ACCESSOR = "roles/secretmanager.secretAccessor"


def desired(service: MLService, facts: Facts) -> Iterator[Desired[RoleGrant]]:
    """Want access to every secret, for an account of our making."""
    account = service_account.address_of(service)
    if account is None:
        return
    member = f"serviceAccount:{service_account.email_of(service, facts)}"
    for secret in sorted({reference.secret for reference in service.spec.secrets.values()}):
        address = Address("secret_accessor", GLOBAL, words(secret, member))
        yield Desired(address, RoleGrant(), service.name, needs=frozenset({account}))


def connect(connection: Connection) -> GrantClient:
    """Build the client."""

    def resource(address: Address) -> str:
        secret = address.name.split(" ", 1)[0]
        return secret if secret.startswith("projects/") else f"projects/{connection.project}/secrets/{secret}"

    return GrantClient(
        api=connection.client("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService"),
        resource=resource,
        grant=lambda address: Grant(ACCESSOR, address.name.split(" ", 1)[1]),
    )


KIND = grant_kind("secret_accessor", "access to secret", desired, connect)
