"""Number of instances and requests.

Source:
    https://docs.cloud.google.com/run/docs/configuring/cpu (less than one vCPU),
    https://docs.cloud.google.com/run/docs/about-concurrency; quotas as seen in new and older projects.
"""

from collections.abc import Iterator

from schemas.checks.finding import Finding, warning
from schemas.sections.resources import Resources, Scaling
from schemas.units import cpu_text

_ONE = 1000
_USUAL_QUOTA_MILLIS = 200_000  # vCPUs a region grants to older projects; new ones have 20
_GRANTED_GPUS = 3  # at first use, without zonal redundancy


def instances(scaling: Scaling) -> Iterator[Finding]:
    """The floor is not above the ceiling."""
    if scaling.min_instances > scaling.max_instances:
        summary = f"{scaling.min_instances} is above maxInstances ({scaling.max_instances})"
        yield Finding("scaling.minInstances", "instances", summary, "raise maxInstances or lower minInstances")


def concurrency(scaling: Scaling, resources: Resources) -> Iterator[Finding]:
    """Below one vCPU an instance takes one request at a time."""
    if resources.cpu_millis < _ONE and scaling.concurrency > 1:
        summary = f"{scaling.concurrency} is above 1 with {cpu_text(resources.cpu_millis)} CPU"
        hint = "below 1 vCPU Cloud Run takes one request at a time: leave concurrency out, or give 1 vCPU"
        yield Finding("scaling.concurrency", "concurrency", summary, hint)


def quota(scaling: Scaling, resources: Resources) -> Iterator[Finding]:
    """Google checks the ceiling against the region's quota when deploying."""
    most = scaling.max_instances * resources.cpu_millis
    if most > _USUAL_QUOTA_MILLIS:
        summary = f"{scaling.max_instances} instances may claim {cpu_text(most)} vCPUs"
        hint = "most regions grant 200, to new projects 20, and refuse the deployment above it"
        yield warning("scaling.maxInstances", "cpu-quota", summary, hint)
    if resources.gpu is not None and scaling.max_instances > _GRANTED_GPUS:
        summary = f"{scaling.max_instances} instances need {scaling.max_instances} GPUs"
        hint = f"a project has {_GRANTED_GPUS} at first, and a rollout holds old and new instances: ask for quota"
        yield warning("scaling.maxInstances", "gpu-quota", summary, hint)
