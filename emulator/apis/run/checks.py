"""What Cloud Run refuses before it starts anything.

Source: constraints.md sections 1 and 2, row by row; texts from the issues named there.
"""

import re
from typing import Any

from emulator.apis.run.containers import check_containers, check_ports
from emulator.apis.run.defaults import MEMORY, total_cpu
from emulator.apis.run.messages import LATEST, MANUAL, REVISION
from emulator.apis.run.names import parts, short
from emulator.apis.run.quantities import memory_bytes
from emulator.apis.run.refusals import bad, check_between
from emulator.apis.run.sizes import check_gpu_region, check_size, check_task_size
from emulator.apis.run.volumes import check_volumes
from emulator.core.failures import ApiFailure, not_emulated
from emulator.core.resources import check_labels
from emulator.core.world import EMULATOR_ACCOUNT, World
from emulator.identity import accounts

SERVICE_NAMES = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
JOB_NAMES = frozenset(f"CLOUD_RUN_{n}" for n in ("JOB", "EXECUTION", "TASK_INDEX", "TASK_ATTEMPT", "TASK_COUNT"))
GOOGLES = ("run.googleapis.com/", "cloud.googleapis.com/", "serving.knative.dev/", "autoscaling.knative.dev/")
CLIENTS = "client.knative.dev/"
"""Begins keys that gcloud writes into labels, which may have no such sign else (kinds.md 3.1)."""
TAG_MOST = 46
OWN_ACCOUNT = re.compile(r"[^@]+@[a-z0-9-]+\.iam\.gserviceaccount\.com")
WHERE = "template.containers[0].resources.limits"


def check_service(world: World, service: Any) -> None:
    """Check a completed service.

    Raises:
        ApiFailure: INVALID_ARGUMENT naming the field; PERMISSION_DENIED for an account that is not there.
    """
    check_metadata(service)
    check_elsewhere(service)
    template = service.template
    if not template.containers:
        raise bad("template.containers", "must contain at least one container")
    check_metadata(template, "template.")
    check_containers(template.containers, SERVICE_NAMES)
    check_ports(template.containers)
    check_volumes(template)
    check_network(template)
    check_size(template)
    check_gpu_region(template, parts(service.name)["locations"])
    check_scaling(service)
    check_between("template.max_instance_request_concurrency", template.max_instance_request_concurrency, 1, 1000)
    check_between("template.timeout", template.timeout.seconds, 1, 3600)
    check_traffic(service)
    check_account(world, template.service_account)


def check_elsewhere(service: Any) -> None:
    """Refuse a service of several regions: in one alone it would be another one.

    Raises:
        ApiFailure: UNIMPLEMENTED.
    """
    if service.HasField("multi_region_settings"):
        raise not_emulated("multi_region_settings of Cloud Run")


def check_job(world: World, job: Any) -> None:
    """Check a completed job.

    Raises:
        ApiFailure: As for `check_service`.
    """
    check_metadata(job)
    template = job.template.template
    if not template.containers:
        raise bad("template.template.containers", "must contain at least one container")
    check_containers(template.containers, JOB_NAMES)
    check_volumes(template)
    check_network(template)
    check_between("template.task_count", job.template.task_count, 1, 10_000)
    if job.template.parallelism > job.template.task_count:
        raise bad("template.parallelism", "must be less than or equal to task_count")
    check_between("template.template.max_retries", template.max_retries, 0, 10)
    check_between("template.template.timeout", template.timeout.seconds, 1, 168 * 3600)
    check_task_size(template)
    check_gpu_region(template, parts(job.name)["locations"])
    check_account(world, template.service_account)


def check_metadata(resource: Any, where: str = "") -> None:
    """Check labels, annotations and description; Google's own key prefixes are closed to callers."""
    for kind in ("labels", "annotations"):
        for key in getattr(resource, kind):
            if key.startswith(GOOGLES):
                raise bad(f"{where}{kind}", f"'{key}' uses a namespace that is reserved for Google Cloud")
    check_labels([(key, text) for key, text in resource.labels.items() if not key.startswith(CLIENTS)])
    if len(getattr(resource, "description", "")) > 512:  # noqa: PLR2004 - run v2 definition
        raise bad("description", "must be at most 512 characters")


