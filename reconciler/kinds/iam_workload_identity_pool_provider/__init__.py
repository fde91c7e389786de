"""A provider of a workload identity pool: whose tokens it takes, which of them, and what they say of their holder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.core import paid
from reconciler.core.flow import Group
from reconciler.core.kind import Kind, Permissions, Roles, for_no_service
from reconciler.kinds.iam_workload_identity_pool import HOST
from reconciler.kinds.iam_workload_identity_pool_provider.client import WorkloadIdentityPoolProviderClient
from reconciler.kinds.iam_workload_identity_pool_provider.record import NAME, WorkloadIdentityPoolProvider
from reconciler.kinds.iam_workload_identity_pool_provider.wanted import operates
from reconciler.lookups.project_number import asked_when

if TYPE_CHECKING:
    from reconciler.core.address import Address

__all__ = ["KIND", "NAME", "WorkloadIdentityPoolProvider", "operates"]


def one_pool(address: Address) -> tuple[str, ...]:
    """Group the addresses that one list call can see: the providers of a pool."""
    return (address.project, address.name.partition("/")[0])


KIND = Kind(
    name=NAME,
    title="workload identity provider",
    fields=WorkloadIdentityPoolProvider,
    desired=for_no_service,  # no service is called from outside by an identity of its own
    operates=operates,
    connect=WorkloadIdentityPoolProviderClient,
    paid=paid.NOTHING,
    group=Group.ACCESS,
    read_together=one_pool,
    permissions=Permissions(
        read=("iam.googleapis.com/workloadIdentityPoolProviders.list",),
        write=tuple(
            f"iam.googleapis.com/workloadIdentityPoolProviders.{verb}"
            for verb in ("create", "delete", "undelete", "update")
        ),
    ),
    apis=(HOST, "sts.googleapis.com", "iamcredentials.googleapis.com"),
    lookups=(asked_when(lambda _: False, "ci", operators=lambda operator: operator.spec.ci is not None),),
    roles=Roles(read=("roles/iam.workloadIdentityPoolViewer",), write=("roles/iam.workloadIdentityPoolAdmin",)),
    # There is no etag; the mask names what differs.
    fenced=True,
    uses=frozenset({"iam_workload_identity_pool"}),
)
