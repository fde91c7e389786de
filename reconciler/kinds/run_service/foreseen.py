"""What a plan can foresee of a start: that it takes longer than it may, or that what is read does not fit. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.kinds.run_service.said import startup_s
from reconciler.lookups.mounted_bytes import bytes_at, weights_of
from schemas.instance import Instance
from schemas.sections.resources import GpuType
from schemas.units import duration_text

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

_CARDS = {GpuType.L4: 24e9, GpuType.RTX_PRO_6000: 96e9}
"""Bytes of memory of each card.

Source:
    https://cloud.google.com/run/docs/configuring/services/gpu.
"""
_READ_PER_S = 200e6
"""Bytes that one reader gets of a mounted bucket in a second: in reports 7B models (15 GB) took one to three minutes.

Source:
    https://cloud.google.com/run/docs/configuring/services/gpu-best-practices, "Loading models"; public reports.
"""
_SLOW_S = 120
_GIB = 2**30


def starts(service: MLService, facts: Facts) -> Iterator[tuple[str, str]]:
    """Say what a start needs and does not get, each with where in the spec that is said."""
    yield from _weights(service, facts)
    allowed, scaling = startup_s(service.spec), service.spec.scaling
    kept = scaling.min_instances or scaling.revision_min_instances or scaling.instances or scaling.windows
    container = service.spec.container
    said = service.spec.runtime.startup.model_fields_set or container.startup_s or container.startup_probe
    if said and allowed is not None and allowed > _SLOW_S and not kept:
        text = f"while no instance is kept warm, a request may wait for a start: up to {_span(allowed)}"
        yield text, "scaling.minInstances"


def _weights(service: MLService, facts: Facts) -> Iterator[tuple[str, str]]:
    spec = service.spec
    gpu = Instance.of(spec.resources, spec.sidecars).gpu
    card = gpu.type if gpu else None
    for path, uri in weights_of(service).items():
        size, allowed = bytes_at(uri, facts), startup_s(spec)
        if size is None or card is None:
            continue
        if size > _CARDS[card]:
            text = f"files of {uri} are {size / _GIB:.1f} GiB, and {card} has {_CARDS[card] / _GIB:.0f} GiB"
            yield f"{text}: read as they are, they do not fit", path
        needed = round(size / _READ_PER_S)
        if allowed is not None and needed > allowed:
            text = f"reading {size / _GIB:.1f} GiB of {uri} takes about {_span(needed)} at 200 MB/s"
            yield f"{text}, and a start may take {_span(allowed)}", path


def _span(seconds: int) -> str:
    return duration_text((seconds if seconds < _SLOW_S else round(seconds / 60) * 60) * 1000)
