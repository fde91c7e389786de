"""A job that calls an address, with headers of somebody else's, and one that publishes, with somebody else's text."""

from dataclasses import replace

from google.cloud.scheduler_v1.types import job

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.scheduler_job import SchedulerJob
from tests.conformance.example import Example

PLACE = "projects/local/locations/europe-west1"
ACCOUNTS = tuple(f"{name}@local.iam.gserviceaccount.com" for name in ("churn-retrain", "other-retrain"))
NAME = f"{PLACE}/jobs/churn_weekly"
TOPIC = "projects/local/topics/churn-retrain"
CALL = {
    "uri": "https://churn-h3x-ew.a.run.app/retrain",
    "account": ACCOUNTS[0],
    "audience": "https://churn.acme.example",
    "scope": "",
}
NO_CALL = {"uri": "", "account": "", "audience": "", "scope": ""}
MESSAGE = {"topic": TOPIC, "attributes": {"trigger": "weekly", "service": "churn"}}
NO_MESSAGE = {"topic": "", "attributes": {}}
RETRY = {"retry_count": 3, "max_retry_s": 0, "min_backoff_s": 5, "max_backoff_s": 3600, "max_doublings": 5}
CALLING = SchedulerJob(
    schedule="0 3 * * 1",
    time_zone="Europe/Paris",
    description=note("churn"),
    **CALL,
    **NO_MESSAGE,
    attempt_deadline_s=60,
    **RETRY,
    paused=False,
)
PUBLISHING = replace(CALLING, **NO_CALL, **MESSAGE, attempt_deadline_s=0)


def api(operator):
    return operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")


def prepare(operator):
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    for name in ACCOUNTS:
        accounts.create_service_account(request={"name": "projects/local", "account_id": name.partition("@")[0]})


def read(operator):
    return api(operator).get_job(request={"name": NAME})


def update(operator, path, **fields):
    api(operator).update_job(request={"job": {"name": NAME, **fields}, "update_mask": {"paths": [path]}})


SHARED = {
    "address": Address("scheduler_job", "europe-west1", "churn_weekly"),
    "read": read,
    "message": job.Job,
    "places": {
        **{name: [name] for name in ("schedule", "time_zone", "description")},
        **{name: ["http_target"] for name in CALL},
        **{name: ["pubsub_target"] for name in MESSAGE},
        **{name: ["retry_config"] for name in RETRY},
        "attempt_deadline_s": ["attempt_deadline"],
        "paused": ["state"],
    },
    # Pausing and resuming are methods.
    "by_method": frozenset({"paused"}),
    "unmarked": {"description": "theirs"},
    "prepare": prepare,
}
EDITS = (
    {"schedule": "30 4 * * *"},
    {"time_zone": "Etc/UTC"},
    {"description": f"Other words. {note('churn')}"},
    {"retry_count": 0},
    {"max_retry_s": 600},
    {"min_backoff_s": 10},
    {"max_backoff_s": 300},
    {"max_doublings": 2},
    {"paused": True},
    {"paused": True, "schedule": "30 4 * * *"},
)
EXAMPLES = (
    Example(
        fields=CALLING,
        edits=(
            {"uri": "https://churn-h3x-ew.a.run.app"},
            {"account": ACCOUNTS[1]},
            {"audience": "https://other.acme.example"},
            {"account": "", "audience": ""},
            {"audience": "", "scope": "https://www.googleapis.com/auth/cloud-platform"},
            {"attempt_deadline_s": 1800},
            {**NO_CALL, **MESSAGE, "attempt_deadline_s": 0},
            *EDITS,
        ),
        meddle=lambda operator: update(operator, "http_target.headers", http_target={"headers": {"X-Theirs": "yes"}}),
        theirs=lambda operator: read(operator).http_target.headers.get("X-Theirs") == "yes",
        part="that calls",
        **SHARED,
    ),
    Example(
        fields=PUBLISHING,
        edits=(
            {"attributes": {"trigger": "monthly"}},
            {"topic": "projects/local/topics/other"},
            {**CALL, **NO_MESSAGE, "attempt_deadline_s": 180},
            *EDITS,
        ),
        meddle=lambda operator: update(operator, "pubsub_target.data", pubsub_target={"data": b"theirs"}),
        theirs=lambda operator: read(operator).pubsub_target.data == b"theirs",
        part="that publishes",
        **SHARED,
    ),
)
