"""The one way into a behaviour: count the call, impose faults, run it, let its operation begin."""

from collections.abc import Callable
from typing import Any, TypeVar

from emulator.core.api import Call, Registry
from emulator.core.failures import ApiFailure
from emulator.core.faults import OperationFault
from emulator.core.world import World

T = TypeVar("T")

READS = (
    "Access", "Check", "Export", "Fetch", "Get", "Lint", "List", "Lookup", "Query", "Read", "Search", "Test", "Verify",
    "Wait",
)  # fmt: skip
"""First words of methods that write nothing, by the naming rules of AIP-130 to AIP-136."""


POLICY_METHODS = ("/GetIamPolicy", "/SetIamPolicy", "/TestIamPermissions")


def is_mutating(method: str) -> bool:
    """Whether a method of the table writes."""
    return not method.rsplit("/", 1)[1].startswith(READS)


def perform(world: World, call: Call, request: Any) -> Any:
    """Answer a call of the table.

    Raises:
        ApiFailure: The API's refusal, or an injected one.
    """
    return guarded(world, call, lambda: _behave(world, call, request))


def guarded(world: World, call: Call, work: Callable[[], T]) -> T:
    """Run `work` as the API call it is. HTTP-only APIs (Cloud Storage) call this around each of their routes.

    Raises:
        ApiFailure: From the work, or injected before it or after it (then the write has happened).
    """
    world.calls.add(call.method)
    ruling = world.faults.rule(call.method, mutating=call.mutating)
    ruling.impose("before", call.cancelled)
    answer = work()
    begin_operation(world, answer, ruling.operation)
    ruling.impose("after", call.cancelled)
    return answer


def _behave(world: World, call: Call, request: Any) -> Any:
    registry = world.part(Registry)
    behaviour = registry.behaviour(call.method)
    if behaviour is not None:
        return behaviour(world, request, call)
    held = registry.policies(call.method, request.resource) if call.method.endswith(POLICY_METHODS) else None
    if held is None:
        raise ApiFailure("UNIMPLEMENTED", f"{call.method} is not emulated.")
    from emulator.identity import iam_policy  # noqa: PLC0415 - imports Google's messages

    return iam_policy.answer(world, held, call.method, request)


def begin_operation(world: World, answer: Any, fault: OperationFault | None = None) -> None:
    """Let the work begin when the answer is an operation."""
    descriptor = getattr(answer, "DESCRIPTOR", None)
    if getattr(descriptor, "full_name", "") == "google.longrunning.Operation":
        world.operations.begin(answer.name, fault)
