"""CPU, memory and GPU of an instance.

Source:
    https://docs.cloud.google.com/run/docs/configuring/cpu,
    https://cloud.google.com/run/docs/configuring/services/memory-limits,
    https://cloud.google.com/run/docs/configuring/services/gpu
"""

from collections.abc import Iterator

from schemas.checks.finding import Finding
from schemas.instance import Instance
from schemas.sections.resources import GPU_LEAST, GpuType, Resources
from schemas.sections.sidecars import Sidecar
from schemas.units import cpu_text, memory_text

_LEAST_CPU, _HALF, _ONE = 80, 500, 1000
_LEAST_MEMORY = 128
# vCPU (thousandths) -> least and most memory in MiB.
_MEMORY = {1000: (128, 4096), 2000: (128, 8192), 4000: (2048, 16384), 6000: (4096, 24576), 8000: (4096, 32768)}
_MOST_CPU, _MOST_MEMORY = 8000, 32768
_GPU_MOST_MEMORY = {GpuType.L4: 32768}


def cpu(resources: Resources, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """VCPUs come in few sizes; those of several containers add up."""
    millis, gpu = resources.cpu_millis, resources.gpu
    if sidecars:
        yield from _of_several(resources, sidecars)
        return
    if gpu is not None and gpu.type is GpuType.RTX_PRO_6000:
        return  # Cloud Run's general sizes do not hold there
    if millis < _LEAST_CPU:
        yield Finding("resources.cpu", "cpu-size", f"{cpu_text(millis)} is below 80m", "the least Cloud Run gives")
    elif millis >= _ONE and millis not in _MEMORY:
        hint = "Cloud Run has 1, 2, 4, 6 and 8 vCPUs, and 80m to 999m"
        yield Finding("resources.cpu", "cpu-size", f"{cpu_text(millis)} is not a number of vCPUs Cloud Run has", hint)


def _of_several(resources: Resources, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """Each is no less than the least, and all together are what an instance can be."""
    sizes = {"resources": (resources.cpu_millis, resources.memory_mib)}
    sizes |= {f"sidecars.{name}": (each.cpu_millis, each.memory_mib) for name, each in sidecars.items()}
    for path, (millis, _) in sizes.items():
        if millis < _LEAST_CPU:
            yield Finding(f"{path}.cpu", "cpu-size", f"{cpu_text(millis)} is below 80m", "the least Cloud Run gives")
    if GpuType.RTX_PRO_6000 in {
        resources.gpu and resources.gpu.type,
        *(each.gpu and each.gpu.type for each in sidecars.values()),
    }:
        return  # Cloud Run's general sizes do not hold there
    millis, mib = (sum(size[place] for size in sizes.values()) for place in (0, 1))
    hint = "the sizes of all containers add up to those of an instance"
    if millis > _MOST_CPU:
        summary = f"{cpu_text(millis)} in all is above {cpu_text(_MOST_CPU)}"
        yield Finding("resources.cpu", "cpu-size", summary, hint)
    if mib > _MOST_MEMORY:
        summary = f"{memory_text(mib)} in all is above {memory_text(_MOST_MEMORY)}"
        yield Finding("resources.memory", "memory-size", summary, hint)


def memory(resources: Resources, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """Each number of vCPUs goes with a range of memory."""
    millis, mib, gpu = resources.cpu_millis, resources.memory_mib, resources.gpu
    if sidecars or gpu is not None or not (_LEAST_CPU <= millis < _ONE or millis in _MEMORY):
        return
    least, most = _MEMORY[millis] if millis >= _ONE else (_LEAST_MEMORY, 512 if millis < _HALF else 1024)
    if least <= mib <= most:
        return
    word, limit = ("below", least) if mib < least else ("above", most)
    hint = f"with {cpu_text(millis)} CPU Cloud Run allows {memory_text(least)} to {memory_text(most)}"
    yield Finding("resources.memory", "memory-size", f"{memory_text(mib)} is {word} {memory_text(limit)}", hint)


def gpu(resources: Resources, sidecars: dict[str, Sidecar]) -> Iterator[Finding]:
    """An accelerator needs a host of some size."""
    instance = Instance.of(resources, sidecars)
    if instance.gpu is None:
        return
    kind = instance.gpu.type
    least_cpu, least_memory = GPU_LEAST[kind]
    cpu_millis, memory_mib = instance.cpu_millis, instance.memory_mib
    most_memory = _GPU_MOST_MEMORY.get(kind)
    hint = f"{kind} needs at least {cpu_text(least_cpu)} CPU and {memory_text(least_memory)}"
    if cpu_millis < least_cpu:
        summary = f"{cpu_text(cpu_millis)} is below {cpu_text(least_cpu)}"
        yield Finding("resources.cpu", "gpu-size", summary, hint)
    if memory_mib < least_memory:
        summary = f"{memory_text(memory_mib)} is below {memory_text(least_memory)}"
        yield Finding("resources.memory", "gpu-size", summary, hint)
    if most_memory and memory_mib > most_memory:
        summary = f"{memory_text(memory_mib)} is above {memory_text(most_memory)}"
        yield Finding("resources.memory", "gpu-size", summary, "the most an instance of Cloud Run has")
