"""What the server writes where the caller left something out.

Source: the tables of kinds.md 3.1 and 3.3, each row with its recording.
"""

from collections.abc import Sequence
from typing import Any

from emulator.apis.run.messages import GA, GEN2, INGRESS_ALL, LATEST, PRIVATE_RANGES_ONLY, TrafficTarget
from emulator.apis.run.quantities import cpu_millis
from emulator.core.world import World

CPU, MEMORY, GPU = "cpu", "memory", "nvidia.com/gpu"
DEFAULT_CPU, DEFAULT_MEMORY = "1000m", "512Mi"
DEFAULT_PORT = 8080
MAX_INSTANCES = 100
CONCURRENCY = 80
TIMEOUT_S = 300
TASK_TIMEOUT_S = 600
TASK_RETRIES = 3
CLOUD_SQL = "/cloudsql"
SECRET_MODE = 0o444
ONE_VCPU = 1000


def fill_service(world: World, service: Any, project: str) -> None:
    """Complete a service: open to all networks, all traffic to the latest revision, and its template."""
    service.ingress = service.ingress or INGRESS_ALL
    service.launch_stage = service.launch_stage or GA
    if not service.traffic:
        service.traffic.append(TrafficTarget(type_=LATEST, percent=100))
    fill_revision_template(world, service.template, project)


def fill_revision_template(world: World, template: Any, project: str) -> None:
    """Complete the template of a service's revisions."""
    template.scaling.max_instance_count = template.scaling.max_instance_count or MAX_INSTANCES
    if not template.HasField("timeout"):
        template.timeout.seconds = TIMEOUT_S
    template.service_account = template.service_account or world.default_service_account(project)
    fill_network(template)
    fill_ports(template.containers)
    for container in template.containers:
        fill_resources(container, billed_by_request=True)
        fill_probes(container, port_of(container), default_startup=bool(container.ports))
    if not template.max_instance_request_concurrency:
        whole = total_cpu(template.containers) >= ONE_VCPU
        template.max_instance_request_concurrency = CONCURRENCY if whole else 1


def fill_job(world: World, job: Any, project: str) -> None:
    """Complete a job: one task, three retries, ten minutes, second generation."""
    job.launch_stage = job.launch_stage or GA
    job.template.task_count = job.template.task_count or 1
    template = job.template.template
    if template.WhichOneof("retries") is None:
        template.max_retries = TASK_RETRIES
    if not template.HasField("timeout"):
        template.timeout.seconds = TASK_TIMEOUT_S
    template.execution_environment = template.execution_environment or GEN2
    template.service_account = template.service_account or world.default_service_account(project)
    fill_network(template)
    for container in template.containers:
        fill_resources(container, billed_by_request=False)
        fill_probes(container, DEFAULT_PORT, default_startup=False)


def fill_network(template: Any) -> None:
    """Complete what service and job templates have alike: egress, modes of secrets, where Cloud SQL is."""
    if template.HasField("vpc_access") and not template.vpc_access.egress:
        template.vpc_access.egress = PRIVATE_RANGES_ONLY
    for volume in template.volumes:
        if volume.HasField("secret") and not volume.secret.default_mode:
            volume.secret.default_mode = SECRET_MODE
        if volume.HasField("empty_dir") and not volume.empty_dir.medium:
            volume.empty_dir.medium = type(volume.empty_dir).MEMORY
    databases = {volume.name for volume in template.volumes if volume.HasField("cloud_sql_instance")}
    for mount in (mount for container in template.containers for mount in container.volume_mounts):
        if mount.name in databases:
            mount.mount_path = mount.mount_path or CLOUD_SQL


def fill_ports(containers: Sequence[Any]) -> None:
    """Give the one container of a service its port; among several, one must say that it is the one."""
    if len(containers) == 1 and not containers[0].ports:
        containers[0].ports.add(name="http1", container_port=DEFAULT_PORT)
    for container in containers:
        for port in container.ports:
            port.name = port.name or "http1"
            port.container_port = port.container_port or DEFAULT_PORT


def fill_resources(container: Any, *, billed_by_request: bool) -> None:
    """Complete limits. `cpuIdle` is true only where `resources` was left out altogether (kinds.md 3.1)."""
    if billed_by_request and not container.HasField("resources"):
        container.resources.cpu_idle = True
    limits = container.resources.limits
    gpu = GPU in limits
    if CPU not in limits:
        limits[CPU] = "4" if gpu else DEFAULT_CPU
    if MEMORY not in limits:
        limits[MEMORY] = "16Gi" if gpu else DEFAULT_MEMORY


def fill_probes(container: Any, port: int, *, default_startup: bool) -> None:
    """Complete probes; a service's ingress container without a startup probe gets the default one.

    Args:
        container: Changed in place.
        port: Where a probe without a port goes.
        default_startup: Whether it gets the default startup probe.
    """
    if default_startup and not container.HasField("startup_probe"):
        probe = container.startup_probe
        probe.timeout_seconds, probe.period_seconds, probe.failure_threshold = 240, 240, 1
        probe.tcp_socket.port = port
    for name in ("startup_probe", "liveness_probe", "readiness_probe"):
        if container.HasField(name):
            fill_probe(getattr(container, name), port)


def fill_probe(probe: Any, port: int) -> None:
    """Complete a probe given in part (kinds.md 3.1)."""
    probe.timeout_seconds = probe.timeout_seconds or 1
    probe.period_seconds = probe.period_seconds or 10
    probe.failure_threshold = probe.failure_threshold or 3
    chosen = probe.WhichOneof("probe_type")
    if chosen is None:
        probe.tcp_socket.port = port
        return
    action = getattr(probe, chosen)
    action.port = action.port or port
    if chosen == "http_get":
        action.path = action.path or "/"


def port_of(container: Any) -> int:
    """Give the port a container declares."""
    return container.ports[0].container_port if container.ports else DEFAULT_PORT


def total_cpu(containers: Sequence[Any]) -> int:
    """Add up the vCPUs of all containers, in thousandths."""
    return sum(cpu_millis(c.resources.limits[CPU], "template.containers.resources.limits.cpu") for c in containers)


def has_gpu(containers: Sequence[Any]) -> bool:
    """Tell whether one of the containers has a GPU."""
    return any(GPU in container.resources.limits for container in containers)
