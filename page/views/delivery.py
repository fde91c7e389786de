"""Four numbers of a fleet: how often it changes, how often that fails, how long that takes, how fast it is mended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from statistics import median

from page.documents import Data
from page.snapshot import Past

DAYS = 30
_DONE, _FAILED = {"changed", "partly", "failed"}, {"partly", "failed"}


def delivery(past: Past, now: datetime) -> Data:
    """Count over the last thirty days, or as many as the timeline reaches back.

    Args:
        past: What became of all services, the newest first.
        now: The time.
    """
    since = now - timedelta(days=DAYS)
    entries = [each for each in past.entries if datetime.fromisoformat(each["ended"]) >= since]
    tried = [each for each in entries if each["outcome"] in _DONE]
    failed = [each for each in tried if each["outcome"] in _FAILED]
    reaches = datetime.fromisoformat(entries[-1]["ended"]) if entries and past.older else since
    days = max(1.0, (now - max(since, reaches)).total_seconds() / 86400)
    return {
        "known": bool(past.key),
        "days": round(days),
        "changes": len(tried),
        "changesPerDay": round(len(tried) / days, 2),
        "failureRate": round(len(failed) / len(tried), 4) if tried else None,
        "minutesToChange": _middle(_seconds(each) for each in tried),
        "minutesToRestore": _middle(_restored(entries)),
    }


def _seconds(entry: Data) -> float:
    return (datetime.fromisoformat(entry["ended"]) - datetime.fromisoformat(entry["started"])).total_seconds()


def _restored(entries: list[Data]) -> list[float]:
    """Give how long each failure lasted that was mended: until the same service was changed, or well."""
    broken: dict[tuple[str, str], datetime] = {}
    lasted: dict[tuple[str, str], list[float]] = defaultdict(list)
    for entry in reversed(entries):
        key, ended = (entry["region"], entry["service"]), datetime.fromisoformat(entry["ended"])
        if entry["outcome"] in _FAILED:
            broken.setdefault(key, ended)
        elif entry["outcome"] in {"changed", "ok"} and key in broken:
            lasted[key].append((ended - broken.pop(key)).total_seconds())
    return [seconds for each in lasted.values() for seconds in each]


def _middle(seconds: Iterable[float]) -> float | None:
    found = [*seconds]
    return round(median(found) / 60, 2) if found else None
