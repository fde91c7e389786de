"""A job that calls an address, with headers of somebody else's, and one that publishes, with somebody else's text."""

from dataclasses import replace

from google.cloud.scheduler_v1.types import job

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.scheduler_job import SchedulerJob
from tests.conformance.example import Example
from tests.conformance.ground import accounts

NO_CALL = {"uri": "", "account": "", "audience": "", "scope": ""}
NO_MESSAGE = {"topic": "", "attributes": {}}
RETRY = {"retry_count": 3, "max_retry_s": 0, "min_backoff_s": 5, "max_backoff_s": 3600, "max_doublings": 5}


def api(operator):
    return operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")


def name(operator):
    return operator.at.of_region("jobs", "churn_weekly")


def prepare(operator):
    accounts(operator, "churn-retrain", "other-retrain")
    topics = operator.api("google.pubsub_v1", "publisher", "Publisher")
    for each in ("churn-retrain", "other"):
        made = {"name": operator.at.of_project("topics", each), "labels": dict(operator.at.labels)}
        topics.create_topic(request=made)


def read(operator):
    return api(operator).get_job(request={"name": name(operator)})


def update(operator, path, **fields):
    api(operator).update_job(request={"job": {"name": name(operator), **fields}, "update_mask": {"paths": [path]}})


def examples(at):
    """Give the examples of a place."""
    mark = note(at.name("churn"))
    call = {
        "uri": "https://churn.acme.example/retrain",
        "account": at.email("churn-retrain"),
        "audience": "https://audience.acme.example",
        "scope": "",
    }
    message = {
        "topic": at.of_project("topics", "churn-retrain"),
        "attributes": {"trigger": "weekly", "service": "churn"},
    }
    calling = SchedulerJob(
        schedule="0 3 * * 1",
        time_zone="Europe/Paris",
        description=mark,
        **call,
        **NO_MESSAGE,
        attempt_deadline_s=60,
        **RETRY,
        paused=False,
    )
    publishing = replace(calling, **NO_CALL, **message, attempt_deadline_s=0)
    shared = {
        "address": Address("scheduler_job", at.region, at.name("churn_weekly")),
        "read": read,
        "message": job.Job,
        "places": {
            **{name: [name] for name in ("schedule", "time_zone", "description")},
            **{name: ["http_target"] for name in call},
            **{name: ["pubsub_target"] for name in message},
            **{name: ["retry_config"] for name in RETRY},
            "attempt_deadline_s": ["attempt_deadline"],
            "paused": ["state"],
        },
        # Pausing and resuming are methods.
        "by_method": frozenset({"paused"}),
        "owner": at.name("churn"),
        "unmarked": {"description": "theirs"},
        "prepare": prepare,
    }
    edits = (
        {"schedule": "30 4 * * *"},
        {"time_zone": "Etc/UTC"},
        {"description": f"Other words. {mark}"},
        {"retry_count": 0},
        {"max_retry_s": 600},
        {"min_backoff_s": 10},
        {"max_backoff_s": 300},
        {"max_doublings": 2},
        {"paused": True},
        {"paused": True, "schedule": "30 4 * * *"},
    )
    return (
        Example(
            fields=calling,
            edits=(
                {"uri": "https://churn.acme.example"},
                {"account": at.email("other-retrain")},
                {"audience": "https://other.acme.example"},
                {"account": "", "audience": ""},
                {"audience": "", "scope": "https://www.googleapis.com/auth/cloud-platform"},
                {"attempt_deadline_s": 1800},
                {**NO_CALL, **message, "attempt_deadline_s": 0},
                *edits,
            ),
            meddle=lambda operator: update(
                operator, "http_target.headers", http_target={"headers": {"X-Theirs": "yes"}}
            ),
            theirs=lambda operator: read(operator).http_target.headers.get("X-Theirs") == "yes",
            by_hand={
                "http_target.http_method": lambda operator: update(
                    operator, "http_target.http_method", http_target={"http_method": "GET"}
                ),
                "http_target.body": lambda operator: update(operator, "http_target.body", http_target={"body": b"{}"}),
            },
            part="that calls",
            **shared,
        ),
        Example(
            fields=publishing,
            edits=(
                {"attributes": {"trigger": "monthly"}},
                {"topic": at.of_project("topics", "other")},
                {**call, **NO_MESSAGE, "attempt_deadline_s": 180},
                *edits,
            ),
            meddle=lambda operator: update(operator, "pubsub_target.data", pubsub_target={"data": b"theirs"}),
            theirs=lambda operator: read(operator).pubsub_target.data == b"theirs",
            part="that publishes",
            **shared,
        ),
    )
