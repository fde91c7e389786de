"""A Cloud Run job: a container that runs to an end, started by a schedule, an event or a hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.kind import Kind, Permissions, Roles
from reconciler.kinds.run_job.client import RunJobClient
from reconciler.kinds.run_job.record import NAME, RunJob, full_name, run_address
from reconciler.kinds.run_job.wanted import address_of, bundle_of, operates, schedule_of

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from reconciler.core.objects import Desired
    from schemas import MLService

__all__ = [
    "KIND",
    "NAME",
    "RunJob",
    "address_of",
    "bundle_of",
    "full_name",
    "operates",
    "run_address",
    "schedule_of",
]


def desired(service: MLService, facts: Facts) -> Iterator[Desired[RunJob]]:
    """Want nothing: the jobs that train are made by those who train."""
    del service, facts
    yield from ()


KIND = Kind(
    name=NAME,
    title="Cloud Run job",
    fields=RunJob,
    desired=desired,
    operates=operates,
    connect=RunJobClient,
    keyed=frozenset({"env", "secrets", "labels"}),
    permissions=Permissions(
        read=("run.jobs.get", "run.jobs.list"),
        write=("run.jobs.create", "run.jobs.update", "run.jobs.delete", "run.operations.get"),
    ),
    apis=("run.googleapis.com",),
    roles=Roles(read=("roles/run.viewer",), write=("roles/run.admin",)),
)
