"""What there is of each service, read afresh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.diff import plain
from reconciler.core.inventory import Inventory
from reconciler.core.objects import Observed
from reconciler.core.planned import refuse_broken
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.session import Session


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service.

    Args:
        inventory: What is its.
        service: The Cloud Run service; None when it is gone.
        missing: What the inventory lists and is not there.
        checked: When this was read.
    """

    inventory: Inventory
    service: Observed[Any] | None
    missing: tuple[Address, ...]
    checked: str

    @property
    def working(self) -> bool:
        """Tell whether the service is there and works."""
        return self.service is not None and not self.service.problem

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        lock = self.inventory.lock
        seen = self.service
        return {
            "name": self.inventory.service,
            "region": self.inventory.region,
            "working": self.working,
            "problem": seen.problem if seen else "the Cloud Run service is gone",
            "settled": seen.settled if seen else True,
            "url": seen.output["uri"] if seen else "",
            "tags": dict(seen.output["tags"]) if seen else {},
            "conditions": list(seen.output["conditions"]) if seen else [],
            "revisions": _revisions(seen) if seen else [],
            "resources": sorted(map(str, self.inventory.entries)),
            "missing": [str(address) for address in self.missing],
            "lastChecked": self.checked,
            "lastChanged": self.inventory.changed,
            "lock": lock and {"holder": lock.holder, "runId": lock.run_id, "expires": lock.expires.isoformat()},
        }


def _revisions(seen: Observed[Any]) -> list[dict[str, Any]]:
    runs = seen.output["runs"]
    tags = {share.version: share.tag for share in seen.fields.traffic if share.tag}
    return [
        {
            **plain(revision),
            "percent": runs.serving.get(revision.name, 0),
            "latest": revision.name == runs.latest,
            "tag": tags.get(revision.name) or (tags.get("latest", "") if revision.name == runs.latest else ""),
        }
        for revision in runs.revisions
    ]


@dataclass(frozen=True, slots=True)
class Statuses:
    """Services, and what cannot be told.

    Args:
        services: Each service.
        unreadable: Why an inventory cannot be read, one each.
    """

    services: tuple[ServiceStatus, ...]
    unreadable: tuple[errors.ReconcilerError, ...] = ()

    @property
    def working(self) -> bool:
        """Tell whether all is known and works."""
        return not self.unreadable and all(service.working for service in self.services)


def read_status(session: Session, names: Sequence[str]) -> Statuses:
    """Read services by name, or all of them. An inventory that cannot be read hides no other service.

    Raises:
        UsageError: A name is not known.
        UnreadableInventory: The inventory of a service that was named cannot be read.
    """
    everything = InventoryStore(session).read_all()
    refuse_broken(everything, names)
    chosen = [i for key, i in sorted(everything.items()) if not names or key[1] in names]
    unknown = sorted(set(names) - {i.service for i in chosen})
    if unknown:
        known = ", ".join(sorted(key[1] for key in everything)) or "none"
        raise errors.UsageError(f"not known here: {', '.join(unknown)}", hint=f"services applied here: {known}")
    kinds = session.kinds.by_name
    seen = session.observe({a: e.server_name for i in chosen for a, e in i.entries.items() if a.kind in kinds})
    now = session.clock.now().isoformat(timespec="seconds")
    found = [
        ServiceStatus(
            inventory,
            seen.get(Address(session.kinds.primary.name, inventory.region, inventory.service)),
            tuple(sorted(a for a in inventory.entries if a not in seen)),
            now,
        )
        for inventory in chosen
    ]
    return Statuses(tuple(found), tuple(everything.broken.values()))
