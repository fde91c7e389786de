"""One attempt: a request or a message is sent to a job's target, and what comes of it.

Nothing leaves this machine: an emulator must not call strangers at night with tokens that look like Google's. Google's
own APIs are this emulator.

Source: comments of `HttpTarget` for headers and success; google/rpc/code.proto for what an HTTP status means.
"""

import logging
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from google.rpc import status_pb2

from emulator.apis.scheduler import checks, schedules
from emulator.apis.scheduler.model import project_of
from emulator.apis.scheduler.retries import seconds
from emulator.core.api import Call, Registry
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.doors import INSIDE, Inside
from emulator.identity.tokens import Tokens
from emulator.wire.dispatch import perform

log = logging.getLogger(__name__)

PUBLISH = "google.pubsub.v1.Publisher/Publish"
HERE = ("127.0.0.1", "localhost", "::1")
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
    import httpx  # noqa: PLC0415 - most emulators never fire a job

    target = job.http_target
    url, host = address(world, target.uri)
    headers = {**target.headers, **about(job, scheduled), **authorization(world, job), "Host": host}
    if url != target.uri:  # Google's host is nobody's name for us but our own
        headers[INSIDE.decode()] = world.part(Inside, Inside).token
    asked = {"method": checks.METHODS(target.http_method).name, "url": url, "content": target.body or None}
    try:
        with client(world).stream(**asked, headers=headers, timeout=seconds(job.attempt_deadline)) as answer:
            code = answer.status_code
    except httpx.TimeoutException as error:
        raise ApiFailure("DEADLINE_EXCEEDED", "The target did not answer before the deadline.") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ApiFailure("UNAVAILABLE", f"The target cannot be reached: {error}") from error
    if code // 100 != 2:  # noqa: PLR2004 - success is 200 to 299
        # Source of the words: debugInfo of the service's log, quoted in koduki/ai-tuber issue 41.
        raise ApiFailure(MEANING.get(code, "UNKNOWN"), f"Original HTTP response code number = {code}")


def client(world: World) -> Any:
    """The HTTP client of this cloud: made once, since making one takes longer than a call."""
    import httpx  # noqa: PLC0415 - as in `request`

    def make() -> httpx.Client:
        return httpx.Client(
            trust_env=False,  # a proxy of the user's is no way to an address of this machine
            follow_redirects=True,
            event_hooks={"request": [stay_here]},
            limits=httpx.Limits(max_keepalive_connections=0),  # what is called comes and goes
        )

    return world.part(httpx.Client, make)


def address(world: World, uri: str) -> tuple[str, str]:
    """Where a request really goes, and which host it is for."""
    parts = urlsplit(uri)
    if world.part(Registry).serves(parts.hostname or ""):
        return world.http_url + uri.partition(parts.netloc)[2], parts.netloc
    return uri, parts.netloc


def stay_here(asked: Any) -> None:
    """Refuse to leave the machine, also by a redirect."""
    if asked.url.host not in HERE:
        raise ApiFailure("UNAVAILABLE", f"The emulator sends nothing beyond this machine, so not to {asked.url.host}.")


def about(job: Any, scheduled: datetime) -> dict[str, str]:
    """The headers that say which job it is and when it was to run."""
    found = {"X-CloudScheduler": "true", "X-CloudScheduler-JobName": job.name.rpartition("/")[2]}
    if schedules.is_cron(job.schedule):
        local = scheduled.astimezone(schedules.zone_of(job.time_zone)).isoformat(timespec="seconds")
        found["X-CloudScheduler-ScheduleTime"] = local.replace("+00:00", "Z")
    return found


def authorization(world: World, job: Any) -> dict[str, str]:
    """The token that is asked for.

    Raises:
        ApiFailure: PERMISSION_DENIED: the account has gone since.
    """
    chosen = job.http_target.WhichOneof("authorization_header")
    if chosen is None:
        return {}
    wanted, tokens = getattr(job.http_target, chosen), world.part(Tokens)
    email = wanted.service_account_email
    if not checks.there(world, email, project_of(job)):
        raise ApiFailure("PERMISSION_DENIED", f"There is no token for {email}: it does not exist or is disabled.")
    token = (
        tokens.id_token(email, wanted.audience) if chosen == "oidc_token" else tokens.access_token(email, wanted.scope)
    )
    return {"Authorization": f"Bearer {token}"}
