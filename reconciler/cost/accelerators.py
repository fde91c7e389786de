"""Instances with another accelerator, or none, of sizes that Cloud Run has: the whole line that a spec would have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.cost.shape import Instances
from schemas.checks import size
from schemas.sections.resources import GPU_LEAST, Gpu, GpuType, Resources
from schemas.units import cpu_text, memory_text


def others(instances: Instances) -> Iterator[tuple[str, Instances]]:
    """Give what another accelerator would be, and none, each with its line of the spec.

    Sizes stay where Cloud Run has them with it; else they are the least that go with it. The line says them: a spec may
    have left them out, and then they would be others.

    Args:
        instances: With an accelerator; of others there is nothing.
    """
    if not instances.gpu:
        return
    for gpu, (millis, mib) in GPU_LEAST.items():
        if gpu != instances.gpu:
            as_it_is = replace(instances, gpu=str(gpu))
            least = replace(as_it_is, cpu_millis=millis, memory_mib=mib)
            other = as_it_is if exists(as_it_is) else least
            yield _written(other), other
    without = replace(instances, gpu="", zonal=False)
    if exists(without):
        yield _written(without), without


def exists(instances: Instances) -> bool:
    """Tell whether Cloud Run has instances of these sizes: what validation says of them."""
    gpu = Gpu(type=GpuType(instances.gpu), zonal_redundancy=instances.zonal) if instances.gpu else None
    resources = Resources(gpu=gpu, cpu_millis=instances.cpu_millis, memory_mib=instances.memory_mib)
    return not any(True for check in (size.cpu, size.memory, size.gpu) for _ in check(resources, {}))


def _written(instances: Instances) -> str:
    gpu = f"{{type: {instances.gpu}, zonalRedundancy: true}}" if instances.zonal else instances.gpu
    sizes = f"cpu: {cpu_text(instances.cpu_millis)}, memory: {memory_text(instances.memory_mib)}"
    return f"resources: {{{f'gpu: {gpu}, ' if gpu else ''}{sizes}}}"
