"""What of a Cloud Run service is paid for: its instances, as large and as many as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.core.paid import Paid, fields
from reconciler.kinds.run_service.container import main_of
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


def facing(wanted: Mapping[str, Any], observed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a live record with the port where the wanted one has it: who holds it by hand is beside that one again.

    Without this the container that takes the port back would be counted a second time, as one that others added.
    """
    if not observed["sidecars"]:
        return observed
    holder = {"name": observed["container"].get("name", ""), "image": observed["image"], "ports": [{}]}
    beside = observed["sidecars"]
    listed = [holder, *({"name": name, "image": each["image"]} for name, each in beside.items())]
    place = main_of(listed, wanted["container"].get("name", ""), wanted["image"], wanted["sidecars"])
    if place == 0:
        return observed
    sizes = {"cpuMillis": observed["cpu_millis"], "memoryMib": observed["memory_mib"]}
    taken = listed[place]["name"] if place > 0 else ""
    return {
        **observed,
        "sidecars": {holder["name"]: sizes, **{name: each for name, each in beside.items() if name != taken}},
    }


# A log that begins is priced by its subscription, which is made.
PAID = Paid(alters=fields(_RATE, begins=frozenset({_RATE})), sized=sized, released=released, facing=facing)
