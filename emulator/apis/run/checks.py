"""What Cloud Run refuses before it starts anything.

Source: constraints.md sections 1 and 2, row by row; texts from the issues named there.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from emulator.apis.run.defaults import CPU, GPU, MEMORY, ONE_VCPU, total_cpu
from emulator.apis.run.messages import GEN2, LATEST, MANUAL, REVISION
from emulator.apis.run.names import short
from emulator.apis.run.quantities import MIB, memory_bytes
from emulator.core.failures import ApiFailure
from emulator.core.resources import check_labels
from emulator.core.world import EMULATOR_ACCOUNT, World
from emulator.identity import accounts

SERVICE_NAMES = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
JOB_NAMES = frozenset(f"CLOUD_RUN_{n}" for n in ("JOB", "EXECUTION", "TASK_INDEX", "TASK_ATTEMPT", "TASK_COUNT"))
GOOGLES = ("run.googleapis.com/", "cloud.googleapis.com/", "serving.knative.dev/", "autoscaling.knative.dev/")
TAG_MOST = 46
MEMORY_BY_CPU = {1000: (0, 4096), 2000: (0, 8192), 4000: (2048, 16384), 6000: (4096, 24576), 8000: (4096, 32768)}
"""vCPU in thousandths -> least and most MiB (constraints.md 2.1)."""
GPUS = {"nvidia-l4": (4000, 16384), "nvidia-rtx-pro-6000": (20000, 81920)}
"""Accelerator -> least vCPU in thousandths and MiB (constraints.md 2.2)."""
OWN_ACCOUNT = re.compile(r"[^@]+@[a-z0-9-]+\.iam\.gserviceaccount\.com")
WHERE = "template.containers[0].resources.limits"


def bad(field: str, text: str) -> ApiFailure:
    """Refuse the value of a field."""
    return ApiFailure("INVALID_ARGUMENT", f"{field}: {text}" if field else text)


def check_service(world: World, service: Any) -> None:
    """Check a completed service.

    Raises:
        ApiFailure: INVALID_ARGUMENT naming the field; PERMISSION_DENIED for an account that is not there.
    """
    check_metadata(service)
    template = service.template
    if not template.containers:
        raise bad("template.containers", "must contain at least one container")
    check_metadata(template, "template.")
    check_containers(template.containers, SERVICE_NAMES, template.volumes)
    check_ports(template.containers)
    check_size(template)
    check_scaling(service)
    check_between("template.max_instance_request_concurrency", template.max_instance_request_concurrency, 1, 1000)
    check_between("template.timeout", template.timeout.seconds, 1, 3600)
    check_traffic(service)
    check_account(world, template.service_account)


def check_job(world: World, job: Any) -> None:
    """Check a completed job.

    Raises:
        ApiFailure: As for `check_service`.
    """
    check_metadata(job)
    template = job.template.template
    if not template.containers:
        raise bad("template.template.containers", "must contain at least one container")
    check_containers(template.containers, JOB_NAMES, template.volumes)
    check_between("template.task_count", job.template.task_count, 1, 10_000)
    if job.template.parallelism > job.template.task_count:
        raise bad("template.parallelism", "must be less than or equal to task_count")
    check_between("template.template.max_retries", template.max_retries, 0, 10)
    check_between("template.template.timeout", template.timeout.seconds, 1, 168 * 3600)
    cpu = total_cpu(template.containers)
    if cpu < ONE_VCPU:
        raise bad(
            "template.template.containers[0].resources.limits.cpu",
            "Invalid value specified for cpu. Must be at least 1.",
        )
    check_account(world, template.service_account)


def check_metadata(resource: Any, where: str = "") -> None:
    """Check labels, annotations and description; Google's own key prefixes are closed to callers."""
    for kind in ("labels", "annotations"):
        for key in getattr(resource, kind):
            if key.startswith(GOOGLES):
                raise bad(f"{where}{kind}", f"'{key}' uses a namespace that is reserved for Google Cloud")
    check_labels(resource.labels.items())
    if len(getattr(resource, "description", "")) > 512:  # noqa: PLR2004 - run v2 definition
        raise bad("description", "must be at most 512 characters")


