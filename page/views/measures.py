"""What several views say of one service: its traffic, its data, its answers, its money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from page.documents import Data
from page.words import short

SPARK = 24
"""Windows in a row's line."""

_FARTHEST = 1e9
"""As a multiple of a limit: a limit next to nothing makes none that JSON has not."""


def traffic(service: Data) -> list[Data]:
    """Say which versions get which share of requests, the stable one first."""
    rollout = service.get("rollout") or {}
    shares = [
        {
            "revision": each["revision"],
            "version": short(each["version"] or each["revision"]),
            "percent": each["percent"],
            "role": _role(each["revision"], rollout),
        }
        for each in service.get("versions") or ()
        if each["percent"]
    ]
    return sorted(shares, key=lambda share: (share["role"] == "candidate", -share["percent"]))


def serving(service: Data) -> str:
    """Say what serves: a version, or several with their shares."""
    shares = {share["revision"]: share["percent"] for share in traffic(service)}
    found = [
        (shares[each["revision"]], each["model"] or short(each["version"] or each["revision"]))
        for each in service.get("versions") or ()
        if each["revision"] in shares
    ]
    if len(found) > 1:
        return ", ".join(f"{name} at {percent} %" for percent, name in found)
    return found[0][1] if found else str(service.get("serving") or "")


def _role(revision: str, rollout: Data) -> str:
    return "candidate" if rollout.get("candidate") == revision and rollout.get("percent", 100) < 100 else "stable"  # noqa: PLR2004 - of a hundred


def ratio(column: Data) -> float | None:
    """Give a distance as a multiple of its limit, a billion at most; None where either is not known."""
    if column.get("distance") is None or not column.get("limit"):
        return None
    return min(round(float(column["distance"]) / float(column["limit"]), 4), _FARTHEST)


def worst(columns: Iterable[Data]) -> Data | None:
    """Give the column that is farthest beyond its limit, or nearest to it; None where none was measured."""
    measured = [each for each in columns if ratio(each) is not None]
    return max(measured, key=lambda each: ratio(each) or 0.0, default=None)


def windows_of(service: Data, which: str) -> list[Data]:
    """Give the windows of one comparison, the oldest first."""
    found = [each for each in (service.get("monitoring") or {}).get("windows") or () if each["which"] == which]
    return sorted(found, key=lambda each: str(each["at"]))


def drift(service: Data) -> Data | None:
    """Say what of a service's data is farthest from its baseline; None where nothing is compared."""
    comparisons = (service.get("monitoring") or {}).get("comparisons") or ()
    if not comparisons:
        return None
    found: list[tuple[float, Data]] = []
    for each in comparisons:
        windows = windows_of(service, each["which"])
        column = worst(windows[-1]["columns"]) if windows else None
        told = {"which": each["which"], "finding": each["finding"], "column": None, "ratio": None}
        if column is not None:
            told |= {"column": column["name"], "ratio": ratio(column)}
            told |= {"distance": column["distance"], "limit": column["limit"], "samples": windows[-1]["samples"]}
        told["spark"] = spark(windows)
        found.append((float(told["ratio"] or 0) + (each["finding"] == "Breach") * 1000, told))
    return max(found, key=lambda pair: pair[0])[1]


def spark(windows: Sequence[Data]) -> list[float | None]:
    """Give the worst multiple of each window; None where a window has none, which is not 0."""
    columns = [worst(each["columns"]) for each in windows[-SPARK:]]
    return [None if each is None else ratio(each) for each in columns]


def signals(service: Data) -> Data | None:
    """Say how a service answers, against what was promised; None where nobody looked."""
    told = service.get("signals")
    if not told:
        return None
    slo = told.get("slo") or {}
    availability = slo.get("availability")
    return {
        "requests": told["requests"],
        "perMinute": round(told["requests"] / told["of"] * 60, 4) if told["of"] else None,
        "errorRate": round(told["errors"] / told["requests"], 6) if told["requests"] else None,
        "errorLimit": None if availability is None else round(1 - availability, 8),
        "p50Ms": told["p50Ms"],
        "p95Ms": told["p95Ms"],
        "latencyLimitMs": slo.get("latencyMs"),
        "seconds": told["of"],
        "until": told.get("until"),
        "problem": told["problem"],
    }


def money(service: Data) -> Data | None:
    """Say what a service costs a month, and how its budget stands; None where neither is known."""
    cost, budget = service.get("cost"), service.get("budget")
    if not cost and not budget:
        return None
    told: Data = {name: (cost or {}).get(name) for name in ("floor", "expected", "worst", "per1000")}
    told["missing"] = list((cost or {}).get("missing") or ())
    for name in ("limit", "spent", "forecast", "currency", "source", "ends"):
        told[name] = (budget or {}).get(name)
    told["ofBudget"] = _of(told["spent"], told["limit"])
    told["forecastOfBudget"] = _of(told["forecast"], told["limit"])
    told["steps"] = list((budget or {}).get("steps") or ())
    return told


def _of(part: str | None, whole: str | None) -> float | None:
    if part is None or whole is None or not Decimal(whole):
        return None
    return round(float(Decimal(part) / Decimal(whole)), 4)
