"""IAM at the door: which permissions a call needs, on which resources, and whether its caller has them."""

from collections.abc import Iterator, Sequence
from typing import Any

from emulator.core.api import Call, Registry
from emulator.core.permissions import Demand, Table
from emulator.core.resources import fits
from emulator.core.world import World
from emulator.identity import access
from emulator.identity.refusals import gap, require
from emulator.wire.named import default_field, opened, value_at

OPERATIONS = "google.longrunning.Operations/"
ON_OPERATION = {"GetOperation": "get", "WaitOperation": "get", "CancelOperation": "cancel", "DeleteOperation": "delete"}
ROLES_CHANGED = "iam.googleapis.com/modifiedGrantsByRole"


def check(world: World, call: Call, request: Any) -> Any:
    """Check a call's permissions; returns the request, of whose stream the first message has been read.

    Raises:
        ApiFailure: PERMISSION_DENIED.
    """
    first, whole = opened(request)
    if first is not None:
        check_message(world, call, first)
    return whole


def check_message(world: World, call: Call, request: Any) -> None:
    """Check what one request needs."""
    for table, demand in demanded(world, call.method, request):
        path = list(demand.field) or default_field(request.DESCRIPTOR)
        named = value_at(request, path)
        if demand.account:
            check_account(world, call, (table, demand), request, named)
        elif named or not demand.field:
            target = target_of(world, table, named, attributes(world, call.method, request))
            require(world, call.caller, (table, demand), target, named)


def demanded(world: World, method: str, request: Any) -> Iterator[tuple[Table, Demand]]:
    """The permissions that a call needs, each with the table of the API whose it is.

    Raises:
        ApiFailure: Nobody has said which.
    """
    tables = world.part(Registry).permissions(method)
    for table in tables:
        if method in table.methods:
            yield from ((table, demand) for demand in table.methods[method])
            return
    verb = method.rpartition("/")[2]
    if verb == "TestIamPermissions":
        return  # answers what the caller has
    if verb in ("GetIamPolicy", "SetIamPolicy"):
        yield on_policy(tables, method, request.resource, verb)
        return
    if method.startswith(OPERATIONS) and verb in ON_OPERATION:
        yield from on_operation(world, request.name, ON_OPERATION[verb])
        return
    raise gap(method)


def on_policy(tables: Sequence[Table], method: str, resource: str, verb: str) -> tuple[Table, Demand]:
    """The permission to read or set a policy: the resource's name says whose it is.

    Raises:
        ApiFailure: Nobody has said which.
    """
    for table in tables:
        for pattern, noun in table.policies.items():
            if fits(pattern, resource):
                return table, Demand(f"{noun}.{verb[0].lower()}{verb[1:]}", ("resource",))
    raise gap(method)


def on_operation(world: World, name: str, verb: str) -> Iterator[tuple[Table, Demand]]:
    """The permission on an operation: its metadata say which API's it is; several APIs ask for none."""
    found = world.operations.find(name)
    kind = found.metadata.type_url.rpartition("/")[2] if found is not None else ""
    for table in world.part(Registry).permissions(kind):
        if table.operations:
            yield table, Demand(f"{table.operations}.{verb}", ("name",))


def target_of(world: World, table: Table, named: str, about: dict[str, Any]) -> access.Target:
    """What a permission is needed on, as policies and conditions name it."""
    name = access.stored_name(world, named)
    sort = next((sort for pattern, sort in table.types.items() if fits(pattern, name)), "")
    shown = name
    if table.numbers and name.startswith("projects/"):
        _, project, *rest = name.split("/")
        shown = "/".join(["projects", world.project_number(project), *rest])
    return access.Target(name, shown, sort, table.service, attributes=about)


def check_account(world: World, call: Call, needed: tuple[Table, Demand], request: Any, email: str) -> None:
    """Check that the caller may have the API act as an account, where the request names one.

    Raises:
        ApiFailure: PERMISSION_DENIED.
    """
    table, demand = needed
    if not is_written(request, demand):
        return
    project = target_of(world, table, value_at(request, default_field(request.DESCRIPTOR)), {}).name.split("/")[1]
    if not email and demand.default:
        email = world.default_service_account(project)
    if email:
        email = email.rpartition("/")[2]
        name = access.stored_name(world, access.account_name(world, email, project))
        target = access.Target(name, name, "iam.googleapis.com/ServiceAccount", "iam.googleapis.com")
        require(world, call.caller, needed, target, email)


def is_written(request: Any, demand: Demand) -> bool:
    """Whether a request sets the field of an account: an update names it, or something around it, in its mask."""
    mask = getattr(request, "update_mask", None)
    if mask is None or not mask.paths:
        return True
    wanted = demand.field[1:]
    paths = [tuple(path.split(".")) for path in mask.paths]
    return any(path == ("*",) or path == wanted[: len(path)] or path[: len(wanted)] == wanted for path in paths)


def allow_named(world: World, caller: str, permission: str, resource: str, services: str) -> None:
    """Let a caller pass who has a permission on a resource, in the words of the API of some services.

    Raises:
        ApiFailure: PERMISSION_DENIED.
    """
    table = world.part(Registry).permissions(services)[0]
    require(world, caller, (table, Demand(permission)), target_of(world, table, resource, {}), resource)


def may_get(world: World, caller: str, operation: str) -> bool:
    """Whether a caller may get an operation."""
    return all(
        access.may(world, caller, demand.permission, target_of(world, table, operation, {})).granted
        for table, demand in on_operation(world, operation, "get")
    )


def held(world: World, call: Call, resource: str, permissions: Sequence[str]) -> list[str]:
    """Of some permissions on a resource, those that the caller has."""
    tables = world.part(Registry).permissions(call.method)
    whose = [table for table in tables if any(fits(pattern, resource) for pattern in table.policies)]
    target = target_of(world, whose[0] if whose else Table(), resource, {})
    return [each for each in permissions if access.may(world, call.caller, each, target).granted]


def attributes(world: World, method: str, request: Any) -> dict[str, Any]:
    """What conditions may ask of the request (https://cloud.google.com/iam/docs/setting-limits-on-granting-roles)."""
    if not method.endswith("/SetIamPolicy"):
        return {}
    before = set(access.bindings_of(world, access.stored_name(world, request.resource)))
    after = set(access.parsed(request.policy.SerializeToString()))
    return {ROLES_CHANGED: sorted({binding.role for binding in before ^ after})}
