"""Schedules run on the emulator's clock: one timer per schedule, for its next run.

Source: comments of `Schedule`: `maxConcurrentRunCount` limits the starts, and a start takes no time here.
"""

import json
import uuid
from datetime import datetime
from typing import Any

from google.protobuf import json_format

from emulator.apis.aiplatform.monitoring import jobs, timing
from emulator.apis.aiplatform.monitoring.messages import ScheduleState
from emulator.apis.aiplatform.monitoring.monitors import SERVICE
from emulator.apis.aiplatform.monitoring.stored import SCHEDULES
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.wire.dispatch import guarded, perform
from emulator.wire.table import message_class

KIND = "aiplatform.schedule_turn"
PIPELINE = "google.cloud.aiplatform.v1.PipelineService/CreatePipelineJob"
PIPELINE_REQUEST = "google.cloud.aiplatform_v1.types.pipeline_service:CreatePipelineJobRequest"


def plan(world: World, schedule: Any, after: datetime) -> None:
    """Let a schedule wait for its next run after a moment, whatever it waited for; the caller saves it."""
    stop(world, schedule)
    due = timing.following(schedule, after)
    if due is None:
        schedule.state = ScheduleState.COMPLETED
        return
    payload = {"name": schedule.name, "key": uuid.uuid4().hex, "due": due.isoformat()}
    timer = world.clock.call_at(due, fire, payload)
    world.store.put(KIND, schedule.name, json.dumps({"key": payload["key"], "timer": timer}).encode())
    schedule.next_run_time.CopyFrom(timestamp(due))


def stop(world: World, schedule: Any) -> None:
    """Let a schedule wait for nothing any more."""
    if (turn := turn_of(world, schedule.name)) is not None:
        world.clock.cancel(turn["timer"])
        world.store.delete(KIND, schedule.name)
    schedule.ClearField("next_run_time")


def turn_of(world: World, name: str) -> dict[str, str] | None:
    """What a schedule waits for."""
    body = world.store.get(KIND, name)
    found: dict[str, str] | None = None if body is None else json.loads(body)
    return found


def fire(world: World, payload: dict[str, Any]) -> None:
    """Make a schedule's run, if it still is its turn. Killed in between, it is made again: it was not kept."""
    due = datetime.fromisoformat(payload["due"])
    with world.store.transaction():
        schedule, turn = SCHEDULES.find(world, payload["name"]), turn_of(world, payload["name"])
        if schedule is None or turn is None or turn["key"] != payload["key"]:
            return
        schedule.last_scheduled_run_response.scheduled_run_time.CopyFrom(timestamp(due))
        schedule.last_scheduled_run_response.run_response = begun(world, schedule, due)
        schedule.started_run_count += 1
        plan(world, schedule, due)
        SCHEDULES.save(world, schedule)


def begun(world: World, schedule: Any, due: datetime) -> str:
    """Begin a run; the name of its job, or why there is none."""
    try:
        if schedule.HasField("create_model_monitoring_job_request"):
            return monitored(world, schedule, due)
        return piped(world, schedule)
    except ApiFailure as failure:
        return str(failure)


def monitored(world: World, schedule: Any, due: datetime) -> str:
    """Begin a monitoring job."""
    request = schedule.create_model_monitoring_job_request
    call = Call(SERVICE + "CreateModelMonitoringJob", mutating=True, caller=agent(world, schedule))
    made = guarded(world, call, lambda: jobs.created(world, request, schedule.name, timestamp(due)))
    return str(made.name)


def piped(world: World, schedule: Any) -> str:
    """Begin a pipeline job. Versions v1 and v1beta1 have the same message."""
    sent = json_format.MessageToDict(schedule.create_pipeline_job_request)
    request = json_format.ParseDict(sent, message_class(PIPELINE_REQUEST)(), ignore_unknown_fields=True)
    made = perform(world, Call(PIPELINE, mutating=True, caller=agent(world, schedule)), request)
    return str(made.name)


def agent(world: World, schedule: Any) -> str:
    """Vertex AI's own account, in whose name schedules call."""
    return f"service-{world.project_number(schedule.name.split('/')[1])}@gcp-sa-aiplatform.iam.gserviceaccount.com"
