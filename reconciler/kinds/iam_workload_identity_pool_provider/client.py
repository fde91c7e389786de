"""IAM's REST API of providers, between our record and its JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.naming import fingerprint, noted
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import calling
from reconciler.gcp.soft_deleted import SoftDeleted
from reconciler.kinds.iam_workload_identity_pool import HOST, place
from reconciler.kinds.iam_workload_identity_pool_provider.record import NAME, WorkloadIdentityPoolProvider

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.connection import Connection

_WIRE = {
    "display_name": "displayName",
    "description": "description",
    "disabled": "disabled",
    "issuer": "oidc.issuerUri",
    "audiences": "oidc.allowedAudiences",
    "mapping": "attributeMapping",
    "condition": "attributeCondition",
    "keys": "oidc.jwksJson",
}


class WorkloadIdentityPoolProviderClient:
    """Thin and idempotent over IAM's REST API: Google publishes no client of it. Names are `POOL/PROVIDER`."""

    def __init__(self, connection: Connection) -> None:
        self._place = place(connection.project)
        self._api = connection.rest(HOST, "v1")
        self._kept = SoftDeleted(self._api, connection.patience_s, "workloadIdentityPoolProviderId", _WIRE)

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[WorkloadIdentityPoolProvider]]:
        """List the providers of one pool; a pool that is not there has none."""
        pool = addresses[0].name.partition("/")[0]
        wanted = {address.name.rpartition("/")[2]: address for address in addresses}
        try:
            with calling("list", f"{NAME}/global/{pool}"):
                path, field = f"{self._place}/{pool}/providers", "workloadIdentityPoolProviders"
                found = list(self._api.listed(path, field))
        except errors.NotFoundError:
            return
        for live in found:
            name = str(live["name"]).rpartition("/")[2]
            if name in wanted:
                yield _observed(wanted[name], live)

    def create(self, want: Desired[WorkloadIdentityPoolProvider]) -> None:
        """Create it. One of ours that was deleted comes back, as its pool does, and is written anew at once.

        It was disabled when we deleted it; one that somebody else did takes whom it took before until it is written.
        """
        self._kept.create(want.address, self._name(want.address), _body(want.fields))

    def update(
        self,
        want: Desired[WorkloadIdentityPoolProvider],
        seen: Observed[WorkloadIdentityPoolProvider],
        changes: tuple[FieldChange, ...],
    ) -> None:
        """Write the changed fields."""
        del seen
        self._kept.update(want.address, self._name(want.address), _body(want.fields), changes)

    def delete(self, seen: Observed[WorkloadIdentityPoolProvider]) -> None:
        """Delete it: nobody comes in by it any more, and tokens that it gave last an hour at most."""
        self._kept.delete(seen.address, self._name(seen.address))

    def _name(self, address: Address) -> str:
        pool, _, name = address.name.partition("/")
        return f"{self._place}/{pool}/providers/{name}"


def _body(fields: WorkloadIdentityPoolProvider) -> dict[str, Any]:
    return {
        "displayName": fields.display_name,
        "description": fields.description,
        "disabled": fields.disabled,
        "attributeMapping": dict(fields.mapping),
        "attributeCondition": fields.condition,
        "oidc": {
            "issuerUri": fields.issuer,
            "allowedAudiences": list(fields.audiences),
            **({"jwksJson": fields.keys} if fields.keys else {}),
        },
    }


def _observed(address: Address, live: dict[str, Any]) -> Observed[WorkloadIdentityPoolProvider]:
    oidc, description = live.get("oidc", {}), str(live.get("description", ""))
    fields = WorkloadIdentityPoolProvider(
        display_name=str(live.get("displayName", "")),
        description=description,
        disabled=bool(live.get("disabled")),
        issuer=str(oidc.get("issuerUri", "")),
        audiences=tuple(oidc.get("allowedAudiences", ())),
        mapping=dict(live.get("attributeMapping", {})),
        condition=str(live.get("attributeCondition", "")),
        keys=str(oidc.get("jwksJson", "")),
    )
    return Observed(
        address,
        fields,
        version=fingerprint(live),
        mark=noted(description),
        output={"name": live["name"]},
        live=live,
    )
