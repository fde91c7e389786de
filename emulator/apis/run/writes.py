"""What every write of a service or a job does: identity, etag, dry run. Here the API itself begins."""

import base64
import uuid
from typing import Any

from google.longrunning import operations_pb2

from emulator.apis.run import conditions
from emulator.apis.run.names import location, short
from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.identity.callers import shown

API = Api("run")
OUTPUT = (
    "name", "uid", "generation", "create_time", "update_time", "delete_time", "expire_time", "creator",
    "last_modifier", "urls", "observed_generation", "terminal_condition", "conditions", "latest_ready_revision",
    "latest_created_revision", "traffic_statuses", "uri", "satisfies_pzs", "threat_detection_enabled", "reconciling",
    "etag",
)  # fmt: skip
"""Output only (kinds.md 3.1): what a caller sends there changes nothing."""
OPERATION = "run.operation"
"""Where the name of the operation of a service's or a job's newest write is kept, and of an execution's run."""
KEPT_DAYS = 30
CONFLICT = "Conflict for resource '{name}': version '{sent}' was specified but current version is '{current}'."


def only_validated(resource: Any) -> Any:
    """Answer a dry run: the defaulted resource, in an operation that is not kept (kinds.md 3.1)."""
    operation = operations_pb2.Operation(name=f"{location(resource.name)}/operations/{uuid.uuid4()}", done=True)
    operation.metadata.Pack(resource)
    operation.response.Pack(resource)
    return operation


def born(world: World, resource: Any, call: Call) -> None:
    """Give a new resource its identity."""
    now = timestamp(world.clock.now())
    resource.uid = str(uuid.uuid4())
    resource.generation = 1
    resource.create_time.CopyFrom(now)
    resource.creator = shown(call.caller)
    touched(world, resource, call)


def touched(world: World, resource: Any, call: Call) -> None:
    """Mark a resource as written now and being worked on."""
    resource.update_time.CopyFrom(timestamp(world.clock.now()))
    resource.last_modifier = shown(call.caller)
    resource.reconciling = True
    resource.terminal_condition.state = conditions.PENDING
    for field in (*conditions.REASONS, "message"):
        resource.terminal_condition.ClearField(field)
    stamp = resource.update_time.ToMicroseconds().to_bytes(8, "big") + resource.generation.to_bytes(4, "big")
    resource.etag = f'"{base64.b64encode(stamp).decode()}"'


def check_etag(sent: str, resource: Any) -> None:
    """Refuse a write made for another state (kinds.md 2.2: none of the recordings shows the answer).

    Raises:
        ApiFailure: ABORTED, in the words that v1 has for it.
    """
    if sent and sent != resource.etag:
        text = CONFLICT.format(name=short(resource.name), sent=sent, current=resource.etag)
        raise ApiFailure("ABORTED", text)
