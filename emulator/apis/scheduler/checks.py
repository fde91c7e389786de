"""What the server fills into a job, and which jobs it refuses.

Source: kinds.md section 5; constraints.md section 5; the message comments of google-cloud-scheduler 2.21.0.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from google.cloud.scheduler_v1.types import target as messages

from emulator.apis.scheduler import retries, schedules
from emulator.apis.scheduler.model import Job, invalid, project_of
from emulator.core.failures import ApiFailure
from emulator.core.resources import field_of, fits
from emulator.core.texts import is_address, is_header
from emulator.core.world import World
from emulator.identity import accounts

SENDER = "Google-Cloud-Scheduler"
HTTP_DEADLINE_S, LEAST_DEADLINE_S, MOST_DEADLINE_S = 180, 15, 1800
DESCRIPTION_MOST, URI_MOST, HEADERS_MOST, JOB_MOST, RETRIES_MOST = 500, 2083, 80 << 10, 1 << 20, 5
OWN = "http://127.0.0.1:"
"""Addresses of what the emulator runs, which has no certificate for https."""
METHODS = messages.HttpMethod
WITH_BODY = (METHODS.POST, METHODS.PUT, METHODS.PATCH)
OURS = ("host", "content-length", "user-agent")
OURS_BY_BEGINNING = ("x-google-", "x-appengine-", "x-cloudscheduler")
"""Headers that a caller cannot set: they are left out."""
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def fill(job: Any) -> None:
    """Write what the caller left out."""
    job.time_zone = job.time_zone or "Etc/UTC"
    retries.fill(job.retry_config)
    if not job.HasField("http_target"):
        job.ClearField("attempt_deadline")  # ignored for Pub/Sub, and not shown
        return
    if not job.HasField("attempt_deadline"):
        job.attempt_deadline.seconds = HTTP_DEADLINE_S
    fill_http(job.http_target)


def fill_http(target: Any) -> None:
    """Method, headers and tokens; a bare host gets a slash."""
    target.http_method = target.http_method or METHODS.POST
    if host_of(target.uri) and not set("/?#") & set(target.uri.partition("://")[2]):
        target.uri = f"{target.uri}/"
    for name in [name for name in target.headers if name.lower() in OURS or name.lower().startswith(OURS_BY_BEGINNING)]:
        del target.headers[name]
    target.headers["User-Agent"] = SENDER
    if target.body and "content-type" not in map(str.lower, target.headers):
        target.headers["Content-Type"] = "application/octet-stream"
    if target.HasField("oidc_token"):
        target.oidc_token.audience = target.oidc_token.audience or target.uri
    if target.HasField("oauth_token"):
        target.oauth_token.scope = target.oauth_token.scope or SCOPE


def check(world: World, job: Any) -> None:
    """Refuse what Google refuses. The job is filled."""
    if len(job.description) > DESCRIPTION_MOST:
        raise invalid(f"Job.description must be at most {DESCRIPTION_MOST} characters.")
    if job.ByteSize() > JOB_MOST:
        raise invalid("The job is larger than 1 MB.")
    check_schedule(job, world.clock.now())
    check_retries(job.retry_config)
    chosen = job.WhichOneof("target")
    if chosen is None:
        raise invalid("Job.target must be set.")
    if chosen == "app_engine_http_target":
        raise ApiFailure("UNIMPLEMENTED", "App Engine targets are not emulated.")
    if chosen == "pubsub_target":
        check_pubsub(job.pubsub_target, project_of(job))
    else:
        check_http(world, job)


def check_schedule(job: Any, now: datetime) -> None:
    """A schedule that comes, and a time zone.

    Source: googleapis/google-cloud-go issue 1352.
    """
    try:
        schedules.following(job.schedule, job.time_zone, now)
    except schedules.ScheduleError as error:
        raise invalid("Schedule or time zone is invalid.") from error
    except NotImplementedError as error:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know the schedule {job.schedule!r}.") from error


def check_retries(config: Any) -> None:
    """Counts and times."""
    if not 0 <= config.retry_count <= RETRIES_MOST:
        raise invalid(f"RetryConfig.retry_count must be between 0 and {RETRIES_MOST}.")
    least, most, longest = (
        retries.seconds(each)
        for each in (config.min_backoff_duration, config.max_backoff_duration, config.max_retry_duration)
    )
    if min(least, most, longest, config.max_doublings) < 0:
        raise invalid("RetryConfig: durations and max_doublings must not be negative.")
    if least > most:
        raise invalid("RetryConfig.min_backoff_duration must not be greater than max_backoff_duration.")


def check_pubsub(target: Any, project: str) -> None:
    """A topic of the job's project, which need not exist; a message that is not empty."""
    if not fits("projects/*/topics/*", target.topic_name):
        raise invalid("PubsubTarget.topic_name must be formatted: projects/<PROJECT_ID>/topics/<TOPIC_ID>.")
    if target.topic_name.split("/")[1] != project:
        raise invalid("PubsubTarget.topic_name: the topic must be in the same project as the job.")
    if not target.data and not target.attributes:
        raise invalid("PubsubTarget must have either non-empty data or at least one attribute.")


def check_http(world: World, job: Any) -> None:
    """Address, method, body, token and deadline."""
    target = job.http_target
    if not target.uri.startswith(("http://", "https://")) or not host_of(target.uri) or len(target.uri) > URI_MOST:
        raise invalid('HttpTarget.uri must start with "http://" or "https://", and have at most 2083 characters.')
    if not is_address(target.uri):
        raise invalid("HttpTarget.uri must have no spaces and no control characters.")
    if not all(is_header(name, value) for name, value in target.headers.items()):
        raise invalid("HttpTarget.headers: the name of a header is a word, its value is one line.")
    if target.http_method not in set(METHODS):
        raise invalid("HttpTarget.http_method is not known.")
    if target.body and target.http_method not in WITH_BODY:
        raise invalid("HttpTarget.body is allowed only for POST, PUT and PATCH.")
    if sum(len(name) + len(value) for name, value in target.headers.items()) > HEADERS_MOST:
        raise invalid("HttpTarget.headers must be smaller than 80KB.")
    if not LEAST_DEADLINE_S <= retries.seconds(job.attempt_deadline) <= MOST_DEADLINE_S:
        raise invalid("Job.attempt_deadline must be between 15s and 1800s.")
    check_token(world, target, project_of(job))


def host_of(uri: str) -> str:
    """The host of an address; empty where there is none."""
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


def check_token(world: World, target: Any, project: str) -> None:
    """Tokens go over https, of an account that is there.

    Source: for the account, googleapis/nodejs-tasks issue 249, and answers of Cloud Scheduler quoted in several
        repositories; for the address, the twin words of Cloud Tasks.
    """
    chosen = target.WhichOneof("authorization_header")
    if chosen is None:
        return
    if not target.uri.startswith(("https://", OWN)):
        raise invalid("HttpTarget.uri must start with 'https://' for request with HttpTarget.authorization_header")
    email = getattr(target, chosen).service_account_email
    if not accounts.usable(world, email, project):
        lacks = 'The principal (user or service account) lacks IAM permission "iam.serviceAccounts.actAs" for the'
        raise ApiFailure("PERMISSION_DENIED", f'{lacks} resource "{email}" (or the resource may not exist).')


def check_mask(paths: Any) -> None:
    """A mask names fields of a job.

    Source: googleapis/nodejs-scheduler issue 447.
    """
    for path in paths:
        if path != "*" and field_of(Job(), path.partition(".")[0]) is None:
            raise invalid(f"Invalid mask for Job: {path}")
