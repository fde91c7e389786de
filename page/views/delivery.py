"""Four numbers of a fleet: how often it is deployed, how often that fails, how long it takes, how fast it is mended.

How long it takes is counted from the commit on where its time is known: the lead time for changes. Else it is the last
part of that, the time to apply.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from statistics import median

from page.documents import Data
from page.snapshot import OPERATOR, Past

DAYS = 30
_VERSION = frozenset(
    (
        *("image", "model", "columns", "runtime", "version", "attempt", "env", "secrets", "container", "mounts"),
        *("sidecars", "template", "cpu_millis", "memory_mib", "gpu", "concurrency", "timeout_s", "max_instances"),
        *("gpu_zonal_redundancy", "service_account"),
    )
)
"""Fields of a service that make another revision of it: a step of a rollout, or another budget, is no deployment."""
_FAILED = {"failed", "skipped"}


def delivery(past: Past, services: Iterable[Data], now: datetime) -> Data:
    """Count over the last thirty days, or as many as there is anything of.

    Args:
        past: What became of all services, the newest first.
        services: As a snapshot has them: their rollouts tell which versions were taken back.
        now: The time.
    """
    since = now - timedelta(days=DAYS)
    entries = [each for each in past.entries if _ended(each) >= since and not each["service"].startswith(OPERATOR)]
    deployed = [each for each in entries if _deploys(each)]
    taken_back = sum(_taken_back(each, since) for each in services)
    bad = sum(_is_bad(each) for each in deployed) + taken_back
    reaches = _ended(past.entries[-1]) if past.entries else since
    days = max(1.0, (now - max(since, reaches)).total_seconds() / 86400)
    return {
        "known": bool(past.key),
        "days": round(days),
        "deployments": len(deployed),
        "deploymentsPerDay": round(len(deployed) / days, 2),
        "failureRate": round(min(1.0, bad / len(deployed)), 4) if deployed else None,
        "minutesFromCommit": _middle(_leads(past, since)),
        "minutesToApply": _middle(_seconds(each) for each in deployed),
        "minutesToRestore": _middle(_restored(entries)),
    }


def _ended(entry: Data) -> datetime:
    return datetime.fromisoformat(entry["ended"])


def _deploys(entry: Data) -> bool:
    """Tell whether a run made another revision of a service, or tried to."""
    return any(
        change["action"] in {"create", "replace"}
        or any(field["path"].partition(".")[0].partition("[")[0] in _VERSION for field in change["fields"])
        for change in entry["changes"]
        if change["address"].startswith("run_service/") and change["outcome"] in {"done", *_FAILED}
    )


def _is_bad(entry: Data) -> bool:
    """Tell whether the service itself could not be changed: what is beside it is another matter."""
    return any(each["address"].startswith("run_service/") and each["outcome"] in _FAILED for each in entry["changes"])


def _taken_back(service: Data, since: datetime) -> int:
    moments = [each["since"] for each in service.get("trail") or () if each["action"] == "rolled back"]
    return sum(datetime.fromisoformat(moment) >= since for moment in moments)


def _seconds(entry: Data) -> float:
    return (_ended(entry) - datetime.fromisoformat(entry["started"])).total_seconds()


def _leads(past: Past, since: datetime) -> Iterator[float]:
    """Give how long each commit took until a service had it, of those that had it since then.

    A commit deploys a service once: what makes another revision of it later, of the same commit, is no deed of its own.
    Where older entries are not known, a commit from before may have been deployed by one of them.
    """
    reaches = _ended(past.entries[-1]) if past.older else None
    seen: set[tuple[str, str, str]] = set()
    for entry in reversed(past.entries):
        source, key = entry["source"], (entry["region"], entry["service"], entry["source"]["commit"])
        if key in seen or entry["service"].startswith(OPERATOR) or not _deploys(entry) or _is_bad(entry):
            continue
        seen.add(key)
        written = datetime.fromisoformat(source["written"]) if source["written"] else None
        if written is None or source["uncommitted"] or (reaches and written < reaches):
            continue
        if written <= _ended(entry) >= since:
            yield (_ended(entry) - written).total_seconds()


def _restored(entries: list[Data]) -> list[float]:
    """Give how long each failure lasted that was mended: until the same service was changed, or well."""
    broken: dict[tuple[str, str], datetime] = {}
    lasted: dict[tuple[str, str], list[float]] = defaultdict(list)
    for entry in reversed(entries):
        key = (entry["region"], entry["service"])
        if _is_bad(entry):
            broken.setdefault(key, _ended(entry))
        elif entry["outcome"] in {"changed", "ok"} and key in broken:
            lasted[key].append((_ended(entry) - broken.pop(key)).total_seconds())
    return [seconds for each in lasted.values() for seconds in each]


def _middle(seconds: Iterable[float]) -> float | None:
    found = [*seconds]
    return round(median(found) / 60, 2) if found else None