def check_containers(containers: Sequence[Any], reserved: frozenset[str], volumes: Iterable[Any]) -> None:
    """Check names, images, environment, probes and mounts of containers."""
    names = [container.name for container in containers]
    if len(containers) > 1 and (not all(names) or len(set(names)) < len(names)):
        raise bad(
            "template.containers", "container names must be given and unique when there is more than one container"
        )
    known = {volume.name for volume in volumes}
    for index, container in enumerate(containers):
        where = f"template.containers[{index}]"
        if not container.image:
            raise bad(f"{where}.image", "must be set")
        check_environment(container.env, reserved, where)
        check_probes(container, where)
        for mount in container.volume_mounts:
            check_mount(mount, known, where)
        for needed in container.depends_on:
            if needed not in names:
                raise bad(f"{where}.depends_on", f"'{needed}' is not a container of this template")


def check_environment(env: Sequence[Any], reserved: frozenset[str], where: str) -> None:
    """Check environment variables (constraints.md 2.4)."""
    seen: set[str] = set()
    if len(env) > 1000:  # noqa: PLR2004 - https://cloud.google.com/run/quotas
        raise bad(f"{where}.env", "at most 1000 environment variables are allowed")
    for index, variable in enumerate(env):
        at = f"{where}.env[{index}].name"
        if not variable.name or "=" in variable.name:
            raise bad(at, f"Invalid environment variable name '{variable.name}'.")
        if variable.name in reserved or variable.name.startswith("X_GOOGLE_"):
            raise bad(
                f"{where}.env",
                f"The following reserved env names were provided: {variable.name}. "
                "These values are automatically set by the system.",
            )
        if variable.name in seen:
            raise bad(at, f"Duplicate environment variable name '{variable.name}'.")
        if len(variable.value.encode()) > 32 * 1024:
            raise bad(f"{where}.env[{index}].value", "must be at most 32 KiB")
        seen.add(variable.name)


def check_mount(mount: Any, known: set[str], where: str) -> None:
    """Check a mount: of a volume that the template has, at an absolute path below the root."""
    if mount.name not in known:
        raise bad(f"{where}.volume_mounts", f"no volume named '{mount.name}' found in template.volumes")
    path = mount.mount_path
    if path and (not path.startswith("/") or ":" in path or path == "/"):
        raise bad(f"{where}.volume_mounts.mount_path", f"'{path}' must be an absolute path without ':' and not '/'")


def check_probes(container: Any, where: str) -> None:
    """Check the numbers of both probes (constraints.md 2.3)."""
    for name, most in (("startup_probe", 240), ("liveness_probe", 3600)):
        if not container.HasField(name):
            continue
        probe, at = getattr(container, name), f"{where}.{name}"
        check_between(f"{at}.initial_delay_seconds", probe.initial_delay_seconds, 0, most)
        check_between(f"{at}.period_seconds", probe.period_seconds, 0, most)
        check_between(f"{at}.timeout_seconds", probe.timeout_seconds, 0, probe.period_seconds or most)
        check_between(f"{at}.failure_threshold", probe.failure_threshold, 0, 10**6)
        if name == "startup_probe" and probe.failure_threshold * probe.period_seconds > most:
            raise bad(at, f"failure_threshold * period_seconds must not exceed {most} seconds")
        if name == "liveness_probe" and probe.WhichOneof("probe_type") == "tcp_socket":
            raise bad(at, "tcp_socket is not supported for liveness probes")


def check_ports(containers: Sequence[Any]) -> None:
    """Check that exactly one container takes requests, on one port."""
    with_port = [container for container in containers if container.ports]
    if len(with_port) != 1 or len(with_port[0].ports) != 1:
        raise bad("template.containers", "Revision template should contain exactly one container with an exposed port.")
    port = with_port[0].ports[0]
    check_between("template.containers.ports.container_port", port.container_port, 1, 65535)
    if port.name not in ("http1", "h2c"):
        raise bad("template.containers.ports.name", f"'{port.name}' must be 'http1' or 'h2c'")


def check_size(template: Any) -> None:
    """Check CPU, memory, GPU, concurrency and execution environment together (constraints.md 2.1, 2.2)."""
    for container in template.containers:
        for key in container.resources.limits:
            if key not in (CPU, MEMORY, GPU):
                raise bad(WHERE, f"'{key}' is not supported: use cpu, memory or nvidia.com/gpu")
    cpu = total_cpu(template.containers)
    memory = sum(memory_bytes(c.resources.limits[MEMORY], f"{WHERE}.memory") for c in template.containers) / MIB
    if (
        any(GPU in container.resources.limits for container in template.containers)
        or template.node_selector.accelerator
    ):
        check_gpu(template, cpu, memory)
    elif cpu < ONE_VCPU:
        check_small_cpu(template, cpu, memory)
    else:
        check_whole_cpu(cpu, memory)
    if template.execution_environment == GEN2 and memory < 512:  # noqa: PLR2004 - constraints.md 2.1
        raise bad(
            f"{WHERE}.memory",
            "Invalid value specified for memory. The second generation environment needs at least 512Mi.",
        )
    if memory < 128:  # noqa: PLR2004 - constraints.md 2.1
        raise bad(f"{WHERE}.memory", "Invalid value specified for memory. Must be at least 128Mi.")


