"""Google's client of Cloud Run services, between our record and its messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.diff import FieldChange, gone_keys
from reconciler.core.naming import HASH_LABEL, mark_of
from reconciler.core.objects import Desired, Observed
from reconciler.core.rollout.record import read
from reconciler.core.stamp import UNSTAMPED, Stamp
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.gcp.operations import wait
from reconciler.kinds.run_service import fields
from reconciler.kinds.run_service.record import NAME, OUTSIDE_TEMPLATE, RunService
from reconciler.kinds.run_service.template import plain, read_template, write_template
from reconciler.kinds.run_service.traffic import read_runs, read_traffic, write_traffic

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PACKAGE = "google.cloud.run_v2"
_INGRESS = {
    "All": "INGRESS_TRAFFIC_ALL",
    "Internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "InternalAndLoadBalancing": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}


def from_api(live: Any) -> RunService:
    """Turn a live service into our record; the server's defaults end here."""
    ingress = {v: k for k, v in _INGRESS.items()}
    said = plain(live)
    return RunService(
        **read_template(live.template, said.get("template", {})),
        service=fields.read(said, fields.SERVICE, ("annotations",)),
        min_instances=live.scaling.min_instance_count,
        # Reads as unspecified while no revision is active, which is no difference (kinds.md 3.1).
        ingress=ingress.get(live.ingress.name, "All"),
        invoker_check=not live.invoker_iam_disabled,
        labels=dict(live.labels),
        traffic=read_traffic(live),
        service_max=live.scaling.max_instance_count or None,
    )


class RunServiceClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._patience_s = connection.patience_s
        self._api = connection.client(_PACKAGE, "services", "Services")
        self._revisions = connection.client(_PACKAGE, "revisions", "Revisions")
        self._types = types_module(_PACKAGE, "service")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[RunService]]:
        """Read the services asked for in one region, and their revisions: two calls, however many there are."""
        location = addresses[0].location
        found = self._get(addresses[0]) if len(addresses) == 1 else self._list(location, {a.name for a in addresses})
        revisions = self._revisions_of(location, [live.name.rpartition("/")[2] for live in found])
        for live in found:
            name = live.name.rpartition("/")[2]
            yield _observed(Address(NAME, location, name), live, revisions.get(name, []), self._project)

    def _get(self, address: Address) -> list[Any]:
        try:
            with calling("read", address):
                name = f"{self._parent(address.location)}/services/{address.name}"
                return [self._api.get_service(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)]
        except errors.NotFoundError:
            return []

    def _list(self, location: str, names: set[str]) -> list[Any]:
        with calling("list", f"{NAME}/{location}"):
            request = {"parent": self._parent(location), "page_size": 500}
            listed = self._api.list_services(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
            return [live for live in listed if live.name.rpartition("/")[2] in names]

    def _revisions_of(self, location: str, names: Sequence[str]) -> dict[str, list[Any]]:
        if not names:
            return {}
        one = names[0] if len(names) == 1 else "-"
        grouped: dict[str, list[Any]] = {}
        with calling("list", f"revisions in {location}"):
            request = {"parent": f"{self._parent(location)}/services/{one}", "page_size": 1000}
            for revision in self._revisions.list_revisions(request=request, retry=READING, timeout=CALL_TIMEOUT_S):
                grouped.setdefault(revision.service.rpartition("/")[2], []).append(revision)
        return grouped

    def create(self, want: Desired[RunService]) -> None:
        """Create it, and wait until its first revision is ready."""
        service = self._types.Service()
        everything = tuple(FieldChange(name, None, ...) for name in RunService.__dataclass_fields__)
        self._write(service, want.fields, everything, want.stamp)
        request = {
            "parent": self._parent(want.address.location),
            "service_id": want.address.name,
            "service": service,
        }
        with calling("create", want.address):
            operation = self._api.create_service(request=request, timeout=CALL_TIMEOUT_S)
        wait(operation, "create", want.address, timeout_s=self._patience_s)

    def update(self, want: Desired[RunService], seen: Observed[RunService], changes: tuple[FieldChange, ...]) -> None:
        """Write the changed fields, template and traffic in one update, and wait.

        One update, because a new template followed by its traffic would let the new revision serve in between.
        """
        service = type(seen.live)(seen.live)
        self._write(service, want.fields, changes, want.stamp)
        service.etag = seen.live.etag
        paths = sorted({_mask(c) for c in changes})
        with calling("update", want.address):
            request = {"service": service, "update_mask": {"paths": paths}}
            operation = self._api.update_service(request=request, timeout=CALL_TIMEOUT_S)
        wait(operation, "update", want.address, timeout_s=self._patience_s)

    def annotate(self, seen: Observed[RunService], annotations: Mapping[str, str]) -> None:
        """Write annotations of the service beside those that it has; it must be as it was seen.

        Raises:
            Conflict: Somebody wrote it meanwhile.
        """
        service = type(seen.live)(seen.live)
        service.annotations.update(annotations)
        service.etag = seen.live.etag
        with calling("update", seen.address):
            request = {"service": service, "update_mask": {"paths": ["annotations"]}}
            operation = self._api.update_service(request=request, timeout=CALL_TIMEOUT_S)
        wait(operation, "update", seen.address, timeout_s=self._patience_s)

    def rehearse(
        self, address: Address, want: RunService, seen: Observed[RunService] | None, changes: tuple[FieldChange, ...]
    ) -> None:
        """Ask Cloud Run what it thinks of a service, or of a change to one. Nothing is written.

        Raises:
            InvalidRequest: It would be refused, in Google's words.
            NotReadyYet: It runs as an account that is not there yet.
        """
        service = type(seen.live)(seen.live) if seen else self._types.Service()
        everything = tuple(FieldChange(name, None, ...) for name in RunService.__dataclass_fields__)
        self._write(service, want, changes if seen else everything)
        with calling("check", address):
            if seen:
                paths = sorted({_mask(c) for c in changes})
                request = {"service": service, "update_mask": {"paths": paths}, "validate_only": True}
                self._api.update_service(request=request, timeout=CALL_TIMEOUT_S)
            else:
                named = {"parent": self._parent(address.location), "service_id": address.name}
                request = {**named, "service": service, "validate_only": True}
                self._api.create_service(request=request, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[RunService]) -> None:
        """Delete it with all its revisions."""
        name = f"{self._parent(seen.address.location)}/services/{seen.address.name}"
        try:
            with calling("delete", seen.address):
                operation = self._api.delete_service(request={"name": name}, timeout=CALL_TIMEOUT_S)
            wait(operation, "delete", seen.address, timeout_s=self._patience_s)
        except errors.NotFoundError:
            return

    def _write(self, service: Any, want: RunService, changes: Sequence[FieldChange], stamp: Stamp = UNSTAMPED) -> None:
        names = {c.field for c in changes}
        if names - OUTSIDE_TEMPLATE.keys():
            write_template(service.template, want, changes)
            stamp.write(service.template.annotations)
        if "min_instances" in names:
            service.scaling.min_instance_count = want.min_instances
        if "service_max" in names:
            service.scaling.max_instance_count = want.service_max or 0
        if "ingress" in names:
            service.ingress = _INGRESS[want.ingress]
        if "invoker_check" in names:
            service.invoker_iam_disabled = not want.invoker_check
        if "labels" in names:
            for key in gone_keys(changes, "labels"):
                service.labels.pop(key, None)
            service.labels.update(want.labels)
        if "service" in names:
            here = fields.read(plain(service), fields.SERVICE, ("annotations",))
            fields.write(type(service).pb(service), fields.SERVICE, want.service, fields.gone(changes, "service", here))
        if "traffic" in names:
            service.traffic = write_traffic(want.traffic)

    def _parent(self, location: str) -> str:
        return f"projects/{self._project}/locations/{location}"


def _mask(change: FieldChange) -> str:
    return OUTSIDE_TEMPLATE.get(change.field, "template") or fields.mask_of(change.path)


def _observed(address: Address, live: Any, revisions: Sequence[Any], project: str) -> Observed[RunService]:
    condition = live.terminal_condition
    failed = condition.state.name == "CONDITION_FAILED"
    return Observed(
        address=address,
        fields=from_api(live),
        uid=live.uid,
        version=str(live.generation),
        mark=mark_of(live.labels),
        settled=not live.reconciling,
        problem="" if not failed or _taken_back(live) else " ".join(condition.message.split()) or "not ready",
        output={
            "uri": live.uri,
            "made": live.create_time,
            "tags": {t.tag: t.uri for t in live.traffic_statuses if t.tag},
            "runs": read_runs(live, revisions, project),
            "conditions": tuple(map(_condition, [condition, *live.conditions])),
        },
        live=live,
    )


def _taken_back(live: Any) -> bool:
    """Tell whether what is not ready is a version that its rollout took back: others have all requests."""
    version = live.template.labels.get(HASH_LABEL, "")
    rejected = {each.version for each in read(live.annotations).rejected if not each.cleared}
    newest = live.latest_created_revision.rpartition("/")[2]
    serving = {target.revision.rpartition("/")[2] for target in live.traffic if target.percent}
    return version in rejected and bool(serving) and serving.isdisjoint({newest, ""})


def _condition(condition: Any) -> dict[str, str]:
    reason = next((r.name for r in (condition.reason, condition.revision_reason) if r), "")
    return {
        "type": condition.type_,
        "state": condition.state.name.removeprefix("CONDITION_"),
        "reason": reason,
        "message": condition.message,
        "since": condition.last_transition_time.isoformat() if condition.last_transition_time else "",
    }
