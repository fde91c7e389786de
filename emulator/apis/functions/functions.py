"""The methods of functions: create, read, list, change, delete, and their policies.

Source: `google.cloud.functions.v2.FunctionService`; kinds.md section 8.
"""

import re
from typing import Any

from emulator.apis.functions import builds, checks, deployments, progress, services, sources
from emulator.apis.functions.defaults import fill
from emulator.apis.functions.model import (
    API,
    FUNCTIONS,
    OUTPUT,
    SERVICE,
    Function,
    Severity,
    State,
    find_by_service,
    service_of,
)
from emulator.apis.run.stored import SERVICES
from emulator.apis.standard import Listing, getting, held, listing_of, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import apply_mask, by_id, timestamp
from emulator.core.world import World

BUSY = "unable to queue the operation"
"""firebase/firebase-tools issues 9343 and 10731."""
NO_SERVICE = "CloudRunServiceNotFound"
SERVICE_GONE = "Cloud Run service {service} for the function was not found. The function will not work correctly. "
SERVICE_GONE += "Please redeploy."
GEN_2_ONLY = re.compile(r'environment\s*[=:]\s*"?GEN_2"?')
LABEL = re.compile(r'labels\.([a-z][a-z0-9_-]*)\s*[=:]\s*"?([a-z0-9_-]*)"?')


@API.method(SERVICE + "CreateFunction")
def create_function(world: World, request: Any, _: Call) -> Any:
    """Store it; the operation builds and deploys it. A deployment that fails leaves the function there."""
    parent = by_id(world, request.parent)
    checks.check_place(parent)
    checks.check_id(request.function_id)
    return create(world, f"{parent}/functions/{request.function_id}", request.function)


def create(world: World, name: str, sent: Any) -> Any:
    """A new function."""
    function = Function()
    apply_mask(function, sent, ["*"], keep=OUTPUT)
    function.name = name
    check_free(world, name)
    complete(world, function)
    with world.store.transaction():
        check_free(world, name)
        deployments.touched(world, function, State.DEPLOYING)
        function.create_time.CopyFrom(timestamp(world.clock.now()))
        FUNCTIONS.save(world, function)
        return deployments.started(world, function, "create")


def check_free(world: World, name: str) -> None:
    """Refuse a name that a function has, or whose service somebody has.

    Raises:
        ApiFailure: ALREADY_EXISTS.
    """
    if FUNCTIONS.find(world, name) is not None or find_by_service(world, service_of(name)) is not None:
        raise FUNCTIONS.taken(name)
    services.check_free(world, name)


def complete(world: World, function: Any) -> None:
    """Fill in what was left out, check the whole, find its source. Outside of transactions: it calls Cloud Storage."""
    fill(world, function)
    checks.check(world, function)
    build = function.build_config
    if not builds.is_current(world, function):
        build.source.storage_source.generation = sources.newest(world, function)
    build.source_provenance.resolved_storage_source.CopyFrom(build.source.storage_source)


@API.method(SERVICE + "UpdateFunction")
def update_function(world: World, request: Any, _: Call) -> Any:
    """Change it by mask; without a mask everything is replaced."""
    name, paths = by_id(world, request.function.name), list(request.update_mask.paths) or ["*"]
    checks.check_mask(paths)
    function = FUNCTIONS.get(world, name)
    check_idle(world, name)
    before = deployments.copy_of(function)
    change(function, request.function, paths)
    complete(world, function)
    with world.store.transaction():
        check_idle(world, name)
        if FUNCTIONS.get(world, name) != before:
            raise ApiFailure("ABORTED", BUSY)
        deployments.touched(world, function, State.DEPLOYING)
        FUNCTIONS.save(world, function)
        return deployments.started(world, function, "update")


def change(function: Any, sent: Any, paths: list[str]) -> None:
    """Take what the mask names. What only the server knows stays; a source that is named anew is the newest."""
    before = deployments.copy_of(function)
    apply_mask(function, sent, paths, keep=OUTPUT)
    function.build_config.build = before.build_config.build
    for field in ("service", "uri", "revision"):
        setattr(function.service_config, field, getattr(before.service_config, field))
    if function.HasField("event_trigger"):
        function.event_trigger.trigger = before.event_trigger.trigger


def check_idle(world: World, name: str) -> None:
    """Refuse a write while an operation works on the function.

    Raises:
        ApiFailure: ABORTED.
    """
    if progress.at_work(world, name):
        raise ApiFailure("ABORTED", BUSY)


@API.method(SERVICE + "DeleteFunction")
def delete_function(world: World, request: Any, _: Call) -> Any:
    """The operation takes service, trigger and images away, and then the function."""
    name = by_id(world, request.name)
    with world.store.transaction():
        function = FUNCTIONS.get(world, name)
        check_idle(world, name)
        deployments.touched(world, function, State.DELETING)
        FUNCTIONS.save(world, function)
        metadata = progress.begun(world, function, "delete", [])
        operation = world.operations.start_task(deployments.place(function), metadata, deployments.delete, name)
        progress.remember(world, name, operation.name)
    return operation


def shown(world: World, function: Any) -> Any:
    """A function as it is: one whose service has gone, or whose operation ended before its time, says so."""
    if function.state == State.ACTIVE and SERVICES.find(world, service_of(function.name)) is None:
        fail(function, NO_SERVICE, SERVICE_GONE.format(service=service_of(function.name)))
    if function.state in (State.DEPLOYING, State.DELETING) and not progress.at_work(world, function.name):
        fail(function, "OperationFailed", "The last operation did not end. Please redeploy.")
    return function


def fail(function: Any, kind: str, message: str) -> None:
    """Show a function as failed."""
    function.state = State.FAILED
    del function.state_messages[:]
    function.state_messages.add(severity=Severity.ERROR, type_=kind, message=message)


def matching(functions: list[Any], query: str) -> list[Any]:
    """What a filter lets through: the second generation, which all are here, and one label.

    Raises:
        ApiFailure: UNIMPLEMENTED for any other.
    """
    if not query or GEN_2_ONLY.fullmatch(query.strip()):
        return functions
    wanted = LABEL.fullmatch(query.strip())
    if wanted is None:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know filter={query!r} here.")
    return [each for each in functions if each.labels.get(wanted[1]) == wanted[2]]


standard(API, SERVICE, "Function", FUNCTIONS, deleted=None, policies=held(FUNCTIONS))
LISTED = listing_of(FUNCTIONS, Listing(default=1000, matching=matching))
READ = getting(FUNCTIONS, "Function")


@API.method(SERVICE + "GetFunction")
def get_function(world: World, request: Any, call: Call) -> Any:
    """One function, as it is now."""
    return shown(world, READ(world, request, call))


@API.method(SERVICE + "ListFunctions")
def list_functions(world: World, request: Any, call: Call) -> Any:
    """A page of functions, each as it is now."""
    answer = LISTED(world, request, call)
    for function in answer.functions:
        shown(world, function)
    return answer