def check_small_cpu(template: Any, cpu: int, memory: float) -> None:
    """Check less than one vCPU: one request at a time, billed by request, first generation, little memory."""
    at = f"{WHERE}.cpu"
    if template.max_instance_request_concurrency > 1:
        raise bad(at, "Invalid value specified for cpu. Total cpu < 1 is not supported with concurrency > 1.")
    if not template.containers[0].resources.cpu_idle:
        raise bad(at, "Invalid value specified for cpu. Total cpu < 1 is not supported with cpu always allocated.")
    if template.execution_environment == GEN2:
        raise bad(
            at, "Invalid value specified for cpu. Total cpu < 1 is not supported with gen2 execution environment."
        )
    if cpu < 80:  # noqa: PLR2004 - constraints.md 2.1
        raise bad(at, "Invalid value specified for cpu. Must be at least 0.08.")
    most = 512 if cpu < 500 else 1024  # noqa: PLR2004 - constraints.md 2.1
    if memory > most:
        raise bad(
            f"{WHERE}.memory",
            f"Invalid value specified for memory. For {cpu / 1000:g} CPU, memory must be at most {most}Mi.",
        )


def check_whole_cpu(cpu: int, memory: float) -> None:
    """Check one vCPU and more, without a GPU."""
    if cpu not in MEMORY_BY_CPU:
        raise bad(f"{WHERE}.cpu", f"Invalid value specified for cpu. {cpu / 1000:g} is not one of 1, 2, 4, 6, 8.")
    least, most = MEMORY_BY_CPU[cpu]
    if not least <= memory <= most:
        text = f"For {cpu // 1000} CPU, memory must be between {max(least, 128)}Mi and {most // 1024}Gi inclusive."
        raise bad(f"{WHERE}.memory", f"Invalid value specified for container memory. {text}")


def check_gpu(template: Any, cpu: int, memory: float) -> None:
    """Check a GPU: which, how many, beside how much CPU and memory."""
    counts = [c.resources.limits[GPU] for c in template.containers if GPU in c.resources.limits]
    kind = template.node_selector.accelerator
    if counts != ["1"]:
        raise bad(f"{WHERE}.nvidia.com/gpu", "must be '1' on exactly one container")
    if kind not in GPUS:
        raise bad("template.node_selector.accelerator", f"'{kind}' is not one of {', '.join(GPUS)}")
    if cpu < GPUS[kind][0]:
        raise bad(f"{WHERE}.cpu", f"GPU {kind} requires at least {GPUS[kind][0] // 1000} CPU.")
    if memory < GPUS[kind][1]:
        raise bad(f"{WHERE}.memory", f"GPU {kind} requires at least {GPUS[kind][1] // 1024}Gi memory.")
    if any(container.resources.cpu_idle for container in template.containers):
        raise bad(
            "template.containers.resources.cpu_idle", "GPU requires cpu always allocated (cpu_idle must be false)."
        )


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


def check_quota(template: Any, quota: dict[str, float]) -> None:
    """Refuse a maximum of instances beyond the region's quota (constraints.md 2.3), where one is set.

    Args:
        template: Of the service.
        quota: `cpu` in vCPU and `memory_gib`; empty means no limit.
    """
    instances = template.scaling.max_instance_count
    cpu = total_cpu(template.containers)
    memory = sum(memory_bytes(c.resources.limits[MEMORY], f"{WHERE}.memory") for c in template.containers)
    rows = (
        ("CPU", "CpuAllocPerProjectRegion", cpu, quota.get("cpu", 0) * 1000),
        ("memory", "MemAllocPerProjectRegion", memory, quota.get("memory_gib", 0) * 2**30),
    )
    for what, metric, each, allowed in rows:
        if allowed and instances * each > allowed:
            most = int(allowed // each)
            raise bad(
                "template.scaling.max_instance_count",
                f"Max instances must be set to {most} or fewer in order to set the requested total {what}.\n\n"
                f"Quota violated:\n{metric} requested: {instances * each} allowed: {allowed:g}",
            )


def check_between(field: str, value: int, least: int, most: int) -> None:
    """Refuse a number outside its bounds, which are allowed themselves."""
    if not least <= value <= most:
        raise bad(field, f"must be between {least} and {most} inclusive")
