"""CPU and memory as Kubernetes writes them."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from decimal import Decimal

from schemas.units import cpu_text

_MIB = 2**20
_UNITS: Mapping[str, Decimal | int] = {
    "Ki": 2**10,
    "Mi": _MIB,
    "Gi": 2**30,
    "Ti": 2**40,
    "K": 1000,
    "k": 1000,
    "M": 1000**2,
    "G": 1000**3,
    "T": 1000**4,
    "m": Decimal("0.001"),
}
"""Bytes of each.

Source:
    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/; Cloud Run takes them as they are.
"""


def cpu_millis(quantity: str) -> int:
    """Read a CPU quantity: `1`, `0.5` or `1000m`."""
    return int(quantity[:-1]) if quantity.endswith("m") else round(float(quantity) * 1000)


def memory_mib(quantity: str) -> int:
    """Read a memory quantity: `512Mi`, `16Gi`, `1G` or bytes; what is none of whole MiB is rounded, to 1 at least."""
    if quantity.endswith("Mi") and quantity[:-2].isdigit():  # most are: a plan reads thousands
        return int(quantity[:-2])
    found = _bytes(quantity)
    return max(round(found / _MIB), 1) if found else 0


def is_whole_mib(quantity: str) -> bool:
    """Tell whether `memory_mib` rounds nothing."""
    return not _bytes(quantity) % _MIB


def _bytes(quantity: str) -> Decimal:
    for unit, factor in _UNITS.items():
        if quantity.endswith(unit):
            return Decimal(quantity[: -len(unit)]) * factor
    return Decimal(quantity)


def write_limits(limits: MutableMapping[str, str], millis: int, mib: int) -> None:
    """Write CPU and memory of a container; what reads as the same is left in the words that it was written in.

    Args:
        limits: Of its resources, changed in place.
        millis: Thousandths of a vCPU.
        mib: Of memory.
    """
    if "cpu" not in limits or cpu_millis(limits["cpu"]) != millis:
        limits["cpu"] = cpu_text(millis)
    if "memory" not in limits or memory_mib(limits["memory"]) != mib:
        limits["memory"] = f"{mib}Mi"
