"""Number of instances and requests.

Source:
    https://docs.cloud.google.com/run/docs/configuring/cpu (less than one vCPU),
    https://docs.cloud.google.com/run/docs/about-concurrency; quotas as seen in new and older projects.
"""

from collections.abc import Iterator
from contextlib import suppress

from schemas.checks.finding import Finding, warning
from schemas.checks.schedules import cron, time_zone
from schemas.cron import CronError, parse_cron
from schemas.instance import ONE_CPU_MILLIS, Instance
from schemas.refusal import shown
from schemas.sections.management import Management
from schemas.sections.resources import Resources, Scaling
from schemas.sections.sidecars import Sidecar
from schemas.units import cpu_text

_HOUR_S = 3600
_LEAST = "scaling.minInstances"
_USUAL_QUOTA_MILLIS = 200_000  # vCPUs a region grants to older projects; new ones have 20
_GRANTED_GPUS = 3  # at first use, without zonal redundancy


def instances(scaling: Scaling) -> Iterator[Finding]:
    """The floor is not above the ceiling."""
    if scaling.min_instances > scaling.max_instances:
        summary = f"{scaling.min_instances} is above maxInstances ({scaling.max_instances})"
        yield Finding(_LEAST, "instances", summary, "raise maxInstances or lower minInstances")


def windows(scaling: Scaling, management: Management) -> Iterator[Finding]:
    """A window opens at times that come, and keeps more instances warm than there are anyhow."""
    if scaling.windows and {"scaling", _LEAST} & {*management.externally_owned}:
        summary = f"windows change {_LEAST}, which is left to others"
        yield Finding("scaling.windows", "windows", summary, "leave one of both out: here, or in externallyOwned")
    for index, window in enumerate(scaling.windows):
        path = f"scaling.windows[{index}]"
        yield from cron(f"{path}.schedule", window.schedule)
        yield from time_zone(f"{path}.timeZone", window.time_zone)
        with suppress(CronError):
            if parse_cron(window.schedule).shortest_gap_s < _HOUR_S:
                summary = f"{shown(window.schedule)} opens more than once an hour"
                yield Finding(f"{path}.schedule", "windows", summary, "let it open once, and say how long it lasts")
        least = f"{path}.minInstances"
        if window.min_instances > scaling.max_instances:
            summary = f"{window.min_instances} is above maxInstances ({scaling.max_instances})"
            yield Finding(least, "windows", summary, "raise maxInstances or lower minInstances")
        elif window.min_instances <= scaling.min_instances:
            summary = f"{window.min_instances} is not above scaling.minInstances ({scaling.min_instances})"
            yield warning(least, "windows", summary, "the window changes nothing: raise it, or leave the window out")


def concurrency(scaling: Scaling, resources: Resources, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """Below one vCPU in all an instance takes one request at a time."""
    millis = Instance.of(resources, sidecars).cpu_millis
    if millis < ONE_CPU_MILLIS and scaling.concurrency > 1:
        summary = f"{scaling.concurrency} is above 1 with {cpu_text(millis)} CPU"
        hint = "below 1 vCPU Cloud Run takes one request at a time: leave concurrency out, or give 1 vCPU"
        yield Finding("scaling.concurrency", "concurrency", summary, hint)


def quota(scaling: Scaling, resources: Resources, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """Google checks the ceiling against the region's quota when deploying."""
    most = scaling.max_instances * Instance.of(resources, sidecars).cpu_millis
    if most > _USUAL_QUOTA_MILLIS:
        summary = f"{scaling.max_instances} instances may claim {cpu_text(most)} vCPUs"
        hint = "most regions grant 200, to new projects 20, and refuse the deployment above it"
        yield warning("scaling.maxInstances", "cpu-quota", summary, hint)
    if Instance.of(resources, sidecars).gpu is not None and scaling.max_instances > _GRANTED_GPUS:
        summary = f"{scaling.max_instances} instances need {scaling.max_instances} GPUs"
        hint = f"a project has {_GRANTED_GPUS} at first, and a rollout holds old and new instances: ask for quota"
        yield warning("scaling.maxInstances", "gpu-quota", summary, hint)
