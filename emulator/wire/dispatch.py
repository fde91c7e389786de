"""The one way into a behaviour: count the call, impose faults, run it, let its operation begin."""

from collections.abc import Callable
from typing import Any, TypeVar

from emulator.core import places
from emulator.core.api import Call, Registry
from emulator.core.failures import not_emulated, without_room
from emulator.core.faults import OperationFault
from emulator.core.world import World
from emulator.identity.enforcement import enforcement
from emulator.wire import switched_off

T = TypeVar("T")

READS = (
    "Access", "Check", "Export", "Fetch", "Get", "Lint", "List", "Lookup", "Query", "Read", "Search", "Test",
    "Validate", "Verify", "Wait",
)  # fmt: skip
"""First words of methods that write nothing, by the naming rules of AIP-130 to AIP-136."""


VALIDATED = "?validateOnly"
"""After the name of a method, in the counts of calls: it was asked to check and to write nothing."""
POLICY_METHODS = ("/GetIamPolicy", "/SetIamPolicy", "/TestIamPermissions")


def is_mutating(method: str) -> bool:
    """Whether a method of the table writes."""
    return not method.rsplit("/", 1)[1].startswith(READS)


def perform(world: World, call: Call, request: Any) -> Any:
    """Answer a call of the table.

    Raises:
        ApiFailure: The API's refusal, or an injected one.
    """
    name = f"{call.method}{VALIDATED}" if getattr(request, "validate_only", False) else call.method
    return guarded(world, call, lambda: _behave(world, call, request), counted=name)


def guarded(world: World, call: Call, work: Callable[[], T], *, counted: str = "") -> T:
    """Run `work` as the API call it is. HTTP-only APIs (Cloud Storage) call this around each of their routes.

    Args:
        world: Where.
        call: Which.
        work: Answers it.
        counted: As what it is counted, when not as its method.

    Raises:
        ApiFailure: From the work, or injected before it or after it (then the write has happened).
    """
    world.calls.add(counted or call.method)
    ruling = world.faults.rule(call.method, mutating=call.mutating)
    ruling.impose("before", call.cancelled)
    with without_room():
        answer = work()
    begin_operation(world, answer, ruling.operation)
    ruling.impose("after", call.cancelled)
    return answer


def _behave(world: World, call: Call, request: Any) -> Any:
    request = switched_off.check(world, call.method, request)
    places.check(call.method, request, mutating=call.mutating)
    registry = world.part(Registry)
    behaviour = registry.behaviour(call.method)
    if behaviour is not None:
        return behaviour(world, permitted(world, call, request), call)
    held = registry.policies(call.method, request.resource) if call.method.endswith(POLICY_METHODS) else None
    if held is None:
        raise not_emulated(call.method)
    from emulator.identity import iam_policy  # noqa: PLC0415 - imports Google's messages

    answer = iam_policy.answer(world, held, call.method, permitted(world, call, request))
    return granted(world, call, request, answer) if call.method.endswith("/TestIamPermissions") else answer


def permitted(world: World, call: Call, request: Any) -> Any:
    """The request of a caller who may make it.

    Raises:
        ApiFailure: PERMISSION_DENIED.
    """
    if enforcement(world).spares(call.caller):
        return request
    from emulator.wire.enforcement import check  # noqa: PLC0415 - the developer's calls need nothing of it

    return check(world, call, request)


def allow(world: World, caller: str, permission: str, resource: str, services: str) -> None:
    """Let a caller pass who has a permission; for routes that are not in the table.

    Args:
        world: Where.
        caller: E-mail.
        permission: Such as `run.services.get`.
        resource: Its name.
        services: What the methods of the API begin with whose permission it is: `google.cloud.run.v2.`.

    Raises:
        ApiFailure: PERMISSION_DENIED, in that API's words.
    """
    if not enforcement(world).spares(caller):
        from emulator.wire.enforcement import allow_named  # noqa: PLC0415 - the developer's calls need nothing of it

        allow_named(world, caller, permission, resource, services)


def has(world: World, caller: str, permission: str, resource: str) -> bool:
    """Whether a caller may do something to a resource: for methods that show each caller only what is his."""
    if enforcement(world).spares(caller):
        return True
    from emulator.identity import access  # noqa: PLC0415 - the developer's calls need nothing of it

    return access.may(world, caller, permission, access.Target(access.stored_name(world, resource))).granted


def granted(world: World, call: Call, request: Any, answer: Any) -> Any:
    """Of the permissions asked about, those that the caller has."""
    if enforcement(world).spares(call.caller):
        return answer
    from emulator.wire.enforcement import held  # noqa: PLC0415 - the developer's calls need nothing of it

    answer.permissions[:] = held(world, call, request.resource, answer.permissions)
    return answer


def begin_operation(world: World, answer: Any, fault: OperationFault | None = None) -> None:
    """Let the work begin when the answer is an operation."""
    descriptor = getattr(answer, "DESCRIPTOR", None)
    if getattr(descriptor, "full_name", "") == "google.longrunning.Operation":
        world.operations.begin(answer.name, fault)
