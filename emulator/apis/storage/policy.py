"""The IAM policy of a bucket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emulator.apis.storage import access, buckets, errors, kept, records, shapes
from emulator.apis.storage.wire import Reply, etag

if TYPE_CHECKING:
    from emulator.apis.storage.wire import Call


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
        wanted_now = {"bindings": wanted.get("bindings", []), "version": wanted.get("version", 1), "number": number}
        call.world.store.put(kept.POLICY, name, json.dumps(wanted_now).encode())
        changed = buckets.touch(call, record, record.resource)
    return Reply(_policy(call, changed))


def test(call: Call) -> Reply:
    """Of the permissions that are asked about, those that the caller has."""
    records.find_bucket(call.world, call.path["bucket"])
    granted = access.held(call, call.path["bucket"], call.query.get("permissions", "").split(","))
    return Reply({"kind": "storage#testIamPermissionsResponse", "permissions": granted})


def _number(call: Call, name: str) -> int:
    body = call.world.store.get(kept.POLICY, name)
    return int(json.loads(body)["number"]) if body else 1


def _policy(call: Call, record: records.Record) -> dict[str, Any]:
    name = record.resource["name"]
    stored = kept.read(call.world, record)
    return {
        "kind": "storage#policy",
        "resourceId": f"projects/_/buckets/{name}",
        "version": stored["version"],
        "etag": etag(_number(call, name)),
        "bindings": stored["bindings"],
    }
