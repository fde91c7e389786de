"""The Cloud Run service: what runs, how big, and which revision gets how much traffic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.diff import FieldChange, gone_keys
from reconciler.core.kind import Desired, Kind, Observed
from reconciler.core.naming import label_value, mark_labels, mark_of
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.gcp.operations import wait
from reconciler.kinds import model_artifact, project_role, secret_accessor, service_account
from reconciler.kinds.run_template import (
    DEFAULT_PORT,
    LIVE_PATH,
    StartupProbe,
    columns,
    read_template,
    startup_probe,
    write_template,
)
from reconciler.kinds.run_traffic import (
    Runs,
    TrafficShare,
    read_runs,
    read_traffic,
    resolve,
    wanted,
    write_traffic,
)

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService
    from schemas.sections.environment import SecretRef

_PACKAGE = "google.cloud.run_v2"
_WHOLE_CPU = 1000
_INGRESS = {
    "All": "INGRESS_TRAFFIC_ALL",
    "Internal": "INGRESS_TRAFFIC_INTERNAL_ONLY",
    "InternalAndLoadBalancing": "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
}


@dataclass(frozen=True, slots=True)
class RunService:
    """The fields we manage. Every other field of the live service is left as found.

    Args:
        image: Reference, by digest wherever it could be resolved.
        model: The model section as the server reads it; empty for none.
        columns: Names of the model's features, in order.
        runtime: The runtime section as the server reads it; empty for none.
        version: The model's version, as a label of the revision.
        attempt: Changes when a revision that failed is tried again. None: left as found.
        env: Environment variables of the spec; others may add theirs.
        secrets: `secret:version` by environment variable.
        port: Port of the container; None in a spec that says nothing of it: left as found.
        cpu_millis: Thousandths of a vCPU per instance.
        memory_mib: Memory per instance.
        cpu_always: CPU outside requests too, which is instance-based billing; GPUs need it. None: left as found.
        startup_boost: More CPU while starting. None: left as found.
        gpu: Accelerator; empty for none.
        gpu_zonal_redundancy: Capacity reserved in a second zone.
        concurrency: Requests one instance takes at once.
        timeout_s: Longest a request may take.
        min_instances: Kept warm, whatever revision serves.
        max_instances: Most instances of a revision.
        startup: How readiness is found out. None: left as found.
        liveness: Path that says whether an instance still works; empty for none. None: left as found.
        service_account: E-mail of the account it runs as.
        ingress: Networks that requests may come from, in the spec's words.
        labels: Ours; others may add theirs.
        traffic: Shares by revision, or `latest`.
    """

    image: str
    model: Mapping[str, Any]
    columns: tuple[str, ...]
    runtime: Mapping[str, Any]
    version: str
    attempt: str | None
    env: Mapping[str, str]
    secrets: Mapping[str, str]
    port: int | None
    cpu_millis: int
    memory_mib: int
    cpu_always: bool | None
    startup_boost: bool | None
    gpu: str
    gpu_zonal_redundancy: bool
    concurrency: int
    timeout_s: int
    min_instances: int
    max_instances: int
    startup: StartupProbe | None
    liveness: str | None
    service_account: str
    ingress: str
    labels: Mapping[str, str]
    traffic: tuple[TrafficShare, ...]


OUTSIDE_TEMPLATE = {"min_instances": "scaling", "ingress": "ingress", "labels": "labels", "traffic": "traffic"}
"""Fields whose change makes no new revision, and their paths in the update mask."""


def address_of(service: MLService) -> Address:
    """Give the address of the service."""
    return Address("run_service", service.spec.region, service.name)


def desired(service: MLService, facts: Facts) -> Iterator[Desired[RunService]]:
    """Want the service, complete: no field is left to a default of Google's."""
    spec = service.spec
    gpu = spec.resources.gpu
    ours = spec.image is None or spec.model is not None  # it runs the bundled server, or one made of it
    says_startup = bool(spec.runtime.startup.model_fields_set)
    place = model_artifact.location_of(service, facts)
    model = _model_section(service, place.uri if place else "")
    fields = RunService(
        image=facts.image,
        model=model,
        columns=columns(model),
        runtime=_runtime_section(service) if spec.model or spec.image is None else {},
        version=label_value(spec.model.version) if spec.model and spec.model.version else "",
        attempt=facts.attempt or None,
        env=dict(spec.env),
        secrets={name: f"{ref.secret}:{_version(ref, facts)}" for name, ref in spec.secrets.items()},
        port=DEFAULT_PORT if ours else None,
        cpu_millis=spec.resources.cpu_millis,
        memory_mib=spec.resources.memory_mib,
        cpu_always=True if gpu else False if ours else None,
        startup_boost=True if ours else None,
        gpu=str(gpu.type) if gpu else "",
        gpu_zonal_redundancy=bool(gpu and gpu.zonal_redundancy),
        concurrency=spec.scaling.concurrency,
        timeout_s=int(spec.runtime.timeout_s),
        min_instances=spec.scaling.min_instances,
        max_instances=spec.scaling.max_instances,
        startup=startup_probe(int(spec.runtime.startup.deadline_s), http=ours) if ours or says_startup else None,
        liveness=LIVE_PATH if ours else None,
        service_account=service_account.email_of(service, facts),
        ingress=str(spec.access.ingress),
        labels={**service.labels, **mark_labels(service.name)},
        traffic=wanted(spec),
    )
    yield Desired(address_of(service), fields, service.name, needs=_needs(service, facts))


