"""What a function's operation says of itself while it goes on: stages, as gcloud shows them.

Source: `google.cloud.functions.v2.OperationMetadata`; firebase/firebase-tools issue 7369 shows the stages of an update.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.cloud.functions_v2.types import functions as messages

from emulator.apis.functions.model import OperationMetadata, Severity, StageName, StageState
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World

KIND = "functions.operation"
TYPES = {
    "create": messages.OperationType.CREATE_FUNCTION,
    "update": messages.OperationType.UPDATE_FUNCTION,
    "delete": messages.OperationType.DELETE_FUNCTION,
}


def begun(world: World, function: Any, verb: str, stages: list[int]) -> Any:
    """The metadata of an operation that begins."""
    metadata = OperationMetadata(target=function.name, verb=verb, api_version="v2", operation_type=TYPES[verb])
    metadata.create_time.CopyFrom(timestamp(world.clock.now()))
    metadata.request_resource.Pack(function)
    for stage in stages:
        metadata.stages.add(name=stage, state=StageState.NOT_STARTED)
    return metadata


def remember(world: World, function: str, operation: str) -> None:
    """Write down which operation works on a function."""
    world.store.put(KIND, function, operation.encode())


def forget(world: World, function: str) -> None:
    """A function that is gone has no operation."""
    world.store.delete(KIND, function)


def at_work(world: World, function: str) -> bool:
    """Whether an operation works on a function."""
    body = world.store.get(KIND, function)
    operation = None if body is None else world.operations.find(body.decode())
    return operation is not None and not operation.done


@contextmanager
def stage(world: World, function: str, name: int, message: str) -> Iterator[None]:
    """Show that a stage goes on, and how it ended."""
    show(world, function, name, StageState.IN_PROGRESS, message)
    try:
        yield
    except ApiFailure as failure:
        show(world, function, name, StageState.COMPLETE, message, error=failure.message)
        raise
    show(world, function, name, StageState.COMPLETE, message)


def show(world: World, function: str, name: int, state: int, message: str, *, error: str = "") -> None:
    """Write a stage's state into the operation's metadata."""
    body = world.store.get(KIND, function)
    operation = None if body is None else world.operations.find(body.decode())
    metadata = OperationMetadata()
    if operation is None or not operation.metadata.Unpack(metadata):
        return
    for each in metadata.stages:
        if each.name == name:
            each.state, each.message = state, message
            if error:
                each.state_messages.add(severity=Severity.ERROR, type_=StageName(name).name, message=error)
    if all(each.state == StageState.COMPLETE for each in metadata.stages):
        metadata.end_time.CopyFrom(timestamp(world.clock.now()))
    world.operations.update_metadata(operation.name, metadata)
