"""Buckets: insert, get, list, patch, update, delete, storage layout, IAM policy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.apis.storage import errors, names, notifications, preconditions, records, shapes
from emulator.apis.storage.wire import Reply, etag, rfc3339
from emulator.core.patching import merge

if TYPE_CHECKING:
    from emulator.apis.storage.wire import Call

_MULTI_REGIONS = {"US", "EU", "ASIA"}
_DUAL_REGIONS = {"ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4"}
_MOST_LABELS = 64
_LABEL = re.compile(r"[\w-]{0,63}")
_PROMISES = ("retentionPolicy", "encryption", "softDeletePolicy", "lifecycle", "autoclass", "logging", "website")
_OUTPUT_ONLY = {
    "kind", "id", "selfLink", "name", "projectNumber", "metageneration", "location", "locationType",
    "etag", "timeCreated", "updated", "generation", "acl", "defaultObjectAcl", "owner",
}  # fmt: skip


def insert(call: Call) -> Reply:
    """Create a bucket in the project that the query names."""
    project = call.query.get("project")
    if not project:
        raise errors.required("project")
    wanted = call.json(shapes.BUCKET)
    name = str(wanted.get("name", ""))
    names.check_bucket(name)
    _check_labels(wanted.get("labels"))
    with call.world.store.transaction():
        if call.world.store.get(records.BUCKET, name) is not None:
            raise errors.bucket_taken()
        record = records.Record(_fresh(call, project, wanted), project=project)
        records.put_bucket(call.world, record)
    return Reply(record.resource)


def get(call: Call) -> Reply:
    """One bucket; preconditions that are not met answer 304 or 412."""
    record = records.find_bucket(call.world, call.path["bucket"])
    preconditions.of_call(call).check(record.resource, reading=True)
    return Reply(record.resource)


def list_(call: Call) -> Reply:
    """The buckets of a project, by prefix, a page at a time."""
    project = call.query.get("project")
    if not project:
        raise errors.required("project")
    after, limit = call.query.get("pageToken", ""), call.page_size()
    prefix = call.query.get("prefix", "")
    found = [record.resource for record in records.buckets(call.world, project)]
    found = [item for item in found if item["name"].startswith(prefix) and item["name"] > after]
    answer: dict[str, Any] = {"kind": "storage#buckets"}
    if found:
        answer["items"] = found[:limit]
    if len(found) > limit:
        answer["nextPageToken"] = found[limit - 1]["name"]
    return Reply(answer)


def patch(call: Call) -> Reply:
    """Change what the body names; null removes."""
    return _change(call, whole=False)


def update(call: Call) -> Reply:
    """Replace every writable field by the body's."""
    return _change(call, whole=True)


def delete(call: Call) -> Reply:
    """Delete an empty bucket."""
    name = call.path["bucket"]
    with call.world.store.transaction():
        record = records.find_bucket(call.world, name)
        preconditions.of_call(call).check(record.resource)
        if not records.is_empty(call.world, name):
            raise errors.bucket_not_empty()
        call.world.store.delete(records.BUCKET, name)
        call.world.store.delete("storage.policy", name)
        notifications.forget(call.world, name)
    return Reply(status=204)


def layout(call: Call) -> Reply:
    """Where a bucket lies; gcloud asks before it lists or copies.

    Source:
        cloud.google.com/storage/docs/json_api/v1/buckets/getStorageLayout.
    """
    resource = records.find_bucket(call.world, call.path["bucket"]).resource
    kept = {key: resource[key] for key in ("location", "locationType")}
    return Reply({"kind": "storage#storageLayout", "bucket": resource["name"], **kept})


def managed_folders(call: Call) -> Reply:
    """None: there is no way to make one here. gcloud asks before it deletes recursively."""
    records.find_bucket(call.world, call.path["bucket"])
    return Reply({"kind": "storage#managedFolders"})


