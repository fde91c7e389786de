"""What was measured of a service's instances, as far as they were as large as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from reconciler.cost.advice.spread import Spread
from reconciler.cost.measured import Use

NINETY_FIVE, NINETY_NINE = Decimal("0.95"), Decimal("0.99")
ALL = Decimal(1)
"""All values; and of what an instance has all there is, however wide a bucket is."""
MINUTES = 600
"""Instance minutes that were measured, at least: ten hours."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What Cloud Run measured. Each may be missing: then nothing is concluded from it.

    Args:
        use: Requests and what is billed, over all of the time.
        span_s: For how long instances were as large as now: what is said of them is of that time.
        memory: Share of the memory, an instance and minute each.
        cpu: Share of the CPU.
        gpu: Share of the GPU's time.
        requests: Most requests at once, of an instance in a minute.
        starts_ms: How long instances took to start.
        most: Instances at once, at the most.
        busiest: Of them those that had requests, at the most.
        mean: Instances, on average over the time.
        by_class: Requests by class of their code: `2xx`, `5xx`.
        apart: Why sizes cannot be judged; empty where they can.
        numbers_apart: Why numbers of instances cannot be judged; empty where they can.
    """

    use: Use
    span_s: int
    memory: Spread | None = None
    cpu: Spread | None = None
    gpu: Spread | None = None
    requests: Spread | None = None
    starts_ms: Spread | None = None
    most: int | None = None
    busiest: int | None = None
    mean: Decimal | None = None
    by_class: Mapping[str, int] = field(default_factory=dict)
    apart: str = ""
    numbers_apart: str = ""

    @property
    def failed(self) -> Decimal:
        """Give the share of requests whose code is that of an error of the server."""
        count = sum(self.by_class.values())
        return Decimal(self.by_class.get("5xx", 0)) / count if count else Decimal(0)

    def cpu_in(self, part: Decimal) -> Decimal:
        """Give the share of the CPU that is used at most, in a part of the minutes; all of it where nobody knows."""
        return _used(self.cpu, part)

    def memory_in(self, part: Decimal) -> Decimal:
        """Give the share of the memory that is used at most, in a part of the minutes; all of it where nobody knows."""
        return _used(self.memory, part)

    def gpu_in(self, part: Decimal) -> Decimal:
        """Give the share of the GPU's time that is used at most, in a part of the minutes; all where nobody knows."""
        return _used(self.gpu, part)

    def scaled(self, *, memory: Decimal, cpu: Decimal) -> Measured:
        """Give it as it would be with other sizes, if as much is used of them.

        Args:
            memory: Memory before, divided by memory after.
            cpu: Likewise.
        """
        return replace(
            self,
            memory=self.memory.scaled(memory) if self.memory else None,
            cpu=self.cpu.scaled(cpu) if self.cpu else None,
        )

    def to_json(self) -> dict[str, Any]:
        """Give what numbers there are, as plain data."""
        return {
            **self.use.to_json(),
            "measuredDays": f"{Decimal(self.span_s) / 86_400:.1f}",
            "memory": _shown(self.memory),
            "cpu": _shown(self.cpu),
            "gpu": _shown(self.gpu),
            "requestsAtOnce": _shown(self.requests),
            "startMs": _shown(self.starts_ms),
            "instancesAtMost": self.most,
            "instancesBusyAtMost": self.busiest,
            "instancesOnAverage": None if self.mean is None else f"{self.mean:.3f}",
            "requestsByClass": dict(sorted(self.by_class.items())),
        }


def _used(spread: Spread | None, part: Decimal) -> Decimal:
    found = spread.below(part) if spread else None
    return ALL if found is None else min(found, ALL)


def too_little(**spreads: Spread | None) -> str:
    """Say why nothing can be concluded of some measurements; empty where it can.

    Args:
        spreads: By what people call them.
    """
    for key, spread in spreads.items():
        name = key.replace("_", " ")
        if spread is None or not spread.buckets:
            return f"{name}: not measured"
        if spread.count < MINUTES:
            return f"{name}: too little was measured, {minutes(spread)} of {MINUTES} that are needed"
    return ""


def minutes(spread: Spread | None) -> str:
    """Say how much was measured."""
    return f"{spread.count if spread else 0} instance minutes"


def _shown(spread: Spread | None) -> dict[str, Any] | None:
    if spread is None:
        return None
    parts = {"p95": spread.below(NINETY_FIVE), "p99": spread.below(NINETY_NINE), "most": spread.peak}
    told = {name: None if value is None else f"{value:.4g}" for name, value in parts.items()}
    return {"values": spread.count, "mean": f"{spread.mean:.4g}", **told}