def _version(reference: SecretRef, facts: Facts) -> str:
    """Give a secret's version as it is written into the template."""
    pinned = facts.secrets.get((reference.secret, reference.version)) if reference.pin else None
    return pinned or reference.version


def _needs(service: MLService, facts: Facts) -> frozenset[Address]:
    account = service_account.address_of(service)
    artifact = model_artifact.address_of(service, facts)
    grants = [*project_role.desired(service, facts), *secret_accessor.desired(service, facts)]
    return frozenset(
        {w.address for w in grants} | ({account} if account else set()) | ({artifact} if artifact else set())
    )


def _model_section(service: MLService, uri: str) -> dict[str, Any]:
    """Give the model section with YAML's own names, its place resolved."""
    model = service.spec.model
    if model is None:
        return {}
    data = model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return {**data, "uri": uri} if uri else data


def _runtime_section(service: MLService) -> dict[str, Any]:
    return service.spec.runtime.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def from_api(live: Any) -> RunService:
    """Turn a live service into our record; the server's defaults end here."""
    ingress = {v: k for k, v in _INGRESS.items()}
    return RunService(
        **read_template(live.template),
        min_instances=live.scaling.min_instance_count,
        # Reads as unspecified while no revision is active, which is no difference (kinds.md 3.1).
        ingress=ingress.get(live.ingress.name, "All"),
        labels=dict(live.labels),
        traffic=read_traffic(live),
    )


def refine(want: Desired[RunService], seen: Observed[RunService] | None) -> RunService:
    """Say which revisions `stable` and named versions are, and what is left as found.

    Raises:
        PlanError: The spec names a version that no revision runs.
    """
    runs = seen.output["runs"] if seen else Runs()
    fields = replace(want.fields, **_left_as_found(want.fields, seen))
    moves = seen is None or _template_differs(fields, seen.fields)
    try:
        traffic = resolve(fields.traffic, runs, new_revision=moves, version=fields.version)
    except LookupError as error:
        raise errors.PlanError(want.address, str(error.args[0]), hint=str(error.args[1])) from error
    return replace(fields, traffic=traffic)


_UNSAID: Mapping[str, Any] = {
    "attempt": "",
    "port": DEFAULT_PORT,
    "cpu_always": False,
    "startup_boost": True,
    "startup": StartupProbe("", 240, 1, 240),
    "liveness": "",
}
"""What a spec for somebody's own image may leave unsaid, and what a new service gets then: Google's defaults."""


def _left_as_found(want: RunService, seen: Observed[RunService] | None) -> dict[str, Any]:
    found = {
        name: getattr(seen.fields, name) if seen else default
        for name, default in _UNSAID.items()
        if getattr(want, name) is None
    }
    if seen is not None and not seen.problem:
        found["attempt"] = seen.fields.attempt  # what works is not tried again
    came_with_gpu = seen is not None and bool(seen.fields.gpu) and not want.gpu
    if "cpu_always" in found and (came_with_gpu or want.cpu_millis < _WHOLE_CPU):
        # The GPU that needed it is gone and its bill should go too; and below one CPU Cloud Run refuses it.
        found["cpu_always"] = False
    return found


def _template_differs(want: RunService, seen: RunService) -> bool:
    """Tell whether a new revision will be made. Keys that others added to maps make none."""
    return any(
        not _holds(getattr(want, name), getattr(seen, name))
        for name in RunService.__dataclass_fields__
        if name not in OUTSIDE_TEMPLATE
    )


