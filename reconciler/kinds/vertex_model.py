"""Vertex AI's reference entry of a service: a model of the registry without files, for a monitor to be of.

Only for a service whose version the registry does not have: see decision 044. Plain REST, as there: `gcp/rest.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import paid
from reconciler.core.address import Address
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Each, Flow, Group
from reconciler.core.kind import Kind, Permissions, Roles, always
from reconciler.core.naming import fingerprint, mark_labels, mark_of
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import calling
from reconciler.gcp.vertex import Vertex
from reconciler.lookups.model_version import MODEL_VERSION, version_of

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

NAME = "vertex_model"
ONLY_VERSION = "1"
"""What the registry calls the first version of a model (model_monitoring.md A.10)."""
OWN_ENTRY = "_monitored"
"""How the id of a service's own entry ends."""
_WIRE = {"display_name": "displayName", "labels": "labels"}


@dataclass(frozen=True, slots=True)
class VertexModel:
    """The fields we manage. Every other field of the live model is left as found.

    Args:
        display_name: For people, at most 128 characters.
        labels: Ours; others may add theirs.
    """

    display_name: str
    labels: Mapping[str, str]


def address_of(service: MLService) -> Address:
    """Give the address of a service's entry. No service has `_` in its name, so no service's own model meets it."""
    return Address(NAME, service.spec.region, f"{service.name}{OWN_ENTRY}")


def compares(service: MLService) -> bool:
    """Tell whether anything is compared: there is a log, a limit, and a column that may be looked at."""
    found = service.spec.monitoring
    if found is None or found.logging is None or service.spec.model is None:
        return False
    limits = (found.skew, found.drift, found.prediction_drift)
    seen = any(each.log and each.monitor for each in service.spec.model.features.values())
    return seen and any(limit is not None for limit in limits)


def desired(service: MLService, facts: Facts) -> Iterator[Desired[VertexModel]]:
    """Want an entry where something is compared, and no version of the registry is what serves."""
    if compares(service) and version_of(service, facts) is None:
        labels = {**service.labels, **mark_labels(service.name)}
        fields = VertexModel(f"{service.name}, for its monitor", labels)
        yield Desired(address_of(service), fields, service.name)


class VertexModelClient:
    """Thin and idempotent over Vertex AI's REST API."""

    def __init__(self, connection: Connection) -> None:
        self._vertex = Vertex(connection, "models")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[VertexModel]]:
        """List the models of one region."""
        return (_observed(address, live) for address, live in self._vertex.picked(addresses))

    def create(self, want: Desired[VertexModel]) -> None:
        """Upload it, without files and without a container, and wait until it is there.

        Source:
            aiplatform v1 `projects.locations.models.upload`; model_monitoring.md A.10.
        """
        at, body = want.address, {"model": _body(want.fields), "modelId": want.address.name}
        with calling("create", at):
            path = f"{self._vertex.place(at.location)}/models:upload"
            self._vertex.api(at.location).write("POST", path, body, patience_s=self._vertex.patience_s)

    def update(self, want: Desired[VertexModel], seen: Observed[VertexModel], changes: tuple[FieldChange, ...]) -> None:
        """Write the changed fields. Labels of others stay, though a mask of labels writes all of them."""
        body = _body(want.fields)
        body["labels"] = {**seen.live.get("labels", {}), **body["labels"]}
        for key in gone_keys(changes, "labels"):
            body["labels"].pop(key, None)
        mask = ",".join(sorted({_WIRE[change.field] for change in changes}))
        with calling("update", want.address):
            self._vertex.api(want.address.location).patch(self._vertex.name(want.address), body, mask=mask)

    def delete(self, seen: Observed[VertexModel]) -> None:
        """Delete it."""
        self._vertex.delete(seen.address, self._vertex.name(seen.address))


def _body(fields: VertexModel) -> dict[str, Any]:
    return {"displayName": fields.display_name, "labels": dict(fields.labels)}


def _observed(address: Address, live: dict[str, Any]) -> Observed[VertexModel]:
    labels = dict(live.get("labels", {}))
    return Observed(
        address,
        VertexModel(str(live.get("displayName", "")), labels),
        uid=str(live.get("createTime", "")),
        version=fingerprint(live),
        mark=mark_of(labels),
        output={"name": live["name"]},
        live=live,
    )


def flows(want: Desired[VertexModel], service: MLService, project: str) -> Iterator[Flow]:
    """Say that it stands for the model, for the monitor alone."""
    del service, project
    yield Flow(want.address, Each("vertex_model_monitor"), "model")


KIND = Kind(
    name=NAME,
    title="Vertex AI model",
    fields=VertexModel,
    desired=desired,
    connect=VertexModelClient,
    paid=paid.NOTHING,
    group=Group.MONITORING,
    flows=flows,
    permissions=Permissions(
        read=("aiplatform.models.list",),
        write=tuple(f"aiplatform.models.{verb}" for verb in ("upload", "update", "delete")),
    ),
    apis=("aiplatform.googleapis.com",),
    roles=Roles(read=("roles/aiplatform.viewer",), write=("roles/aiplatform.user",)),
    lookups=(MODEL_VERSION,),
    # An update takes no etag, and a mask of labels writes all of them.
    fenced=False,
    keyed=frozenset({"labels"}),
    retained=always,  # as its monitor is
)
