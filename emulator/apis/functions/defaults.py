"""What the server writes where the caller left something out.

Source: the table of kinds.md section 8; memory to CPU: constraints.md section 3.
"""

from typing import Any

from google.cloud.functions_v2.types import functions as messages

from emulator.apis.functions.model import GEN_2, Ingress, project_of, region_of
from emulator.apis.run.quantities import memory_bytes
from emulator.core.world import World

TIMEOUT_S, MEMORY, MAX_INSTANCES = 60, "256M", 100
MEMORY_FIELD = "service_config.available_memory"
MIB = 2**20
CPU_BY_MEMORY = (
    (128, "0.083"), (256, "0.1666"), (512, "0.3333"), (1024, "0.5833"), (2048, "1"), (4096, "2"), (8192, "2"),
    (16384, "4"), (24576, "6"), (32768, "8"),
)  # fmt: skip
"""Most MiB -> vCPU: a function that says only its memory gets so much."""
LOG_ID = "LOG_EXECUTION_ID"
RETRY = messages.EventTrigger.RetryPolicy


def fill(world: World, function: Any) -> None:
    """Complete a function."""
    function.environment = GEN_2
    fill_build(world, function)
    fill_service(world, function)
    if function.HasField("event_trigger"):
        fill_trigger(world, function)


def fill_build(world: World, function: Any) -> None:
    """Where the image goes, and who builds it."""
    build, project = function.build_config, project_of(function.name)
    build.docker_registry = messages.BuildConfig.DockerRegistry.ARTIFACT_REGISTRY
    place = f"projects/{project}/locations/{region_of(function.name)}"
    build.docker_repository = build.docker_repository or f"{place}/repositories/gcf-artifacts"
    default = world.default_service_account(project)
    build.service_account = build.service_account or f"projects/{project}/serviceAccounts/{default}"
    if build.WhichOneof("runtime_update_policy") is None:
        build.automatic_update_policy.SetInParent()


def fill_service(world: World, function: Any) -> None:
    """Size, time, account, who may reach it."""
    config = function.service_config
    config.timeout_seconds = config.timeout_seconds or TIMEOUT_S
    config.available_memory = config.available_memory or MEMORY
    config.available_cpu = config.available_cpu or cpu_of(config.available_memory)
    config.max_instance_request_concurrency = config.max_instance_request_concurrency or 1
    config.max_instance_count = config.max_instance_count or MAX_INSTANCES
    config.ingress_settings = config.ingress_settings or Ingress.ALLOW_ALL
    config.all_traffic_on_latest_revision = True
    config.service_account_email = config.service_account_email or world.default_service_account(
        project_of(function.name)
    )
    if LOG_ID not in config.environment_variables:
        config.environment_variables[LOG_ID] = "true"


def binary(memory: str) -> str:
    """The memory as its Cloud Run service has it: `256M` of a function are 256 MiB (run_service/v2-get-quoted)."""
    return f"{memory}i" if memory.endswith(("k", "K", "M", "G", "T")) else memory


def cpu_of(memory: str) -> str:
    """How much CPU goes with so much memory."""
    mib = memory_bytes(binary(memory), MEMORY_FIELD) / MIB
    return next((cpu for most, cpu in CPU_BY_MEMORY if mib <= most), CPU_BY_MEMORY[-1][1])


def fill_trigger(world: World, function: Any) -> None:
    """Region, account and what happens with an event that failed."""
    trigger = function.event_trigger
    trigger.trigger_region = trigger.trigger_region or region_of(function.name)
    trigger.retry_policy = trigger.retry_policy or RETRY.RETRY_POLICY_DO_NOT_RETRY
    trigger.service_account_email = trigger.service_account_email or world.default_service_account(
        project_of(function.name)
    )
