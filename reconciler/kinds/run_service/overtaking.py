"""Whether a step of a rollout that was agreed to is still the step after somebody else wrote the service. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.plan import Action, Change
from reconciler.core.rollout.record import ROLLOUT
from reconciler.core.sense import Sense
from reconciler.kinds.run_service.record import BESIDE, STABLE


def sense(agreed: Change, now: Change) -> Sense:
    """Compare two decisions by where they send requests.

    An order that was left meanwhile, or a hand, makes a step up of one that takes a version back, and the other way.

    Args:
        agreed: What the reader of the plan saw.
        now: What is decided of the service as it is now.
    """
    if agreed.action is not Action.UPDATE or now.action not in {Action.UPDATE, Action.NO_OP}:
        return Sense.SAME
    meant, coming, here = shares_of(agreed.desired), shares_of(now.desired), shares_of(now.observed)
    moved = _moves(agreed)
    if moved and here == meant and _beside(now.observed) == _beside(agreed.desired) != "":
        return Sense.DONE  # with the very moment that stands beside it: our own write was heard
    if coming == meant or not (moved or _moves(now)):
        return Sense.SAME
    kept = {share["version"] for share in (now.observed or {}).get("traffic", ()) if share["tag"] == STABLE}
    rises = any(percent > here.get(name, 0) for name, percent in coming.items() if name not in kept)
    return Sense.BOLDER if rises else Sense.SAFER


def _beside(record: Mapping[str, Any] | None) -> str:
    return str((record or {}).get("service", {}).get(BESIDE[ROLLOUT], ""))


def _moves(change: Change) -> bool:
    return shares_of(change.desired) != shares_of(change.observed)


def shares_of(record: Mapping[str, Any] | None) -> dict[str, int]:
    """Give the percents that a plain record sends to each revision."""
    found: dict[str, int] = {}
    for share in (record or {}).get("traffic", ()):
        if share["percent"]:
            found[share["version"]] = found.get(share["version"], 0) + share["percent"]
    return found
