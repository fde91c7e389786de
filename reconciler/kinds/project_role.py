"""A role of the service's own account on the project, under a condition that narrows it to what the spec needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.address import GLOBAL, Address
from reconciler.core.kind import Desired, Kind
from reconciler.gcp.policy import Grant
from reconciler.kinds import service_account
from reconciler.kinds.grant import GrantClient, RoleGrant, words
from reconciler.kinds.model_artifact import location_of

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

VIEWER = "roles/storage.objectViewer"


def addresses_of(service: MLService, facts: Facts) -> frozenset[Address]:
    """Give the addresses that the running service depends on."""
    return frozenset(want.address for want in desired(service, facts))


def desired(service: MLService, facts: Facts) -> Iterator[Desired[RoleGrant]]:
    """Want read access to the model's bucket, for an account of our making."""
    account = service_account.address_of(service)
    place = location_of(service, facts)
    if account is None or place is None:
        return
    member = f"serviceAccount:{service_account.email_of(service, facts)}"
    name = words(VIEWER, member, f"mlservice-{place.bucket}")
    yield Desired(
        Address("project_role", GLOBAL, name),
        RoleGrant(_may_read(place.bucket, place.below)),
        service.name,
        needs=frozenset({account}),
    )


def _may_read(bucket: str, below: str) -> str:
    """Write the condition: objects below a prefix, and listing the bucket.

    Source:
        Resource names in conditions, cloud.google.com/iam/docs/conditions-resource-attributes: listing is asked of
        the bucket, reading of the object.
    """
    whole = f"projects/_/buckets/{bucket}"
    return f'resource.name == "{whole}" || resource.name.startsWith("{whole}/objects/{below}")'


def _grant(address: Address) -> Grant:
    role, member, title = address.name.split(" ")
    return Grant(role, member, title)


def connect(connection: Connection) -> GrantClient:
    """Build the client."""
    return GrantClient(
        api=connection.client("google.cloud.resourcemanager_v3", "projects", "Projects"),
        resource=lambda _: f"projects/{connection.project}",
        grant=_grant,
    )


KIND = Kind(
    name="project_role",
    title="project role",
    fields=RoleGrant,
    desired=desired,
    connect=connect,
    read_together=service_account.all_together,
    anonymous=True,
    marked=False,
    # A revision that still runs may read its model from the bucket before: the role goes with the service.
    retained=True,
    serial=True,
)
