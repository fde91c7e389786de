"""CPU and memory as Kubernetes writes them."""

from __future__ import annotations

_UNITS = {"Ki": 1 / 1024, "Mi": 1, "Gi": 1024, "K": 1e3 / 2**20, "k": 1e3 / 2**20, "M": 1e6 / 2**20, "G": 1e9 / 2**20}


def cpu_millis(quantity: str) -> int:
    """Read a CPU quantity: `1`, `0.5` or `1000m`."""
    return int(quantity[:-1]) if quantity.endswith("m") else round(float(quantity) * 1000)


def memory_mib(quantity: str) -> int:
    """Read a memory quantity: `512Mi`, `16Gi`, `1G` or bytes."""
    for unit, factor in _UNITS.items():
        if quantity.endswith(unit):
            return round(float(quantity[: -len(unit)]) * factor)
    return round(float(quantity) / 2**20)
