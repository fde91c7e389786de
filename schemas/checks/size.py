"""CPU, memory and GPU of an instance.

Source:
    https://docs.cloud.google.com/run/docs/configuring/cpu,
    https://cloud.google.com/run/docs/configuring/services/memory-limits,
    https://cloud.google.com/run/docs/configuring/services/gpu
"""

from collections.abc import Iterator

from schemas.checks.finding import Finding
from schemas.sections.resources import GPU_LEAST, GpuType, Resources
from schemas.units import cpu_text, memory_text

_LEAST_CPU, _HALF, _ONE = 80, 500, 1000
_LEAST_MEMORY = 128
# vCPU (thousandths) -> least and most memory in MiB.
_MEMORY = {1000: (128, 4096), 2000: (128, 8192), 4000: (2048, 16384), 6000: (4096, 24576), 8000: (4096, 32768)}
_GPU_MOST_MEMORY = {GpuType.L4: 32768}


def cpu(resources: Resources) -> Iterator[Finding]:
    """VCPUs come in few sizes."""
    millis, gpu = resources.cpu_millis, resources.gpu
    if gpu is not None and gpu.type is GpuType.RTX_PRO_6000:
        return  # Cloud Run's general sizes do not hold there
    if millis < _LEAST_CPU:
        yield Finding("resources.cpu", "cpu-size", f"{cpu_text(millis)} is below 80m", "the least Cloud Run gives")
    elif millis >= _ONE and millis not in _MEMORY:
        hint = "Cloud Run has 1, 2, 4, 6 and 8 vCPUs, and 80m to 999m"
        yield Finding("resources.cpu", "cpu-size", f"{cpu_text(millis)} is not a number of vCPUs Cloud Run has", hint)


def memory(resources: Resources) -> Iterator[Finding]:
    """Each number of vCPUs goes with a range of memory."""
    millis, mib, gpu = resources.cpu_millis, resources.memory_mib, resources.gpu
    if gpu is not None or not (_LEAST_CPU <= millis < _ONE or millis in _MEMORY):
        return
    least, most = _MEMORY[millis] if millis >= _ONE else (_LEAST_MEMORY, 512 if millis < _HALF else 1024)
    if least <= mib <= most:
        return
    word, limit = ("below", least) if mib < least else ("above", most)
    hint = f"with {cpu_text(millis)} CPU Cloud Run allows {memory_text(least)} to {memory_text(most)}"
    yield Finding("resources.memory", "memory-size", f"{memory_text(mib)} is {word} {memory_text(limit)}", hint)


def gpu(resources: Resources) -> Iterator[Finding]:
    """An accelerator needs a host of some size."""
    if resources.gpu is None:
        return
    kind, (least_cpu, least_memory) = resources.gpu.type, GPU_LEAST[resources.gpu.type]
    most_memory = _GPU_MOST_MEMORY.get(kind)
    hint = f"{kind} needs at least {cpu_text(least_cpu)} CPU and {memory_text(least_memory)}"
    if resources.cpu_millis < least_cpu:
        summary = f"{cpu_text(resources.cpu_millis)} is below {cpu_text(least_cpu)}"
        yield Finding("resources.cpu", "gpu-size", summary, hint)
    if resources.memory_mib < least_memory:
        summary = f"{memory_text(resources.memory_mib)} is below {memory_text(least_memory)}"
        yield Finding("resources.memory", "gpu-size", summary, hint)
    if most_memory and resources.memory_mib > most_memory:
        summary = f"{memory_text(resources.memory_mib)} is above {memory_text(most_memory)}"
        yield Finding("resources.memory", "gpu-size", summary, "the most an instance of Cloud Run has")
