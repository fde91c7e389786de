"""What is stored, how jobs are named, and how Cloud Scheduler says no.

Source: recording scheduler_job/http-create-get-delete-2018; texts that it does not have from the issues named below.
"""

import re
from typing import Any

from google.cloud.scheduler_v1.types import job as messages

from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, by_id, fits
from emulator.core.world import World

API = Api("scheduler")
SERVICE = "google.cloud.scheduler.v1.CloudScheduler/"
Job = messages.Job.pb()
State = messages.Job.State
PLACE, NAMES = "projects/*/locations/*", "projects/*/locations/*/jobs/*"
ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
OUTPUT = ("name", "user_update_time", "state", "status", "schedule_time", "last_attempt_time")
"""Only the server writes these."""


def invalid(text: str) -> ApiFailure:
    """A refused value. Where no source is named the words are in the service's style, not seen there."""
    return ApiFailure("INVALID_ARGUMENT", text)


def missing(_: str) -> ApiFailure:
    """Source: the recording."""
    return ApiFailure("NOT_FOUND", "Job not found.", legacy_reason="notFound")


def taken(name: str) -> ApiFailure:
    """Source: hashicorp/terraform-provider-google issue 16918."""
    return ApiFailure("ALREADY_EXISTS", f"Job {name} already exists.")


def key(world: World, name: str) -> str:
    """The stored name of a job; a project may be given by its number.

    Source: googleapis/nodejs-scheduler issue 114.
    """
    if not fits(NAMES, name) or not ID.fullmatch(name.rpartition("/")[2]):
        raise invalid('Job name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".')
    return by_id(world, name)


JOBS = Collection("scheduler.job", Job, NAMES, missing, taken, key, by_id)


def project_of(job: Any) -> str:
    """Id of a job's project."""
    return str(job.name.split("/")[1])
