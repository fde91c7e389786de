"""Policies of buckets as they are kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.apis.storage.records import Record
    from emulator.core.world import World

POLICY = "storage.policy"


def read(world: World, record: Record) -> dict[str, Any]:
    """The policy of a bucket; one that was never set has the bindings every bucket starts with."""
    body = world.store.get(POLICY, record.resource["name"])
    found: dict[str, Any] = json.loads(body) if body else {"bindings": _first_bindings(record.project), "version": 1}
    return found


def _first_bindings(project: str) -> list[dict[str, Any]]:
    """Source: cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable."""
    owners = [f"projectEditor:{project}", f"projectOwner:{project}"]
    return [
        {"role": "roles/storage.legacyBucketOwner", "members": owners},
        {"role": "roles/storage.legacyBucketReader", "members": [f"projectViewer:{project}"]},
    ]
