"""What Cloud Run refuses of the size of an instance: CPU, memory and GPU of all containers together.

Source: constraints.md 2.1 and 2.2, row by row; texts from the issues named there.
"""

from collections.abc import Sequence
from typing import Any

from emulator.apis.run.defaults import CPU, GPU, MEMORY, ONE_VCPU, has_gpu, total_cpu
from emulator.apis.run.messages import GEN1, GEN2
from emulator.apis.run.quantities import MIB, cpu_millis, memory_bytes
from emulator.apis.run.refusals import bad

MEMORY_BY_CPU = {1000: (0, 4096), 2000: (0, 8192), 4000: (2048, 16384), 6000: (4096, 24576), 8000: (4096, 32768)}
"""vCPU in thousandths -> least and most MiB (constraints.md 2.1)."""
GPUS = {"nvidia-l4": (4000, 16384), "nvidia-rtx-pro-6000": (20000, 81920)}
"""Accelerator -> least vCPU in thousandths and MiB (constraints.md 2.2)."""
GPU_REGIONS = {
    "nvidia-l4": ("us-central1", "us-east4", "europe-west1", "europe-west4", "asia-southeast1", "asia-south1"),
    "nvidia-rtx-pro-6000": ("us-central1", "europe-west4", "asia-southeast1", "asia-south2"),
}
"""Accelerator -> regions that have it, those by invitation among them (constraints.md 2.2)."""
GEN2_LEAST = 512
"""MiB (constraints.md 2.1)."""
GPU_TASK_MOST_S = 3600
"""How long a task with a GPU may run (constraints.md 2.2)."""
WHERE = "template.containers[0].resources.limits"


def check_size(template: Any) -> None:
    """Check CPU, memory, GPU, concurrency and execution environment together (constraints.md 2.1, 2.2)."""
    check_limits(template.containers)
    cpu, memory = total_cpu(template.containers), total_memory(template.containers)
    if has_gpu(template.containers) or template.node_selector.accelerator:
        check_gpu(template, cpu, memory)
    elif cpu < ONE_VCPU:
        check_small_cpu(template, cpu, memory)
    else:
        check_whole_cpu(template.containers, cpu, memory)
    if template.execution_environment == GEN2 and memory < GEN2_LEAST:
        raise bad(
            f"{WHERE}.memory",
            "Invalid value specified for memory. The second generation environment needs at least 512Mi.",
        )
    if memory < 128:  # noqa: PLR2004 - constraints.md 2.1
        raise bad(f"{WHERE}.memory", "Invalid value specified for memory. Must be at least 128Mi.")


def check_task_size(template: Any) -> None:
    """Check the size of a job's tasks: whole vCPUs, and a GPU for an hour at most (constraints.md 2.1, 2.2)."""
    check_limits(template.containers)
    cpu, memory = total_cpu(template.containers), total_memory(template.containers)
    if has_gpu(template.containers) or template.node_selector.accelerator:
        check_gpu(template, cpu, memory)
        if template.timeout.ToTimedelta().total_seconds() > GPU_TASK_MOST_S:
            raise bad("template.template.timeout", f"must be at most {GPU_TASK_MOST_S} seconds for tasks with a GPU")
    elif cpu < ONE_VCPU:
        raise bad(f"template.{WHERE}.cpu", "Invalid value specified for cpu. Must be at least 1.")
    else:
        check_whole_cpu(template.containers, cpu, memory)
    if memory < GEN2_LEAST:
        raise bad(f"template.{WHERE}.memory", f"Invalid value specified for memory. Must be at least {GEN2_LEAST}Mi.")


def check_limits(containers: Sequence[Any]) -> None:
    """Check what may be limited at all."""
    for container in containers:
        for key in container.resources.limits:
            if key not in (CPU, MEMORY, GPU):
                raise bad(WHERE, f"'{key}' is not supported: use cpu, memory or nvidia.com/gpu")


