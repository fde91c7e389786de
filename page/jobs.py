"""Which jobs report, and which are gone: one that was uninstalled left its reports, and nobody writes others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from page.freshness import freshness
from page.shelf import document
from page.snapshot import OPERATOR, Snapshot
from page.sources import Source


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs that left documents.

    Args:
        reporting: Folders of those that report.
        gone: Folders of those that were uninstalled, and whose last report is stale.
    """

    reporting: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


def jobs_in(bucket: Source, now: datetime) -> Jobs:
    """Tell which jobs report.

    `uninstall` removes the inventory of a job and leaves its reports. A job of somebody's own has no inventory either,
    so it is believed as long as it misses no passes.

    Args:
        bucket: The state bucket.
        now: The time.

    Raises:
        SourceError: The bucket cannot be listed or read.
    """
    found = {each for each in bucket.folders("operators/") if bucket.listed(f"{each}latest/")}
    installed = {name.rpartition("/")[2] for name in (bucket.listed("inventory/") if found else ())}
    others = {each for each in found if f"{OPERATOR}{each.split('/')[1]}.json" not in installed}
    gone = frozenset(each for each in others if _is_silent(bucket, each, now))
    return Jobs(frozenset(found - gone), gone)


def _is_silent(bucket: Source, operator: str, now: datetime) -> bool:
    """Tell whether a job missed passes, or left nothing that can be read."""
    names = [name for kind in ("latest", "standings") for name in bucket.listed(f"{operator}{kind}/")]
    left = Snapshot.of("", {name: read for name in names if (read := document(bucket, name)) is not None})
    return left.at is None or freshness(left, now)[0]
