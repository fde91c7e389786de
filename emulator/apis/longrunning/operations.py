"""The operations mixin that every API offers.

Source: google/longrunning/operations.proto.
"""

from typing import Any

from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.operations import GET_WAIT_S
from emulator.core.paging import Order, page_of
from emulator.core.resources import refuse_query
from emulator.core.world import World
from emulator.identity.enforcement import enforcement

API = Api("longrunning")
SERVICE = "google.longrunning.Operations/"
BY_NAME = Order(lambda stored: (stored[0],))
"""Of names with what is stored of them: only what is shown is read."""
WAIT_AT_MOST_S = 30.0


def not_found(name: str) -> ApiFailure:
    """Say that an operation is not there: deleted, or of another emulator."""
    return ApiFailure("NOT_FOUND", f"Operation {name} was not found.")


def named(world: World, name: str) -> str:
    """The name under which an operation is kept: APIs that name projects by number find them by id, too."""
    words = name.split("/")
    if world.operations.find(name) is not None or words[0] != "projects" or not words[1:2]:
        return name
    return "/".join([words[0], world.project_number(words[1]), *words[2:]])


@API.method(SERVICE + "GetOperation")
def get_operation(world: World, request: Any, _: Call) -> Any:
    """The operation, after a short wait for work that is nearly done."""
    operation = world.operations.wait(named(world, request.name), GET_WAIT_S)
    if operation is None:
        raise not_found(request.name)
    return operation


@API.method(SERVICE + "WaitOperation")
def wait_operation(world: World, request: Any, _: Call) -> Any:
    """The operation once it is done, or as it is after the request's timeout."""
    asked_s = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else WAIT_AT_MOST_S
    operation = world.operations.wait(named(world, request.name), min(asked_s, WAIT_AT_MOST_S))
    if operation is None:
        raise not_found(request.name)
    return operation


@API.method(SERVICE + "ListOperations")
def list_operations(world: World, request: Any, call: Call) -> Any:
    """The operations below a parent that the caller may get, by name."""
    refuse_query(request)
    found = world.store.list("operation", f"{request.name.removesuffix('/operations')}/operations/".lstrip("/"))
    if not enforcement(world).spares(call.caller):
        from emulator.wire.enforcement import may_get  # noqa: PLC0415 - the developer's calls need nothing of it

        found = [(name, body) for name, body in found if may_get(world, call.caller, name)]
    shown, token = page_of(request, found, BY_NAME)
    operations = [operations_pb2.Operation.FromString(body) for _, body in shown]
    return operations_pb2.ListOperationsResponse(operations=operations, next_page_token=token)


@API.method(SERVICE + "CancelOperation")
def cancel_operation(world: World, request: Any, _: Call) -> Any:
    """End it with CANCELLED, if it is not done."""
    name = named(world, request.name)
    if world.operations.find(name) is None:
        raise not_found(request.name)
    world.operations.cancel(name)
    return Empty()


@API.method(SERVICE + "DeleteOperation")
def delete_operation(world: World, request: Any, _: Call) -> Any:
    """Forget the result. This does not cancel."""
    if not world.operations.delete(named(world, request.name)):
        raise not_found(request.name)
    return Empty()
