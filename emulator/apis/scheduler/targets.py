"""One attempt: a request or a message is sent to a job's target, and what comes of it.

Source: comments of `HttpTarget` for headers and success; google/rpc/code.proto for what an HTTP status means.
"""

import logging
import re
import threading
from datetime import datetime
from typing import Any

from google.rpc import status_pb2

from emulator.apis import outgoing
from emulator.apis.scheduler import checks, schedules
from emulator.apis.scheduler.model import project_of
from emulator.apis.scheduler.retries import seconds
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.wire.dispatch import perform

log = logging.getLogger(__name__)

PUBLISH = "google.pubsub.v1.Publisher/Publish"
RUNS_JOB = re.compile(r"https://run\.googleapis\.com/v2/(?P<job>projects/[^/]+/locations/[^/]+/jobs/[^/:]+):run")
MEANING = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def deliver(world: World, job: Any, scheduled: datetime) -> Any:
    """Send what a job sends; returns the status that the job then shows, an empty one for success.

    Args:
        world: Where.
        job: The job.
        scheduled: For which time of its schedule.
    """
    try:
        if job.HasField("pubsub_target"):
            publish(world, job)
        else:
            request(world, job, scheduled)
    except ApiFailure as failure:
        return status_pb2.Status(code=failure.number, message=failure.message)
    except Exception:
        log.exception("attempt failed", extra={"job": job.name})
        return status_pb2.Status(code=ApiFailure("INTERNAL", "").number, message="see the emulator's log")
    return status_pb2.Status()


def publish(world: World, job: Any) -> None:
    """Publish to the topic, as Cloud Scheduler's own account."""
    from google.pubsub_v1.types import pubsub  # noqa: PLC0415 - only jobs with such a target need Pub/Sub's messages

    target = job.pubsub_target
    message = pubsub.PubsubMessage.pb()(data=target.data, attributes=dict(target.attributes))
    wanted = pubsub.PublishRequest.pb()(topic=target.topic_name, messages=[message])
    number = world.project_number(project_of(job))
    sender = f"service-{number}@gcp-sa-cloudscheduler.iam.gserviceaccount.com"
    perform(world, Call(PUBLISH, mutating=True, caller=sender), wanted)


def request(world: World, job: Any, scheduled: datetime) -> None:
    """Call the address.

    Raises:
        ApiFailure: There was no answer in time, or none of 200 to 299.
    """
    target = job.http_target
    headers = {**target.headers, **about(job, scheduled), **authorization(world, job)}
    method = checks.METHODS(target.http_method).name
    deadline_s = seconds(job.attempt_deadline)
    code = outgoing.send(world, method, target.uri, headers, body=target.body, timeout_s=deadline_s)
    if code // 100 != 2:  # noqa: PLR2004 - success is 200 to 299
        # Source of the words: debugInfo of the service's log, quoted in koduki/ai-tuber issue 41.
        raise ApiFailure(MEANING.get(code, "UNKNOWN"), f"Original HTTP response code number = {code}")
    if started := job_run(target.uri):
        stand_still(world, started)


def job_run(uri: str) -> str:
    """The Cloud Run job that an address starts, or nothing.

    Source: https://cloud.google.com/run/docs/execute/jobs-on-schedule.
    """
    found = RUNS_JOB.fullmatch(uri)
    return found["job"] if found else ""


def stand_still(world: World, job: str) -> None:
    """Skip no time while the job that was started is at work, so that a day of runs is one run after the other."""
    from emulator.apis.run.executions import wait_for_newest  # noqa: PLC0415 - imports Cloud Run's messages

    go_on = world.clock.hold()

    def wait() -> None:
        try:
            wait_for_newest(world, job)
        finally:
            go_on()

    threading.Thread(target=wait, name="standing still", daemon=True).start()


def about(job: Any, scheduled: datetime) -> dict[str, str]:
    """The headers that say which job it is and when it was to run."""
    found = {"X-CloudScheduler": "true", "X-CloudScheduler-JobName": job.name.rpartition("/")[2]}
    if schedules.is_cron(job.schedule):
        local = scheduled.astimezone(schedules.zone_of(job.time_zone)).isoformat(timespec="seconds")
        found["X-CloudScheduler-ScheduleTime"] = local.replace("+00:00", "Z")
    return found


def authorization(world: World, job: Any) -> dict[str, str]:
    """The token that is asked for."""
    chosen = job.http_target.WhichOneof("authorization_header")
    if chosen is None:
        return {}
    wanted, project = getattr(job.http_target, chosen), project_of(job)
    email = wanted.service_account_email
    if chosen == "oidc_token":
        return outgoing.identity(world, email, wanted.audience, project)
    return outgoing.access(world, email, wanted.scope, project)
