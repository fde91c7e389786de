"""Why a service is as it is: what the last pass of the job found of it, and what was decided about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reconciler.core.planned import refuse_broken
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.kept_standings import Decided, read_decided
from reconciler.engine.oversight import Oversight, Standing, read_oversight
from reconciler.engine.reports import Reports
from reconciler.engine.retraining import Retraining, read_retraining, region_among
from reconciler.engine.session import Session
from reconciler.engine.status import RETRAINS


@dataclass(frozen=True, slots=True)
class Reasons:
    """What is known of one service.

    Args:
        standing: What the last pass found of it.
        oversight: The job as a whole.
        retraining: What was decided about its trainings.
        retrained: It is one that is trained again, or was.
        decided: What passes decided about its rollout.
    """

    standing: Standing
    oversight: Oversight
    retraining: Retraining
    retrained: bool
    decided: Decided = field(default_factory=Decided)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """What was kept and cannot be read."""
        return (*self.oversight.troubles, *self.retraining.unreadable, *filter(None, [self.decided.unreadable]))

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        job = {"name": self.oversight.name, "problems": list(self.oversight.problems)}
        trail = [dict(each) for each in self.decided.trail]
        return self.retraining.to_json() | {"lastPass": self.standing.to_json(), "rollout": trail, "job": job}


def read_reasons(session: Session, name: str, region: str | None, *, last: int) -> Reasons:
    """Read why a service is as it is.

    Args:
        session: The run.
        name: Of the service; it may be one that nothing was made of yet, because passes are kept from it.
        region: Where; None for wherever it is.
        last: How many decisions about its rollout, and about retraining.

    Raises:
        UsageError: There is none of that name, or one in several regions.
        ApiError: The bucket cannot be read.
    """
    everything = InventoryStore(session).read_all()
    refuse_broken(everything, [name])
    oversight = read_oversight(session, everything)
    keys = {*everything, *oversight.beyond(everything)}
    place = region_among(keys, name, region)
    retraining = read_retraining(session, place, name, last=last)
    inventory = everything.get((place, name))
    has = inventory is not None and any(address.kind == RETRAINS for address in inventory.entries)
    retrained = has or bool(retraining.runs or retraining.decisions or retraining.frozen)
    standing, decided = oversight.of(place, name), Decided()
    if standing.ended:
        reports = Reports(session, oversight.name)
        decided = read_decided(reports, standing.shard, (place, name), last=last)
    return Reasons(standing, oversight, retraining, retrained, decided)
