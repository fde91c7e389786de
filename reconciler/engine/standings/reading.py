"""What passes kept of one service, for commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.engine.needed import STANDINGS
from schemas.kept import KeptError, Standings

if TYPE_CHECKING:
    from reconciler.core.inventory import Key
    from reconciler.engine.reports import Reports


@dataclass(frozen=True, slots=True)
class Decided:
    """Decisions about a rollout.

    Args:
        trail: As `schemas.kept.moving.Decision`, the newest first.
        unreadable: Why they cannot be read; empty where they can, or there are none.
    """

    trail: tuple[Mapping[str, Any], ...] = ()
    unreadable: str = ""


def read_decided(reports: Reports, shard: int, key: Key, *, last: int) -> Decided:
    """Read the last decisions about a service's rollout.

    Args:
        reports: Of the operator.
        shard: The one that has the service.
        key: Its region and name.
        last: How many.

    Raises:
        ApiError: The bucket cannot be read.
    """
    name = f"{STANDINGS}{shard}.json"
    said = reports.document(name)
    if said is None:
        return Decided()
    try:
        kept = Standings.read(said)
    except KeptError as error:
        return Decided(unreadable=f"cannot read {name} of the operator {reports.operator}: {error}")
    mine = [each for each in kept.services if (each.region, each.name) == key]
    trail = [decision.to_json() for each in mine for decision in each.trail]
    return Decided(tuple(trail[: -last - 1 : -1]))