def _holds(want: Any, seen: Any) -> bool:
    if isinstance(want, Mapping):
        return all(seen.get(key) == value for key, value in want.items())
    return bool(want == seen)


def consequence(changes: Sequence[FieldChange]) -> str:
    """Say what an update does to what serves."""
    fields = {c.field for c in changes}
    revision = fields - OUTSIDE_TEMPLATE.keys()
    said = ["makes a new revision"] if revision else []
    if "traffic" in fields:
        said.append("moves traffic")
    elif revision:
        said.append("traffic goes where the plan says once it is ready")
    return ", ".join(said)


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
            yield _observed(Address("run_service", location, name), live, revisions.get(name, []))

    def _get(self, address: Address) -> list[Any]:
        try:
            with calling("read", address):
                name = f"{self._parent(address.location)}/services/{address.name}"
                return [self._api.get_service(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)]
        except errors.NotFoundError:
            return []

    def _list(self, location: str, names: set[str]) -> list[Any]:
        with calling("list", f"run_service/{location}"):
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
        self._write(service, want.fields, everything)
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
        self._write(service, want.fields, changes)
        service.etag = seen.live.etag
        paths = sorted({OUTSIDE_TEMPLATE.get(c.field, "template") for c in changes})
        with calling("update", want.address):
            request = {"service": service, "update_mask": {"paths": paths}}
            operation = self._api.update_service(request=request, timeout=CALL_TIMEOUT_S)
        wait(operation, "update", want.address, timeout_s=self._patience_s)

    def delete(self, seen: Observed[RunService]) -> None:
        """Delete it with all its revisions."""
        name = f"{self._parent(seen.address.location)}/services/{seen.address.name}"
        try:
            with calling("delete", seen.address):
                operation = self._api.delete_service(request={"name": name}, timeout=CALL_TIMEOUT_S)
            wait(operation, "delete", seen.address, timeout_s=self._patience_s)
        except errors.NotFoundError:
            return

    def _write(self, service: Any, want: RunService, changes: Sequence[FieldChange]) -> None:
        fields = {c.field for c in changes}
        if fields - OUTSIDE_TEMPLATE.keys():
            write_template(service.template, want, gone=gone_keys(changes, "env") | gone_keys(changes, "secrets"))
        if "min_instances" in fields:
            service.scaling.min_instance_count = want.min_instances
        if "ingress" in fields:
            service.ingress = _INGRESS[want.ingress]
        if "labels" in fields:
            for key in gone_keys(changes, "labels"):
                service.labels.pop(key, None)
            service.labels.update(want.labels)
        if "traffic" in fields:
            service.traffic = write_traffic(want.traffic)

    def _parent(self, location: str) -> str:
        return f"projects/{self._project}/locations/{location}"


def _observed(address: Address, live: Any, revisions: Sequence[Any]) -> Observed[RunService]:
    condition = live.terminal_condition
    failed = condition.state.name == "CONDITION_FAILED"
    return Observed(
        address=address,
        fields=from_api(live),
        uid=live.uid,
        version=str(live.generation),
        mark=mark_of(live.labels),
        settled=not live.reconciling,
        problem=" ".join(condition.message.split()) or "not ready" if failed else "",
        output={
            "uri": live.uri,
            "tags": {t.tag: t.uri for t in live.traffic_statuses if t.tag},
            "runs": read_runs(live, revisions),
            "conditions": tuple(map(_condition, [condition, *live.conditions])),
        },
        live=live,
    )


def _condition(condition: Any) -> dict[str, str]:
    reason = next((r.name for r in (condition.reason, condition.revision_reason) if r), "")
    return {
        "type": condition.type_,
        "state": condition.state.name.removeprefix("CONDITION_"),
        "reason": reason,
        "message": condition.message,
        "since": condition.last_transition_time.isoformat() if condition.last_transition_time else "",
    }


KIND = Kind(
    name="run_service",
    title="Cloud Run service",
    fields=RunService,
    desired=desired,
    connect=RunServiceClient,
    keyed=frozenset({"env", "secrets", "labels"}),
    refine=refine,
    consequence=consequence,
    loss="it stops serving",
    spec_paths={
        "scaling.minInstances": "min_instances",
        "scaling.maxInstances": "max_instances",
        "scaling.concurrency": "concurrency",
        "resources.cpu": "cpu_millis",
        "resources.memory": "memory_mib",
        "image": "image",
        "image.uri": "image",
        "env": "env",
        "secrets": "secrets",
        "traffic": "traffic",
        "access.ingress": "ingress",
        "runtime.timeout": "timeout_s",
    },
)
