"""What a function's operations do: build, make the service, wire the trigger, and say how it went.

Every step reads what is stored and can be repeated, so a restart in the middle finishes the work.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from emulator.apis.functions import builds, progress, services, sources, triggers
from emulator.apis.functions.checks import PUBSUB
from emulator.apis.functions.model import FUNCTIONS, Function, Severity, StageName, State, short
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.identity import iam_policy

STAGES = [StageName.BUILD, StageName.SERVICE]
"""gcloud adds others by itself, and refuses to see them twice."""
TYPES: dict[int, str] = {
    StageName.BUILD: "BuildFailed",
    StageName.SERVICE: "CloudRunServiceFailed",
    StageName.TRIGGER: "EventarcTriggerFailed",
}
"""Types of messages by the stage that failed. Nobody has shown Google's; people read the message."""


class StepFailed(Exception):
    """A step that ended badly: what the function's message is of, and what it says."""

    def __init__(self, kind: str, failure: ApiFailure) -> None:
        super().__init__(failure.message)
        self.kind = kind
        self.failure = failure


def stages_of(function: Any) -> list[int]:
    """The stages of a deployment."""
    return [*STAGES, *([StageName.TRIGGER] if function.HasField("event_trigger") else [])]


def deploy(world: World, name: str) -> Any:
    """Do what a create or update operation waits for; answers the function.

    Raises:
        ApiFailure: It does not work: the function is there, FAILED, and says the same.
    """
    with sources.lock(world, name):
        function = FUNCTIONS.get(world, name)
        try:
            service, build, trigger = carry_out(world, function)
        except StepFailed as step:
            builds.distrust(world, name)
            failed(world, function, step)
            raise step.failure from step
        return settled(world, function, service, build, trigger)


def carry_out(world: World, function: Any) -> tuple[Any, builds.Build, triggers.Wiring | None]:
    """Every step, in order; answers the service, the build and what brings events.

    Raises:
        StepFailed: One ended badly.
    """
    with step(world, function, StageName.BUILD, "Building the function"):
        build = builds.build(world, function)
    with step(world, function, StageName.SERVICE, "Deploying the Cloud Run service"):
        service = services.deploy(world, function, build)
    with step(world, function, StageName.TRIGGER, "Wiring the Eventarc trigger"):
        trigger = triggers.wire(world, function, service.uri)
    return service, build, trigger


@contextmanager
def step(world: World, function: Any, stage: int, message: str) -> Iterator[None]:
    """One stage of a deployment.

    Raises:
        StepFailed: It ended badly.
    """
    try:
        with progress.stage(world, function.name, stage, message):
            yield
    except ApiFailure as failure:
        raise StepFailed(TYPES[stage], failure) from failure


def failed(world: World, function: Any, step: StepFailed) -> None:
    """Write into a function why it does not work; what served before still does."""
    with world.store.transaction():
        found = FUNCTIONS.find(world, function.name)
        if found is not None and found.update_time == function.update_time:
            found.state = State.FAILED
            del found.state_messages[:]
            found.state_messages.add(severity=Severity.ERROR, type_=step.kind, message=step.failure.message)
            FUNCTIONS.save(world, found)


def settled(world: World, function: Any, service: Any, build: builds.Build, trigger: triggers.Wiring | None) -> Any:
    """Write into a function that it works, and where."""
    with world.store.transaction():
        found = FUNCTIONS.get(world, function.name)
        if found.update_time == function.update_time:
            found.state = State.ACTIVE
            del found.state_messages[:]
            show(found, service, build, trigger)
            FUNCTIONS.save(world, found)
    return found


def show(function: Any, service: Any, build: builds.Build, trigger: triggers.Wiring | None) -> None:
    """The output-only fields of a function that serves. Both addresses are the emulator's one."""
    function.build_config.build = build.name
    function.service_config.service = service.name
    function.service_config.uri = function.url = service.uri
    function.service_config.revision = short(service.latest_ready_revision)
    if trigger is not None:
        function.event_trigger.trigger = trigger.trigger
        if function.event_trigger.event_type == PUBSUB and trigger.topic:
            function.event_trigger.pubsub_topic = trigger.topic


def delete(world: World, name: str) -> Any:
    """Take everything away that a function is made of."""
    with sources.lock(world, name):
        triggers.unwire(world, name)
        services.delete(world, name)
        builds.forget(world, name)
        with world.store.transaction():
            if FUNCTIONS.find(world, name) is not None:
                FUNCTIONS.remove(world, name)
            iam_policy.forget(world, name)
            progress.forget(world, name)
    return None


def started(world: World, function: Any, verb: str) -> Any:
    """Begin the operation that deploys a function. The caller holds the transaction."""
    metadata = progress.begun(world, function, verb, stages_of(function))
    operation = world.operations.start_task(place(function), metadata, deploy, function.name)
    progress.remember(world, function.name, operation.name)
    return operation


def place(function: Any) -> str:
    """Where a function's operations are."""
    return str(function.name.rpartition("/functions/")[0])


def touched(world: World, function: Any, state: int) -> None:
    """Mark a function as written now and being worked on."""
    function.update_time.CopyFrom(timestamp(world.clock.now()))
    function.state = state
    del function.state_messages[:]


def copy_of(function: Any) -> Any:
    """A function that can be changed."""
    copied = Function()
    copied.CopyFrom(function)
    return copied
