"""IAM for the JSON API: what `permissions.toml` demands, on buckets and objects, by the policy of the bucket."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.apis.storage import errors, kept, records
from emulator.core import permissions
from emulator.core.failures import ApiFailure
from emulator.core.permissions import Demand
from emulator.identity.enforcement import enforcement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.apis.storage.wire import Call
    from emulator.identity import access

PREFIX_ASKED = "storage.googleapis.com/objectListPrefix"


@cache
def table() -> permissions.Table:
    """What the API says about permissions."""
    return permissions.read(Path(__file__).parent)


def check(call: Call, method: str) -> None:
    """Check what a method needs.

    Raises:
        StorageError: 403. What is not there is not refused: the method says that itself.
    """
    if enforcement(call.world).spares(call.caller):
        return
    if method not in table().methods:
        from emulator.identity.refusals import gap  # noqa: PLC0415 - the developer's calls need nothing of it

        raise denied(gap(method).message)
    bucket, name = call.path.get("bucket", ""), call.path.get("object", "")
    for demand in table().methods[method]:
        on = {"project": "", "bucket": bucket, "object": bucket}[demand.field[0]]
        require(call, demand.permission, on, name if demand.field[0] == "object" else "")
    if method == "storage.objects.get" and records.live_object(call.world, bucket, name) is None:
        require(call, "storage.objects.list", bucket)  # else a caller would learn which names are free


def require(call: Call, permission: str, bucket: str, name: str = "") -> None:
    """Let a caller pass who has a permission on an object, on a bucket, or on the project that is named.

    Raises:
        StorageError: 403.
    """
    if enforcement(call.world).spares(call.caller):
        return
    if bucket and call.world.store.get(records.BUCKET, bucket) is None:
        return
    from emulator.identity import refusals  # noqa: PLC0415 - the developer's calls need nothing of it

    shown = f"the Google Cloud Storage {'object' if name else 'bucket' if bucket else 'project'}"
    try:
        wanted = (table(), Demand(permission))
        refusals.require(call.world, call.caller, wanted, target(call, bucket, name), shown)
    except ApiFailure as failure:
        raise denied(failure.message) from failure


def denied(message: str) -> errors.StorageError:
    """A refusal as the JSON API writes it."""
    return errors.StorageError(403, "forbidden", message)


def held(call: Call, bucket: str, asked: Iterable[str]) -> list[str]:
    """Of some permissions on a bucket, those that the caller has."""
    if enforcement(call.world).spares(call.caller):
        return [name for name in asked if name]
    from emulator.identity import access  # noqa: PLC0415 - the developer's calls need nothing of it

    on = target(call, bucket)
    return [name for name in asked if name and access.may(call.world, call.caller, name, on).granted]


def target(call: Call, bucket: str, name: str = "") -> access.Target:
    """A bucket or an object as conditions name it (conditions-resource-attributes of IAM's documentation)."""
    from emulator.identity import access  # noqa: PLC0415 - the developer's calls need nothing of it

    service = table().service
    if not bucket:
        project = call.path.get("project") or call.query.get("project", "")
        named = access.stored_name(call.world, f"projects/{project}")
        return access.Target(named, type="cloudresourcemanager.googleapis.com/Project", service=service)
    record = records.find_bucket(call.world, bucket)
    bindings = [
        access.Binding(each["role"], frozenset(each["members"]), each.get("condition", {}).get("expression", ""))
        for each in kept.read(call.world, record)["bindings"]
    ]
    whole = f"projects/_/buckets/{bucket}"
    return access.Target(
        f"{whole}/objects/{name}" if name else whole,
        type=f"{service}/{'Object' if name else 'Bucket'}",
        service=service,
        above=f"projects/{record.project}",
        bindings=bindings,
        attributes={PREFIX_ASKED: call.query.get("prefix", "")},
    )
