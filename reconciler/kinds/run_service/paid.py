"""What of a Cloud Run service is paid for: its instances, as large and as many as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.core.paid import Paid, fields
from reconciler.kinds.run_service.restrained import released
from reconciler.kinds.run_service.template import LOG_RATE_ENV

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.cost.shape import Shape

_RATE = f"env.{LOG_RATE_ENV}"


def sized(shape: Shape, record: Mapping[str, Any]) -> Shape:
    """Give a shape with the instances of a Cloud Run service as its plain record says them.

    Args:
        shape: Of the spec.
        record: As wanted, or as it is live.
    """
    service, sidecars = record["service"], record["sidecars"].values()
    manual = service.get("manualInstanceCount") or 0 if service.get("scalingMode") == "MANUAL" else None
    least, windows = record["min_instances"], shape.instances.windows
    if least in {count for count, _ in windows}:  # a window is open: at other times there are as many as the spec says
        least = shape.instances.least
    cap = record.get("service_max") or record["max_instances"]
    least = max(least, record["template"].get("minInstanceCount") or 0) if manual is None else manual
    most = max(min(record["max_instances"], cap), record["min_instances"], 1)
    instances = replace(
        shape.instances,
        cpu_millis=record["cpu_millis"] + sum(each["cpuMillis"] for each in sidecars),
        memory_mib=record["memory_mib"] + sum(each["memoryMib"] for each in sidecars),
        least=least,
        windows=tuple((count, share) for count, share in windows if count > least),
        most=most if manual is None else max(manual, 1),
        concurrency=record["concurrency"] or 1,
        gpu=record["gpu"],
        zonal=record["gpu_zonal_redundancy"],
        always=not record["container"].get("cpuIdle", True),
    )
    return replace(shape, instances=instances)


# A log that begins is priced by its subscription, which is made.
PAID = Paid(alters=fields(_RATE, begins=frozenset({_RATE})), sized=sized, released=released)
