"""Schedules run on the emulator's clock: one timer per schedule, for its next run.

Source: comments of `Schedule`: `maxConcurrentRunCount` limits the starts, and a start takes no time here.
"""

import logging
import sqlite3
import uuid
from datetime import datetime
from typing import Any

from google.protobuf import json_format

from emulator.apis.aiplatform.monitoring import jobs, timing
from emulator.apis.aiplatform.monitoring.messages import ScheduleState
from emulator.apis.aiplatform.monitoring.monitors import SERVICE
from emulator.apis.aiplatform.monitoring.stored import JOBS, SCHEDULES
from emulator.apis.aiplatform.monitoring.waiting import keep, stop, turn_of
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import timestamp
from emulator.core.world import World
from emulator.wire.dispatch import guarded, perform
from emulator.wire.table import message_class

log = logging.getLogger(__name__)
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
    keep(world, schedule.name, key=payload["key"], timer=timer)
    schedule.next_run_time.CopyFrom(timestamp(due))


def fire(world: World, payload: dict[str, Any]) -> None:
    """Make a schedule's run, if it still is its turn, and wait for the next one.

    The run begins without the store's lock: a fault may hold it for long. Killed before it is written down, it is made
    again, but for a monitoring job that is there already.
    """
    due = datetime.fromisoformat(payload["due"])
    schedule = SCHEDULES.find(world, payload["name"])
    if schedule is None or not is_turn(world, payload):
        return
    said = begun(world, schedule, due)
    with world.store.transaction():
        schedule = SCHEDULES.find(world, payload["name"])
        if schedule is None:
            return
        schedule.last_scheduled_run_response.scheduled_run_time.CopyFrom(timestamp(due))
        schedule.last_scheduled_run_response.run_response = said
        schedule.started_run_count += 1
        if is_turn(world, payload):  # else it was paused, or planned anew, in the meantime
            plan(world, schedule, due)
        SCHEDULES.save(world, schedule)


def is_turn(world: World, payload: dict[str, Any]) -> bool:
    """Whether a schedule waits for this very run."""
    turn = turn_of(world, payload["name"])
    return turn is not None and turn["key"] == payload["key"]


def begun(world: World, schedule: Any, due: datetime) -> str:
    """Begin a run; the name of its job, or why there is none."""
    try:
        if schedule.HasField("create_model_monitoring_job_request"):
            return there(world, schedule, due) or monitored(world, schedule, due)
        return piped(world, schedule)
    except ApiFailure as failure:
        return str(failure)
    except sqlite3.ProgrammingError:  # the emulator is stopping: its next start fires again
        raise
    except Exception:  # or the schedule would never run again
        log.exception("a scheduled run cannot begin", extra={"schedule": schedule.name})
        return str(ApiFailure("INTERNAL", "an internal error of the emulator: see its log"))


def there(world: World, schedule: Any, due: datetime) -> str:
    """The job of a run that a kill interrupted; nothing, where there is none."""
    jobs_of = JOBS.all(world, f"{schedule.create_model_monitoring_job_request.parent}/")
    when = timestamp(due)
    return next((each.name for each in jobs_of if each.schedule == schedule.name and each.schedule_time == when), "")


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
