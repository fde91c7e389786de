"""A Cloud Run job: a container that runs to an end, started by a schedule, an event or a hand."""

from __future__ import annotations

from reconciler.core import paid
from reconciler.core.flow import Group
from reconciler.core.kind import Kind, Permissions, Roles, for_no_service
from reconciler.kinds.run_job.client import RunJobClient
from reconciler.kinds.run_job.record import NAME, RunJob, full_name, run_address
from reconciler.kinds.run_job.wanted import address_of, bundle_of, operates, schedule_of

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


KIND = Kind(
    name=NAME,
    title="Cloud Run job",
    fields=RunJob,
    desired=for_no_service,  # the jobs that train are made by those who train
    operates=operates,
    connect=RunJobClient,
    paid=paid.NOTHING,
    group=Group.TRAINING,
    keyed=frozenset({"env", "secrets", "labels"}),
    images=lambda record: (record["image"],),
    permissions=Permissions(
        read=("run.jobs.get", "run.jobs.list"),
        write=(
            "run.jobs.create",
            "run.jobs.update",
            "run.jobs.delete",
            "run.operations.get",
            "monitoring.metricDescriptors.create",
        ),
    ),
    apis=("run.googleapis.com",),
    # What an operator's passes write is described before the first alert on it: Google refuses one on a metric that it
    # does not know. Only who has such a job needs it, or a retraining function.
    roles=Roles(read=("roles/run.viewer",), write=("roles/run.admin", "roles/monitoring.metricWriter")),
    uses=frozenset({"artifact_repository", "iam_member", "iam_role", "service_account"}),
)