def touch(call: Call, record: records.Record, resource: dict[str, Any]) -> records.Record:
    """Keep a bucket as changed: the next metageneration."""
    metageneration = int(record.resource["metageneration"]) + 1
    stamped = resource | {
        "metageneration": str(metageneration),
        "etag": etag(metageneration),
        "updated": rfc3339(call.world.clock.now()),
    }
    changed = records.Record(stamped, project=record.project)
    records.put_bucket(call.world, changed)
    return changed


def _change(call: Call, *, whole: bool) -> Reply:
    wanted = {key: value for key, value in call.json(shapes.BUCKET).items() if key not in _OUTPUT_ONLY}
    _check_labels(wanted.get("labels"))
    _check_promises(wanted)
    with call.world.store.transaction():
        record = records.find_bucket(call.world, call.path["bucket"])
        preconditions.of_call(call).check(record.resource)
        fixed = {key: value for key, value in record.resource.items() if key in _OUTPUT_ONLY}
        start = fixed | _defaults({}) if whole else record.resource
        return Reply(touch(call, record, _normalised(merge(start, wanted))).resource)


def _fresh(call: Call, project: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """A new bucket with the service's defaults.

    Source:
        GoogleCloudPlatform/k8s-config-connector, mockgcp/mockstorage/testdata/bucket/crud/_http.log. Soft delete is
        left out of the answer, since this emulator does not do it.
    """
    _check_promises(wanted)
    location = str(wanted.get("location") or "US").upper()
    now = rfc3339(call.world.clock.now())
    given = {key: value for key, value in wanted.items() if key not in _OUTPUT_ONLY and value is not None}
    return _normalised(
        {
            "kind": "storage#bucket",
            "id": wanted["name"],
            "selfLink": f"https://www.googleapis.com/storage/v1/b/{wanted['name']}",
            "name": wanted["name"],
            "projectNumber": str(call.world.project_number(project)),
            "generation": str(records.next_generation(call.world)),
            "metageneration": "1",
            "location": location,
            "locationType": _location_type(location),
            "etag": etag(1),
            "timeCreated": now,
            "updated": now,
        }
        | ({} if _location_type(location) == "region" else {"rpo": "DEFAULT"})
        | merge(_defaults(wanted), given)
    )


def _defaults(wanted: dict[str, Any]) -> dict[str, Any]:
    access = {"uniformBucketLevelAccess": {"enabled": False}, "publicAccessPrevention": "inherited"}
    return {"storageClass": wanted.get("storageClass") or "STANDARD", "iamConfiguration": access}


def _normalised(resource: dict[str, Any]) -> dict[str, Any]:
    """`bucketPolicyOnly` is the old name of `uniformBucketLevelAccess`; the service answers both, always equal."""
    access = dict(resource.get("iamConfiguration") or {})
    access["bucketPolicyOnly"] = access.get("uniformBucketLevelAccess", {"enabled": False})
    return resource | {"iamConfiguration": access, "storageClass": resource.get("storageClass") or "STANDARD"}


def _location_type(location: str) -> str:
    if location in _MULTI_REGIONS:
        return "multi-region"
    return "dual-region" if location in _DUAL_REGIONS else "region"


def _check_labels(labels: Any) -> None:
    """Source: cloud.google.com/storage/docs/tags-and-labels: at most 64, lower case, 63 characters."""
    if labels is None:
        return
    if not isinstance(labels, dict) or len(labels) > _MOST_LABELS:
        raise errors.invalid("Bucket label is invalid.")
    for key, value in labels.items():
        text = f"{key}{value or ''}"
        if (
            not key[:1].isalpha()
            or text != text.lower()
            or not _LABEL.fullmatch(key)
            or not _LABEL.fullmatch(value or "")
        ):
            raise errors.invalid(f"Invalid label: '{key}: {value}'")


def _check_promises(wanted: dict[str, Any]) -> None:
    """Refuse what would have to act later and does not here."""
    for key in _PROMISES:
        if wanted.get(key) and key != "softDeletePolicy":
            raise errors.unimplemented(f"{key} of a bucket")
