"""Google's client of functions, and the bucket that their sources go to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.by_hand import FIELD
from reconciler.core.diff import FieldChange, gone_keys
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.gcp.operations import wait
from reconciler.kinds.functions_function.record import NAME, SOURCE_LABEL, FunctionsFunction, observed, write
from reconciler.lookups.function_source import ENTRY_POINT, archive, digest_of

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PACKAGE = "google.cloud.functions_v2"
_PAGE = 500
ROOT = "functions"


class FunctionsFunctionClient:
    """Thin and idempotent over Google's client."""

    MASK: Mapping[str, tuple[str, ...]] = {
        "digest": ("build_config.source", "build_config.entry_point", "labels"),
        "runtime": ("build_config.runtime",),
        "environment": ("service_config.environment_variables",),
        "account": ("service_config.service_account_email",),
        "memory_mib": ("service_config.available_memory",),
        "cpu_millis": ("service_config.available_cpu",),
        "concurrency": ("service_config.max_instance_request_concurrency",),
        "timeout_s": ("service_config.timeout_seconds",),
        "max_instances": ("service_config.max_instance_count",),
        "ingress": ("service_config.ingress_settings",),
        "labels": ("labels",),
        "by_hand": ("service_config.min_instance_count",),
    }

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._patience_s = connection.patience_s
        self._state = connection.state
        self._api = connection.client(_PACKAGE, "function_service", "FunctionService")
        self._types = types_module(_PACKAGE, "functions")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[FunctionsFunction]]:
        """List the functions of one region."""
        wanted = {address.name: address for address in addresses}
        location = addresses[0].location
        with calling("list", f"{NAME}/{location}"):
            request = {"parent": self._parent(location), "page_size": _PAGE}
            found = list(self._api.list_functions(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in found:
            name = live.name.rpartition("/")[2]
            if name in wanted:
                yield observed(wanted[name], live)

    def create(self, want: Desired[FunctionsFunction]) -> None:
        """Upload its source, create it, and wait until it serves."""
        function = self._types.Function()
        write(function, want.fields)
        function.build_config.entry_point = ENTRY_POINT
        function.service_config.environment_variables = dict(want.fields.environment)
        function.labels = {**want.fields.labels, SOURCE_LABEL: want.fields.digest}
        want.stamp.label(function.labels)
        function.build_config.source.storage_source = self._upload(want)
        parent = self._parent(want.address.location)
        request = {"parent": parent, "function_id": want.address.name, "function": function}
        with calling("create", want.address):
            operation = self._api.create_function(request=request, timeout=CALL_TIMEOUT_S)
        wait(operation, "create", want.address, timeout_s=self._patience_s)

    def update(
        self, want: Desired[FunctionsFunction], seen: Observed[FunctionsFunction], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the changed fields, and wait. What others set in environment and labels stays."""
        function = type(seen.live)(seen.live)
        fields = {change.field for change in changes}
        write(function, want.fields)
        if FIELD in fields:
            function.service_config.min_instance_count = 0
        if "environment" in fields:
            _merge(function.service_config.environment_variables, want.fields.environment, changes, "environment")
        if fields & {"labels", "digest"}:
            _merge(function.labels, want.fields.labels, changes, "labels")
            function.labels[SOURCE_LABEL] = want.fields.digest
        if "digest" in fields:
            function.build_config.source.storage_source = self._upload(want)
            function.build_config.entry_point = ENTRY_POINT
        want.stamp.label(function.labels)
        paths = sorted({"labels", *(path for field in fields for path in self.MASK[field])})
        with calling("update", want.address):
            request = {"function": function, "update_mask": {"paths": paths}}
            operation = self._api.update_function(request=request, timeout=CALL_TIMEOUT_S)
        wait(operation, "update", want.address, timeout_s=self._patience_s)
        if "digest" in fields:
            self._forget(want.address, but=want.fields.digest)

    def delete(self, seen: Observed[FunctionsFunction]) -> None:
        """Delete it, with its sources."""
        name = f"{self._parent(seen.address.location)}/functions/{seen.address.name}"
        try:
            with calling("delete", seen.address):
                operation = self._api.delete_function(request={"name": name}, timeout=CALL_TIMEOUT_S)
            wait(operation, "delete", seen.address, timeout_s=self._patience_s)
        except errors.NotFoundError:
            pass
        self._forget(seen.address)

    def _upload(self, want: Desired[FunctionsFunction]) -> dict[str, Any]:
        """Put the archive into the bucket, unless it is there; give the place of this very generation.

        Its name is its digest and it is never overwritten, so two runs that upload at once upload the same.

        Raises:
            StalePlan: The program is not what the plan was made from.
        """
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415 - late, for start-up

        bucket = self._state.use()
        blob = bucket.blob(f"{_folder(want.address)}{want.fields.digest}.zip")
        with calling("look for", f"gs://{bucket.name}/{blob.name}"):
            there = blob.exists(timeout=CALL_TIMEOUT_S)
        if not there:
            content = archive(Path(want.source))
            if digest_of(content) != want.fields.digest:
                raise errors.StalePlan([f"{want.source} changed since the plan was made"])
            try:
                with calling("upload", f"gs://{bucket.name}/{blob.name}"):
                    blob.upload_from_string(
                        content,
                        "application/zip",
                        if_generation_match=0,
                        timeout=CALL_TIMEOUT_S,
                        checksum="crc32c",
                        retry=DEFAULT_RETRY,
                    )
            except errors.Conflict:
                pass  # another run was faster, or the answer of our own try was lost
        with calling("read", f"gs://{bucket.name}/{blob.name}"):
            blob.reload(timeout=CALL_TIMEOUT_S)
        return {"bucket": bucket.name, "object_": blob.name, "generation": blob.generation}

    def _forget(self, address: Address, *, but: str = "") -> None:
        """Delete a function's archives, but for one that it is built from."""
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        if not self._state.there:
            return
        folder = _folder(address)
        with calling("delete", f"{address} (its sources)"):
            for blob in list(self._state.use().list_blobs(prefix=folder, timeout=CALL_TIMEOUT_S)):
                if blob.name != f"{folder}{but}.zip":
                    try:
                        blob.delete(timeout=CALL_TIMEOUT_S)
                    except NotFound:
                        continue

    def _parent(self, location: str) -> str:
        return f"projects/{self._project}/locations/{location}"


def _folder(address: Address) -> str:
    """Give the prefix of a function's archives: its own, so that they can go with it."""
    return f"{ROOT}/{address.location}/{address.name}/"


def _merge(live: Any, ours: Mapping[str, str], changes: Sequence[FieldChange], field: str) -> None:
    """Write keys of ours into a map that others write to as well."""
    for key in gone_keys(changes, field):
        live.pop(key, None)
    live.update(ours)
