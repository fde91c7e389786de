"""The IAM policy of a bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.apis.storage import buckets, errors, records, shapes
from emulator.apis.storage.wire import Reply, etag

if TYPE_CHECKING:
    from emulator.apis.storage.wire import Call

POLICY = "storage.policy"


def get(call: Call) -> Reply:
    """The policy, with the bindings every bucket starts with."""
    return Reply(_policy(call, records.find_bucket(call.world, call.path["bucket"])))


def put(call: Call) -> Reply:
    """Replace the policy. An etag that is given must be the current one."""
    wanted = call.json(shapes.POLICY)
    name = call.path["bucket"]
    with call.world.store.transaction():
        record = records.find_bucket(call.world, name)
        current = _policy(call, record)
        if wanted.get("etag") not in {None, "", current["etag"]}:
            raise errors.precondition()
        number = _number(call, name) + 1
        kept = {"bindings": wanted.get("bindings", []), "version": wanted.get("version", 1), "number": number}
        call.world.store.put(POLICY, name, json.dumps(kept).encode())
        changed = buckets.touch(call, record, record.resource)
    return Reply(_policy(call, changed))


def test(call: Call) -> Reply:
    """Everything that is asked is granted: the emulator has one user, its owner."""
    records.find_bucket(call.world, call.path["bucket"])
    asked = call.query.get("permissions", "").split(",")
    return Reply({"kind": "storage#testIamPermissionsResponse", "permissions": [name for name in asked if name]})


def _number(call: Call, name: str) -> int:
    body = call.world.store.get(POLICY, name)
    return int(json.loads(body)["number"]) if body else 1


def _policy(call: Call, record: records.Record) -> dict[str, Any]:
    name = record.resource["name"]
    body = call.world.store.get(POLICY, name)
    kept = json.loads(body) if body else {"bindings": _first_bindings(record.project), "version": 1}
    return {
        "kind": "storage#policy",
        "resourceId": f"projects/_/buckets/{name}",
        "version": kept["version"],
        "etag": etag(_number(call, name)),
        "bindings": kept["bindings"],
    }


def _first_bindings(project: str) -> list[dict[str, Any]]:
    """Source: cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable."""
    owners = [f"projectEditor:{project}", f"projectOwner:{project}"]
    return [
        {"role": "roles/storage.legacyBucketOwner", "members": owners},
        {"role": "roles/storage.legacyBucketReader", "members": [f"projectViewer:{project}"]},
    ]