def check_network(template: Any) -> None:
    """Check how a template reaches a network (constraints.md 2.4)."""
    access = template.vpc_access
    if access.connector and access.network_interfaces:
        raise bad("template.vpc_access", "connector and network_interfaces must not be set together")
    if len(access.network_interfaces) > 1:
        raise bad("template.vpc_access.network_interfaces", "at most one network interface is allowed")


def check_scaling(service: Any) -> None:
    """Check instance counts of service and revision."""
    own = service.template.scaling
    for field, low, high in (
        ("template.scaling", own.min_instance_count, own.max_instance_count),
        ("scaling", service.scaling.min_instance_count, service.scaling.max_instance_count or 10**6),
    ):
        if low < 0 or high < 0:
            raise bad(field, "instance counts must not be negative")
        if low > high:
            raise bad(f"{field}.min_instance_count", "must be less than or equal to max_instance_count")
    if service.scaling.scaling_mode == MANUAL and not service.scaling.HasField("manual_instance_count"):
        raise bad("scaling.manual_instance_count", "must be set when scaling_mode is MANUAL")


def check_traffic(service: Any) -> None:
    """Check percentages, targets and tags (constraints.md 2.3 and 1)."""
    tags: set[str] = set()
    for index, target in enumerate(service.traffic):
        check_target(target, f"traffic[{index}]")
        if not target.tag:
            continue
        check_tag(target.tag, short(service.name))
        if target.tag in tags:
            raise bad("traffic.tag", f"Traffic tag '{target.tag}' is used more than once.")
        tags.add(target.tag)
    total = sum(target.percent for target in service.traffic)
    if total != 100:  # noqa: PLR2004 - percent
        raise bad("traffic", f"The sum of traffic percentages must be 100, but is {total}.")
    if sum(target.type_ == LATEST and target.percent > 0 for target in service.traffic) > 1:
        raise bad("traffic", "only one target with percent may be of type LATEST")


def check_target(target: Any, where: str) -> None:
    """Check one traffic target: LATEST names no revision, REVISION names one."""
    check_between(f"{where}.percent", target.percent, 0, 100)
    if target.type_ == LATEST and target.revision:
        raise bad(f"{where}.revision", "must not be set for a target of type LATEST")
    if target.type_ == REVISION and not target.revision:
        raise bad(f"{where}.revision", "must be set for a target of type REVISION")
    if target.type_ not in (LATEST, REVISION):
        raise bad(f"{where}.type", "must be set")


def check_tag(tag: str, service: str) -> None:
    """Check a traffic tag."""
    if not re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", tag):
        raise bad(
            "spec.traffic.tag",
            f"traffic tag '{tag}' must use only lowercase letters, numbers and '-', and begin with a letter",
        )
    if len(tag) + len(service) > TAG_MOST:
        text = f"Combined traffic tag and service name cannot exceed {TAG_MOST} characters."
        raise bad("spec.traffic.tag", f"traffic tag '{tag}' and service name '{service}' together are too long. {text}")


def check_account(world: World, email: str) -> None:
    """Refuse a service account that is not there (reports such as google/keyword_factory issue 22)."""
    own = OWN_ACCOUNT.fullmatch(email)
    if own is None or email == EMULATOR_ACCOUNT or accounts.visible(world, email):
        return
    text = f"Permission 'iam.serviceaccounts.actAs' denied on service account {email} (or it may not exist)."
    raise ApiFailure("PERMISSION_DENIED", text)


def check_quota(world: World, service: Any) -> None:
    """Refuse a maximum of instances beyond the region's quota of CPU or memory, as Cloud Quotas tells it.

    Source:
        constraints.md 2.3; units in public reports (googlecodelabs/feedback 1856 and 2311).
    """
    from emulator.apis import cloudquotas  # noqa: PLC0415 - imports its messages, and few have such a quota

    place, containers = parts(service.name), service.template.containers
    instances = service.template.scaling.max_instance_count
    memory = sum(memory_bytes(c.resources.limits[MEMORY], f"{WHERE}.memory") for c in containers)
    for what, quota, each in (
        ("CPU", cloudquotas.CPU, int(total_cpu(containers))),
        ("memory", cloudquotas.MEMORY, int(memory)),
    ):
        allowed = cloudquotas.limit(world, place["projects"], quota, place["locations"])
        if 0 <= allowed < instances * each:
            raise bad(
                "template.scaling.max_instance_count",
                f"Max instances must be set to {allowed // each} or fewer in order to set the requested total {what}."
                f"\n\nQuota violated:\n{quota} requested: {instances * each} allowed: {allowed}",
            )
