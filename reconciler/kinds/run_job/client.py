"""Google's client of Cloud Run jobs, between our record and its messages.

Source:
    kinds.md 3.3: an update has no mask and replaces the whole job, so what is read is changed and sent back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.by_hand import FIELD
from reconciler.core.diff import FieldChange, gone_keys
from reconciler.core.naming import mark_of
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.gcp.operations import wait
from reconciler.kinds.run_job.record import NAME, RunJob, full_name, run_address
from reconciler.kinds.run_service.quantities import cpu_millis, memory_mib

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PACKAGE = "google.cloud.run_v2"
_PAGE = 500
_DEFAULT_TIMEOUT_S = 600
_TASK = "template.template"
_OF_TASK = ("volumes", "node_selector")
_OF_CONTAINER = (
    "working_dir", "ports", "volume_mounts", "depends_on", "startup_probe", "liveness_probe", "readiness_probe",
    "base_image_uri", "source_code",
)  # fmt: skip


def from_api(live: Any) -> RunJob:
    """Turn a live job into our record; the server's defaults end here."""
    execution, task = live.template, live.template.template
    container = task.containers[0]
    limits = dict(container.resources.limits)
    secret = {e.name: e.value_source.secret_key_ref for e in container.env if e.value_source.secret_key_ref.secret}
    return RunJob(
        image=container.image,
        command=tuple(container.command),
        args=tuple(container.args),
        env={e.name: e.value for e in container.env if e.name not in secret},
        secrets={name: f"{key.secret}:{key.version}" for name, key in secret.items()},
        cpu_millis=cpu_millis(limits.get("cpu", "1")),
        memory_mib=memory_mib(limits.get("memory", "512Mi")),
        tasks=execution.task_count or 1,
        parallelism=execution.parallelism,
        max_retries=task.max_retries,
        timeout_s=int(task.timeout.total_seconds()) if task.timeout else _DEFAULT_TIMEOUT_S,
        service_account=task.service_account,
        labels=dict(live.labels),
        by_hand=dict(_by_hand(task)),
    )


def _by_hand(task: Any) -> Iterator[tuple[str, str]]:
    """Name what somebody gave a task; what it says is not told, since it may be a secret.

    Source:
        recordings run_job/*: none of it is in live answers of jobs that were made without it.
    """
    parts = [(_TASK, task, _OF_TASK), (f"{_TASK}.containers[0]", task.containers[0], _OF_CONTAINER)]
    for place, part, names in parts:
        yield from ((f"{place}.{name}", "set") for name in names if getattr(part, name))
    if len(task.containers) > 1:
        yield f"{_TASK}.containers", f"{len(task.containers)} of them"


class RunJobClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._patience_s = connection.patience_s
        self._api = connection.client(_PACKAGE, "jobs", "Jobs")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[RunJob]]:
        """List the jobs of one region."""
        wanted, location = {address.name: address for address in addresses}, addresses[0].location
        with calling("list", f"{NAME}/{location}"):
            request = {"parent": self._parent(location), "page_size": _PAGE}
            found = list(self._api.list_jobs(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in found:
            name = live.name.rpartition("/")[2]
            if name in wanted and live.template.template.containers:
                yield _observed(wanted[name], live, self._project)

    def create(self, want: Desired[RunJob]) -> None:
        """Create it, and wait until Google has looked at it. An image that is not there is told by `problem`."""
        job = types_module(_PACKAGE, "job").Job()
        _write(job, want, frozenset())
        request = {"parent": self._parent(want.address.location), "job_id": want.address.name, "job": job}
        with calling("create", want.address):
            operation = self._api.create_job(request=request, timeout=CALL_TIMEOUT_S)
        wait(operation, "create", want.address, timeout_s=self._patience_s)

    def update(self, want: Desired[RunJob], seen: Observed[RunJob], changes: tuple[FieldChange, ...]) -> None:
        """Send the job back with our fields changed: it is refused if somebody wrote it since it was read."""
        job = type(seen.live)(seen.live)
        if any(change.field == FIELD for change in changes):
            _take_away(job.template.template)
        _write(job, want, gone_keys(changes, "env") | gone_keys(changes, "secrets"))
        for key in gone_keys(changes, "labels"):
            job.labels.pop(key, None)
        job.etag = seen.live.etag
        for token in ("start_execution_token", "run_execution_token"):
            if token in job:  # written again it would start an execution (comments of `Job`)
                delattr(job, token)
        with calling("update", want.address):
            operation = self._api.update_job(request={"job": job}, timeout=CALL_TIMEOUT_S)
        wait(operation, "update", want.address, timeout_s=self._patience_s)

    def delete(self, seen: Observed[RunJob]) -> None:
        """Delete it with its executions; one that runs is stopped."""
        name = full_name(seen.address, self._project)
        try:
            with calling("delete", seen.address):
                operation = self._api.delete_job(request={"name": name}, timeout=CALL_TIMEOUT_S)
            wait(operation, "delete", seen.address, timeout_s=self._patience_s)
        except errors.NotFoundError:
            return

    def _parent(self, location: str) -> str:
        return f"projects/{self._project}/locations/{location}"


def _observed(address: Address, live: Any, project: str) -> Observed[RunJob]:
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
        output={"uri": run_address(address, project), "name": live.name},
        live=live,
    )


def _write(job: Any, desired: Desired[RunJob], gone: frozenset[str]) -> None:
    """Write our fields into a job and leave every other field as it is; its executions carry what it comes from."""
    want = desired.fields
    types = types_module(_PACKAGE, "k8s_min")
    execution = job.template
    execution.task_count, execution.parallelism = want.tasks, want.parallelism
    task = execution.template
    # Left out it would be three.
    task.max_retries = want.max_retries
    task.timeout = {"seconds": want.timeout_s}
    task.service_account = want.service_account
    if not task.containers:
        task.containers = [types.Container()]
    container = task.containers[0]
    container.image, container.command, container.args = want.image, list(want.command), list(want.args)
    container.env = _env(types, container.env, want, gone)
    container.resources.limits = {**dict(container.resources.limits), **_limits(want)}
    job.labels.update(want.labels)
    desired.stamp.write(execution.annotations)


def _take_away(task: Any) -> None:
    """Take out what somebody gave a task."""
    task.containers = [task.containers[0]]
    for part, names in ((task, _OF_TASK), (task.containers[0], _OF_CONTAINER)):
        for name in names:
            if getattr(part, name):
                delattr(part, name)


def _limits(want: RunJob) -> dict[str, str]:
    cpu = f"{want.cpu_millis}m" if want.cpu_millis % 1000 else str(want.cpu_millis // 1000)
    return {"cpu": cpu, "memory": f"{want.memory_mib}Mi"}


def _env(types: Any, live: Any, want: RunJob, gone: frozenset[str]) -> list[Any]:
    entries = {entry.name: entry for entry in live if entry.name not in gone}
    entries |= {name: types.EnvVar(name=name, value=value) for name, value in want.env.items()}
    for name, reference in want.secrets.items():
        secret, _, version = reference.rpartition(":")
        key = types.SecretKeySelector(secret=secret, version=version)
        entries[name] = types.EnvVar(name=name, value_source=types.EnvVarSource(secret_key_ref=key))
    return [entries[name] for name in sorted(entries)]