def total_memory(containers: Sequence[Any]) -> float:
    """Add up the memory of all containers, in MiB."""
    return sum(memory_bytes(each.resources.limits[MEMORY], f"{WHERE}.memory") for each in containers) / MIB


def check_gpu_region(template: Any, region: str) -> None:
    """Check that a region has the accelerator (constraints.md 2.2)."""
    kind = template.node_selector.accelerator
    if kind in GPU_REGIONS and region not in GPU_REGIONS[kind]:
        raise bad("template.node_selector.accelerator", f"GPU {kind} is not available in {region}.")


def check_small_cpu(template: Any, cpu: int, memory: float) -> None:
    """Check less than one vCPU: one request at a time, billed by request, first generation, little memory."""
    at = f"{WHERE}.cpu"
    if template.max_instance_request_concurrency > 1:
        raise bad(at, "Invalid value specified for cpu. Total cpu < 1 is not supported with concurrency > 1.")
    if not all(container.resources.cpu_idle for container in template.containers):
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


def memory_range(containers: Sequence[Any], cpu: int) -> tuple[int, int] | None:
    """Give the least and the most MiB for a sum of vCPUs; None where it is no size.

    The sum of several containers need not be a size, where each of them has one: half a vCPU beside a whole one is
    Google's own sample of nginx before an application. It may then have the memory of the sizes around it. 7 beside 1
    makes 8. What Google does with 5 beside 0.5 was not seen: it is refused.

    Args:
        containers: Completed.
        cpu: Their sum, in thousandths of a vCPU, one at least.
    """
    if cpu in MEMORY_BY_CPU:
        return MEMORY_BY_CPU[cpu]
    each = [cpu_millis(container.resources.limits[CPU], f"{WHERE}.cpu") for container in containers]
    if len(each) == 1 or cpu > max(MEMORY_BY_CPU) or not all(one < ONE_VCPU or one in MEMORY_BY_CPU for one in each):
        return None
    below = max(size for size in MEMORY_BY_CPU if size < cpu)
    above = min(size for size in MEMORY_BY_CPU if size > cpu)
    return MEMORY_BY_CPU[below][0], MEMORY_BY_CPU[above][1]


def check_whole_cpu(containers: Sequence[Any], cpu: int, memory: float) -> None:
    """Check one vCPU and more, without a GPU."""
    allowed = memory_range(containers, cpu)
    if allowed is None:
        raise bad(f"{WHERE}.cpu", f"Invalid value specified for cpu. {cpu / 1000:g} is not one of 1, 2, 4, 6, 8.")
    least, most = allowed
    if not least <= memory <= most:
        text = f"For {cpu / 1000:g} CPU, memory must be between {max(least, 128)}Mi and {most // 1024}Gi inclusive."
        raise bad(f"{WHERE}.memory", f"Invalid value specified for container memory. {text}")


def check_gpu(template: Any, cpu: int, memory: float) -> None:
    """Check a GPU: which, how many, beside how much CPU and memory."""
    counts = [c.resources.limits[GPU] for c in template.containers if GPU in c.resources.limits]
    kind = template.node_selector.accelerator
    if counts != ["1"]:
        raise bad(f"{WHERE}.nvidia.com/gpu", "must be '1' on exactly one container")
    if kind not in GPUS:
        raise bad("template.node_selector.accelerator", f"'{kind}' is not one of {', '.join(GPUS)}")
    if template.execution_environment == GEN1:
        raise bad("template.execution_environment", "a GPU needs the second generation execution environment")
    if cpu < GPUS[kind][0]:
        raise bad(f"{WHERE}.cpu", f"GPU {kind} requires at least {GPUS[kind][0] // 1000} CPU.")
    if memory < GPUS[kind][1]:
        raise bad(f"{WHERE}.memory", f"GPU {kind} requires at least {GPUS[kind][1] // 1024}Gi memory.")
    if any(container.resources.cpu_idle for container in template.containers):
        raise bad(
            "template.containers.resources.cpu_idle", "GPU requires cpu always allocated (cpu_idle must be false)."
        )
