"""What is stored, and how each collection answers for a name that is not there."""

from collections.abc import Callable
from typing import Any

from emulator.apis.aiplatform import names
from emulator.apis.aiplatform.monitoring.messages import DeleteMetadata, ModelMonitor, ModelMonitoringJob, Schedule
from emulator.apis.aiplatform.refusals import missing, taken
from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, timestamp
from emulator.core.world import World

API = Api("aiplatform-monitoring")
MONITOR, JOB = f"{names.PLACE}/modelMonitors/*", f"{names.PLACE}/modelMonitors/*/modelMonitoringJobs/*"
CHOSEN = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
"""Ids that callers choose (comments of the create requests); the server's are numbers."""
ANY_ID = rf"{CHOSEN}|{names.NUMERIC}"
STATS, ALERTS = "aiplatform.monitoring_stats", "aiplatform.monitoring_alert"
"""What jobs found, below the job's name."""


def collection(kind: str, message: Any, pattern: str, ids: str, place: Callable[..., str]) -> Collection:
    """The resources of one kind."""
    noun = message.DESCRIPTOR.name

    def absent(_: str) -> ApiFailure:
        return missing(noun)

    def present(name: str) -> ApiFailure:
        return taken(noun, name)

    def key(world: World, name: str) -> str:
        return names.checked(world, name, pattern, ids, noun)

    return Collection(f"aiplatform.{kind}", message, pattern, absent, present, key, place)


MONITORS = collection("model_monitor", ModelMonitor, MONITOR, ANY_ID, names.place)
JOBS = collection("monitoring_job", ModelMonitoringJob, JOB, ANY_ID, MONITORS.key)
SCHEDULES = collection("schedule", Schedule, f"{names.PLACE}/schedules/*", names.NUMERIC, names.place)


def deleted(world: World, name: str) -> Any:
    """The operation of a delete, done in its first answer as those of other jobs are."""
    return world.operations.done(names.location(name), stamped(world, DeleteMetadata()))


def stamped(world: World, metadata: Any) -> Any:
    """An operation's metadata with its times."""
    now = timestamp(world.clock.now())
    metadata.generic_metadata.create_time.CopyFrom(now)
    metadata.generic_metadata.update_time.CopyFrom(now)
    return metadata


def forget_below(world: World, kind: str, name: str) -> None:
    """Delete all of a kind that lies below a name."""
    world.store.delete_all(kind, [each for each, _ in world.store.list(kind, f"{name}/")])
