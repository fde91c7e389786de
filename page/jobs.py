"""Which jobs report, and which are gone: one that was uninstalled left its reports, and nobody writes others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from page.freshness import freshness
from page.shelf import document
from page.snapshot import OPERATOR, Past, Snapshot
from page.sources import Source


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs that left documents.

    Args:
        reporting: Folders of those that report.
        gone: Folders of those that were uninstalled.
    """

    reporting: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


def jobs_in(bucket: Source, now: datetime) -> Jobs:
    """Tell which jobs report.

    `uninstall` removes the inventory of a job, leaves its reports and adds to its history. A job of somebody's own has
    no inventory either: where no entry tells of its end, it is believed as long as it misses no passes.

    Args:
        bucket: The state bucket.
        now: The time.

    Raises:
        SourceError: The bucket cannot be listed or read.
    """
    found = {each for each in bucket.folders("operators/") if bucket.listed(f"{each}latest/")}
    installed = {name.rpartition("/")[2] for name in (bucket.listed("inventory/") if found else ())}
    others = {each for each in found if f"{OPERATOR}{each.split('/')[1]}.json" not in installed}
    gone = frozenset(each for each in others if _is_gone(bucket, each, now))
    return Jobs(frozenset(found - gone), gone)


def _is_gone(bucket: Source, operator: str, now: datetime) -> bool:
    """Tell whether a job ended since its last pass, missed passes, or left nothing that can be read."""
    names = [name for kind in ("latest", "standings") for name in bucket.listed(f"{operator}{kind}/")]
    left = Snapshot.of("", {name: read for name in names if (read := document(bucket, name)) is not None})
    past = _history(bucket, f"{OPERATOR}{operator.split('/')[1]}")
    return left.at is None or bool(left.after(past).over) or freshness(left, now)[0]


def _history(bucket: Source, name: str) -> Past:
    """Read the newest entry about a job, as far as it can be read."""
    names = sorted(bucket.listed(f"history/{name}/"), key=lambda each: each.rpartition("/")[2])
    read = document(bucket, names[-1]) if names else None
    return Past((read,) if isinstance(read, dict) else (), key=names[-1] if names else "")
