"""What Google tells of a revision of a Cloud Run service: its short name, whether it can serve, whose a share is."""

from __future__ import annotations

from typing import Any


def last(name: str) -> str:
    """Give the last part of a full name."""
    return name.rpartition("/")[2]


def is_ready(live: Any) -> bool:
    """Tell whether a revision can serve."""
    return any(each.type_ == "Ready" and each.state.name == "CONDITION_SUCCEEDED" for each in live.conditions)


def gets(share: Any, ready: str) -> str:
    """Name the revision that gets a share of requests, as a service's statuses have it.

    Args:
        share: A status of traffic. One without a name is of the latest that is ready.
        ready: That one; empty where there is none.
    """
    return last(share.revision) or ready
