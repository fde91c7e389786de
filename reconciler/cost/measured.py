"""How much a service was used, as Cloud Monitoring has it, in place of what is declared or assumed. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

from reconciler.cost.shape import Shape
from reconciler.cost.usage import Usage

_SIX = Decimal("0.000001")
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Use:
    """What Cloud Run counted of one service.

    Args:
        requests: That reached a container, those of an uptime check among them.
        mean_ms: How long they took, on average; None without any.
        billed_s: Instance seconds that are billed; None where that is not told.
        span_s: Over how many seconds.
        since: When they began, ISO 8601.
        until: When they ended.
    """

    requests: int
    mean_ms: Decimal | None
    billed_s: Decimal | None
    span_s: int
    since: str = ""
    until: str = ""

    @property
    def per_second(self) -> Decimal:
        """Give the requests in a second, on average."""
        return (Decimal(self.requests) / self.span_s).quantize(_SIX)

    @property
    def instances(self) -> Decimal | None:
        """Give how many instances were billed at a time, on average."""
        return None if self.billed_s is None else (self.billed_s / self.span_s).quantize(_SIX)

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "requests": self.requests,
            "requestsPerSecond": f"{self.per_second.normalize():f}",
            "requestDurationMs": None if self.mean_ms is None else float(round(self.mean_ms, 1)),
            "billedInstances": None if self.instances is None else f"{self.instances.normalize():f}",
            "since": self.since,
            "until": self.until,
        }


def as_measured(usage: Usage, use: Use, shape: Shape) -> Usage:
    """Give what was measured in place of what is declared; what nobody measures stays as it is.

    Args:
        usage: As declared.
        use: What was counted.
        shape: What runs: its uptime check asks as well, and is priced by itself.
    """
    told: dict[str, Any] = {"requests_per_second": max(Decimal(0), use.per_second - shape.checks_per_second)}
    if use.mean_ms is not None:
        whole = int(use.mean_ms.to_integral_value(ROUND_CEILING))
        told["request_duration_ms"] = min(max(1, whole), _HOUR_MS)
    if use.instances is not None:
        told["instances"] = use.instances
    return replace(usage.declaring(told), measured=frozenset(told))
