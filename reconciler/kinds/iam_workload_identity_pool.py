"""A workload identity pool: what outside identities, such as a CI's, are known by in this project's policies.

Nobody gets anything by being in one: roles are given to who comes from it, and its providers say who does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import paid
from reconciler.core.flow import Group
from reconciler.core.kind import Kind, Permissions, Roles, by_project, for_no_service
from reconciler.core.naming import fingerprint, noted
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import calling
from reconciler.gcp.soft_deleted import SoftDeleted

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.connection import Connection

NAME = "iam_workload_identity_pool"
HOST = "iam.googleapis.com"
_WIRE = {"display_name": "displayName", "description": "description", "disabled": "disabled"}


@dataclass(frozen=True, slots=True)
class WorkloadIdentityPool:
    """The fields we manage.

    Args:
        display_name: For people, at most 32 characters.
        description: Carries our mark: pools have no labels.
        disabled: A disabled one lets nobody in.
    """

    display_name: str
    description: str
    disabled: bool


def place(project: str) -> str:
    """Give what every pool's name begins with."""
    return f"projects/{project}/locations/global/workloadIdentityPools"


class WorkloadIdentityPoolClient:
    """Thin and idempotent over IAM's REST API: Google publishes no client of it."""

    def __init__(self, connection: Connection) -> None:
        self._place = place(connection.project)
        self._api = connection.rest(HOST, "v1")
        self._kept = SoftDeleted(self._api, connection.patience_s, "workloadIdentityPoolId", _WIRE)

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[WorkloadIdentityPool]]:
        """List the project's pools. Deleted ones are left out: they are none, though their names are taken."""
        wanted = {address.name: address for address in addresses}
        with calling("list", f"{NAME}/global"):
            found = list(self._api.listed(self._place, "workloadIdentityPools"))
        for live in found:
            name = str(live["name"]).rpartition("/")[2]
            if name in wanted:
                yield _observed(wanted[name], live)

    def create(self, want: Desired[WorkloadIdentityPool]) -> None:
        """Create it. One of ours that was deleted comes back: for 30 days Google gives its name to no other.

        Source:
            cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools/create.
        """
        self._kept.create(want.address, self._name(want.address), _body(want.fields))

    def update(
        self,
        want: Desired[WorkloadIdentityPool],
        seen: Observed[WorkloadIdentityPool],
        changes: tuple[FieldChange, ...],
    ) -> None:
        """Write the changed fields."""
        del seen
        self._kept.update(want.address, self._name(want.address), _body(want.fields), changes)

    def delete(self, seen: Observed[WorkloadIdentityPool]) -> None:
        """Delete it, and with it its providers. Whose roles name it gets no token any more."""
        self._kept.delete(seen.address, self._name(seen.address))

    def _name(self, address: Address) -> str:
        return f"{self._place}/{address.name}"


def _body(fields: WorkloadIdentityPool) -> dict[str, Any]:
    return {wire: getattr(fields, field) for field, wire in _WIRE.items()}


def _observed(address: Address, live: dict[str, Any]) -> Observed[WorkloadIdentityPool]:
    description = str(live.get("description", ""))
    fields = WorkloadIdentityPool(str(live.get("displayName", "")), description, bool(live.get("disabled")))
    return Observed(
        address,
        fields,
        version=fingerprint(live),
        mark=noted(description),
        output={"name": live["name"]},
        live=live,
    )


KIND = Kind(
    name=NAME,
    title="workload identity pool",
    fields=WorkloadIdentityPool,
    desired=for_no_service,  # no service is called from outside by an identity of its own
    connect=WorkloadIdentityPoolClient,
    paid=paid.NOTHING,
    group=Group.ACCESS,
    read_together=by_project,
    permissions=Permissions(
        read=("iam.googleapis.com/workloadIdentityPools.list",),
        write=tuple(
            f"iam.googleapis.com/workloadIdentityPools.{verb}" for verb in ("create", "delete", "undelete", "update")
        ),
    ),
    apis=(HOST,),
    roles=Roles(read=("roles/iam.workloadIdentityPoolViewer",), write=("roles/iam.workloadIdentityPoolAdmin",)),
    # There is no etag; the mask names what differs.
    fenced=True,
)
