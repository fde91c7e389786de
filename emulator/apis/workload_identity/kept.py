"""How pools and providers are kept: as JSON, by name, and for thirty days after they were deleted.

Source: https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools and `.providers`.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from emulator.core.failures import ApiFailure
from emulator.core.world import World

KIND = "iam.workload_identity"
KEPT_FOR = timedelta(days=30)
Resource = dict[str, Any]


def find(world: World, name: str) -> Resource | None:
    """A pool or a provider, deleted ones too, until they are gone for good."""
    body = world.store.get(KIND, name)
    return None if body is None else living(world, json.loads(body))


def living(world: World, resource: Resource) -> Resource | None:
    """A resource, unless its time after being deleted is over."""
    until = resource.get("expireTime")
    return None if until and datetime.fromisoformat(until) <= world.clock.now() else resource


def get(world: World, name: str) -> Resource:
    """The same.

    Raises:
        ApiFailure: NOT_FOUND.
    """
    found = find(world, name)
    if found is None:
        raise ApiFailure("NOT_FOUND", "Requested entity was not found.")
    return found


def save(world: World, resource: Resource) -> None:
    """Keep a resource."""
    world.store.put(KIND, resource["name"], json.dumps(resource).encode())


def below(world: World, collection: str) -> list[Resource]:
    """The members of a collection (`…/workloadIdentityPools`), by name, deleted ones too."""
    found = (json.loads(body) for name, body in world.store.list(KIND, collection + "/"))
    members = (each for each in found if "/" not in each["name"].removeprefix(collection + "/"))
    return [each for each in members if living(world, each) is not None]


def usable(world: World, name: str) -> bool:
    """Whether a pool or provider is there, not deleted and not disabled."""
    found = find(world, name)
    return found is not None and found["state"] == "ACTIVE" and not found.get("disabled")


def mark_deleted(world: World, resource: Resource) -> Resource:
    """The resource, deleted now."""
    until = (world.clock.now() + KEPT_FOR).isoformat(timespec="seconds").replace("+00:00", "Z")
    return {**resource, "state": "DELETED", "expireTime": until}


def mark_active(resource: Resource) -> Resource:
    """The resource, brought back."""
    return {key: each for key, each in resource.items() if key != "expireTime"} | {"state": "ACTIVE"}
