"""How services answered of late: two lists for all of a project, however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from reconciler.core import errors
from reconciler.core.inventory import Key
from reconciler.core.standings.words import moment, number, text
from reconciler.cost.advice import Spread
from reconciler.engine.session import Session, naming_roles
from reconciler.engine.use import ROLES, until_now
from reconciler.gcp.run_series import Series
from reconciler.gcp.run_use import LATENCIES
from schemas.sections.monitoring import Slo

SPAN = timedelta(hours=1)
_HALF, _MOST, _PROMISED = Decimal("0.5"), Decimal("0.95"), 0.95


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered in the last hour.

    Args:
        until: When it ended.
        codes: Requests by class of the code, by region and name.
        took: How long answers took, in milliseconds, by region and name.
        problem: Why nothing is known; empty where it is.
    """

    until: datetime
    codes: Mapping[Key, Mapping[str, int]] = field(default_factory=dict)
    took: Mapping[Key, Spread] = field(default_factory=dict)
    problem: str = ""

    def of(self, key: Key, slo: Slo | None) -> dict[str, Any]:
        """Give one service's, as `schemas.kept.standings.Signals`.

        Args:
            key: Its region and name.
            slo: What its spec promises; None for nothing.
        """
        codes, took = self.codes.get(key, {}), self.took.get(key)
        return {
            "requests": sum(codes.values()),
            "errors": codes.get("5xx", 0),
            "p50Ms": _ms(took, _HALF),
            "p95Ms": _ms(took, _MOST),
            "of": int(SPAN.total_seconds()),
            "until": moment(self.until),
            "slo": _promised(slo) if slo else None,
            "problem": text(self.problem),
        }


def read_answers(session: Session) -> Answers:
    """Read how all services of a project answered in the last hour; say why where that cannot be read.

    Args:
        session: The run's means.
    """
    until = until_now(session)
    series = Series(session.connection, until - SPAN, until)
    try:
        with naming_roles(ROLES):
            reading = session.pool.submit(series.requests)
            by_revision = series.distributions(LATENCIES)
            codes = reading.result()
    except errors.ReconcilerError as error:
        return Answers(until, problem=f"{error.message}; {error.hint}" if error.hint else error.message)
    took: dict[Key, Spread] = {}
    for (region, service, _), spread in by_revision.items():
        key = (region, service)
        took[key] = took[key].joined(spread) if key in took else spread
    return Answers(until, codes, took)


def _ms(spread: Spread | None, part: Decimal) -> float | None:
    found = spread.below(part) if spread else None
    return None if found is None else number(float(found))


def _promised(slo: Slo) -> dict[str, Any]:
    latency = slo.latency_p95_ms
    return {
        "availability": slo.availability,
        "latencyMs": None if latency is None else number(float(latency)),
        "latencyShare": None if latency is None else _PROMISED,
    }
