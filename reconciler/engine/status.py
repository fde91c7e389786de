"""What there is of each service, read afresh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.diff import plain
from reconciler.core.inventory import Inventory, Key
from reconciler.core.kind import Kinds
from reconciler.core.ladder.steps import restraint_by
from reconciler.core.membership import ANY_ROLE, EVERYONE, EVERYONE_SIGNED_IN, KIND, Membership, any_role
from reconciler.core.naming import label_value
from reconciler.core.objects import Observed
from reconciler.core.planned import refuse_broken
from reconciler.core.standings.moving import Need
from reconciler.core.standings.training import held
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.kept_standings import read_waiting
from reconciler.engine.ladder.books import Books, Found
from reconciler.engine.monitoring import standing as monitoring
from reconciler.engine.monitoring.outcomes import judges_performance
from reconciler.engine.oversight import Oversight, Standing, read_oversight
from reconciler.engine.retraining import Retraining, read_retraining, read_windows
from reconciler.engine.session import Session
from schemas.operator import is_operators

SERVICE = "run_service"
RETRAINS = "functions_function"
"""Kind of the function that starts trainings."""
WATCHES = "vertex_schedule"
"""Kind of what measures for it."""
GOING = frozenset({"Claimed", "Started"})
"""States of a training that has not ended."""


@dataclass(frozen=True, slots=True)
class Opening:
    """One way in for everyone, to what a spec keeps private.

    Args:
        member: `allUsers` or `allAuthenticatedUsers`.
        on: What is open: kind and name.
        role: Which it has; empty where callers are not asked who they are.
        condition: Title of the condition under which it has it; empty for always.
        why: What it contradicts, in words.
    """

    member: str
    on: str
    role: str
    condition: str
    why: str


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service.

    Args:
        inventory: What is its.
        service: The Cloud Run service; None when it is gone.
        missing: What the inventory lists and is not there.
        checked: When this was read.
        open: What lets everyone in, though the spec last applied rules that out.
        retraining: What became of its trainings; None for a service that is not trained again.
        standing: What the last pass of the job found of it; None where that was not asked.
        monitoring: What the retraining function said of each comparison last; none where it looks at no monitors.
        unread: Why that cannot be read; empty where it can.
        budget: What its budget holds back, in sentences.
        moving: What its rollout waits for a person to do, as the last pass of the job found it, each with its sort.
    """

    inventory: Inventory
    service: Observed[Any] | None
    missing: tuple[Address, ...]
    checked: str
    open: tuple[Opening, ...] = ()
    retraining: Retraining | None = None
    standing: Standing | None = None
    monitoring: tuple[monitoring.Standing, ...] = ()
    unread: str = ""
    budget: tuple[str, ...] = ()
    moving: tuple[Need, ...] = ()

    @property
    def working(self) -> bool:
        """Tell whether the service is there and works."""
        return self.service is not None and not self.service.problem

    @property
    def needs(self) -> tuple[str, ...]:
        """What a person has to see to about its trainings and what starts them, in words; what works is no reason."""
        trainings = _needs(self.retraining, datetime.fromisoformat(self.checked)) if self.retraining else ()
        return (*trainings, *([self.unread] if self.unread else ()))

    @property
    def problem(self) -> str:
        """Say why it does not work; nothing where it does."""
        if self.service:
            return self.service.problem
        if not self.inventory.entries:
            return "nothing of it was made yet"
        listed = [entry for address, entry in self.inventory.entries.items() if address.kind == SERVICE]
        if any(entry.changed or entry.server_name for entry in listed):
            return "the Cloud Run service is gone"
        return "its Cloud Run service is not made yet: the run that was to make it did not get that far"

    @property
    def needed(self) -> tuple[Need, ...]:
        """Everything that a person has to see to, each with its sort, what is worst first."""
        open_to = [f"NOT PRIVATE: {each.member} is let in; contradicts the spec: {each.why}" for each in self.open]
        found = [("open", said) for said in open_to]
        if self.problem and self.inventory.entries:
            found.append(("not working", f"not working: {self.problem}"))
        found += [*(("trainings", said) for said in self.needs), *self.moving]
        if self.standing and self.standing.alarm:
            found.append((self.standing.state, self.standing.alarm))
        return tuple(dict.fromkeys(found)) or (() if self.working else (("not working", self.problem),))

    @property
    def needs_you(self) -> tuple[str, ...]:
        """The same, in words alone."""
        return tuple(dict.fromkeys(said for _, said in self.needed))

    @property
    def asked(self) -> str:
        """The version that was asked for last: of the model, else of the Cloud Run revision; empty where none is."""
        latest = self.service.output["runs"].latest if self.service else ""
        return next((self._version(each) for each in self._revisions if each["name"] == latest), "")

    @property
    def serving(self) -> str:
        """The versions that serve, with their shares where there are several; empty where none does."""
        shares: dict[str, int] = {}
        for each in self._revisions:
            if each["percent"]:
                shares[self._version(each)] = shares.get(self._version(each), 0) + each["percent"]
        return ", ".join(shares) if len(shares) == 1 else ", ".join(f"{name} {n}%" for name, n in shares.items())

    @property
    def _revisions(self) -> list[dict[str, Any]]:
        return _revisions(self.service) if self.service else []

    def _version(self, revision: Mapping[str, Any]) -> str:
        return str(revision["version"] or revision["name"].removeprefix(f"{self.inventory.service}-"))

    @property
    def waits(self) -> str:
        """A better model that does not serve yet: its version; empty without one."""
        runs = self.retraining.runs if self.retraining else ()
        better = (
            run for run in runs if isinstance(run.get("verdict"), Mapping) and run["verdict"].get("better") is True
        )
        version = str(next((run.get("version") or "" for run in better), ""))
        there = {each["version"] for each in self._revisions if each["percent"]}
        return "" if label_value(version) in there else version

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        lock = self.inventory.lock
        seen = self.service
        return {
            "name": self.inventory.service,
            "region": self.inventory.region,
            "working": self.working,
            "problem": self.problem,
            "asked": self.asked,
            "serving": self.serving,
            "needsYou": list(self.needs_you),
            "lastPass": self.standing and self.standing.to_json(),
            "open": [plain(opening) for opening in self.open],
            "retraining": self.retraining and _told(self.retraining, self.waits),
            "monitoring": [each.to_json() for each in self.monitoring],
            "needs": list(self.needs),
            "budget": list(self.budget),
            "settled": seen.settled if seen else True,
            "url": seen.output["uri"] if seen else "",
            "tags": dict(seen.output["tags"]) if seen else {},
            "conditions": list(seen.output["conditions"]) if seen else [],
            "revisions": self._revisions,
            "resources": sorted(map(str, self.inventory.entries)),
            "missing": [str(address) for address in self.missing],
            "lastChecked": self.checked,
            "lastChanged": self.inventory.changed,
            "lock": lock and {"holder": lock.holder, "runId": lock.run_id, "expires": lock.expires.isoformat()},
        }


def _told(retraining: Retraining, waits: str) -> dict[str, Any]:
    """Give what of a service's trainings belongs into its status."""
    return {
        "training": sum(1 for run in retraining.runs if run.get("status") in GOING),
        "lastRun": dict(retraining.runs[0]) if retraining.runs else None,
        "circuitUntil": retraining.circuit_until,
        "frozen": retraining.frozen,
        "waits": waits,
        "unreadable": list(retraining.unreadable),
    }


def _needs(retraining: Retraining, now: datetime) -> Iterator[str]:
    until = _moment(retraining.circuit_until)
    if until and (said := held(retraining.service, until, now)):
        yield said
    yield from retraining.unreadable


def _moment(text: str) -> datetime | None:
    """Read a moment that the retraining function wrote; nothing where there is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except ValueError:
        return None


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
        oversight: The job that reconciles them; None where that was not asked.
    """

    services: tuple[ServiceStatus, ...]
    unreadable: tuple[errors.ReconcilerError, ...] = ()
    oversight: Oversight | None = None

    @property
    def working(self) -> bool:
        """Tell whether all is known and works."""
        return not self.unreadable and all(service.working for service in self.services)

    @property
    def well(self) -> bool:
        """Tell whether nothing needs a person: all works and is as it should be, and the job that sees to it runs."""
        troubled = self.oversight is not None and bool(self.oversight.problems)
        return self.working and not troubled and not any(service.needs_you for service in self.services)


def read_status(session: Session, names: Sequence[str], region: str | None = None) -> Statuses:
    """Read services by name, or all of them. An inventory that cannot be read hides no other service.

    Args:
        session: The run's means.
        names: Of services; none for all.
        region: Only those there; None for everywhere.

    Raises:
        UsageError: A name is not known.
        UnreadableInventory: The inventory of a service that was named cannot be read.
    """
    everything = InventoryStore(session).read_all()
    refuse_broken(everything, names)
    services = [i for key, i in sorted(everything.items()) if not is_operators(key[1])]
    oversight = read_oversight(session, everything)
    services += [Inventory(service=name, region=region) for region, name in oversight.beyond(everything)]
    services = [inventory for inventory in services if region in {None, inventory.region}]
    chosen = [inventory for inventory in services if not names or inventory.service in names]
    unknown = sorted(set(names) - {i.service for i in chosen})
    if unknown:
        known = ", ".join(sorted(inventory.service for inventory in services)) or "none"
        where = f"in {region}" if region else "here"
        raise errors.UsageError(f"not known {where}: {', '.join(unknown)}", hint=f"services applied {where}: {known}")
    kinds = session.kinds.by_name
    asked = {a: "" for i in chosen for a in closed_of(session.kinds, i)}
    asked |= {a: e.server_name for i in chosen for a, e in i.entries.items() if a.kind in kinds}
    seen = session.observe(asked)
    now = session.clock.now().isoformat(timespec="seconds")
    books = Books(session).find([(i.region, i.service) for i in chosen])
    trained, measured = _trained(session, chosen), windows_said(session, chosen, seen)
    waiting = read_waiting(session, oversight.name, [(i.region, i.service) for i in chosen])
    found = [
        ServiceStatus(
            inventory,
            seen.get(Address(session.kinds.primary.name, inventory.region, inventory.service)),
            tuple(sorted(a for a in inventory.entries if a not in seen)),
            now,
            tuple(openings(session.kinds, inventory, seen)),
            trained.get((inventory.region, inventory.service)),
            oversight.of(inventory.region, inventory.service),
            *measured.get((inventory.region, inventory.service), ((), "")),
            held_back(books, (inventory.region, inventory.service), session.clock.now()),
            waiting.get((inventory.region, inventory.service), ()),
        )
        for inventory in chosen
    ]
    return Statuses(tuple(found), tuple(everything.broken.values()), oversight)


def held_back(books: Found, key: Key, now: datetime) -> tuple[str, ...]:
    """Say what a service's budget holds back, or why that is not known."""
    if why := books.unreadable.get(key):
        return (f"not known: {why}",)
    book = books.of(key)
    return tuple(text for _, text in restraint_by(key[1], book, now).said) if book else ()


def _trained(session: Session, inventories: Sequence[Inventory]) -> dict[Key, Retraining]:
    """Read what became of the trainings of those services that have the function that starts them."""
    keys = [(i.region, i.service) for i in inventories if any(a.kind == RETRAINS for a in i.entries)]
    found = session.pool.gather([partial(read_retraining, session, *key, last=0) for key in keys])
    return dict(zip(keys, found, strict=True))


def windows_said(
    session: Session, inventories: Sequence[Inventory], seen: Mapping[Address, Observed[Any]]
) -> dict[Key, tuple[tuple[monitoring.Standing, ...], str]]:
    """Read what the function said of windows, and why it cannot be read, of those services whose windows it judges.

    Args:
        session: The run.
        inventories: Of the services.
        seen: What is there, for what their functions are told.
    """
    judged = {(i.region, i.service): sorts for i in inventories if (sorts := _judged(i, seen))}
    found = session.pool.gather([partial(read_windows, session, *key) for key in judged])
    return {
        key: (tuple(each for each in monitoring.standings(windows) if each.which in sorts), why)
        for (key, sorts), (windows, why) in zip(judged.items(), found, strict=True)
    }


def _judged(inventory: Inventory, seen: Mapping[Address, Observed[Any]]) -> frozenset[str]:
    """Give what the function of a service judges: of what it judged before, there are windows as well."""
    kinds = {a.kind for a in inventory.entries}
    functions = [seen[a] for a in inventory.entries if a.kind == RETRAINS and a in seen]
    found = monitoring.OF_MONITORS if {RETRAINS, WATCHES} <= kinds else frozenset[str]()
    return found | (monitoring.OF_LABELS if any(map(judges_performance, functions)) else frozenset[str]())


def closed_of(kinds: Kinds, inventory: Inventory) -> Mapping[Address, str]:
    """Give what must not be there. Of an older inventory: everyone's roles, unless it lists one of them as ours."""
    if inventory.closed is not None:
        return {a: why for a, why in inventory.closed.items() if a.kind in kinds.by_name}
    ours = {any_role(address) for address in inventory.entries}
    never = [
        Membership(kinds.primary.name, inventory.service, ANY_ROLE, member).at(inventory.region)
        for member in (EVERYONE, EVERYONE_SIGNED_IN)
    ]
    there = Address(kinds.primary.name, inventory.region, inventory.service) in inventory.entries
    private = there and KIND in kinds.by_name and ours.isdisjoint(never)
    return dict.fromkeys(never, "mlservice did not grant it") if private else {}


def openings(kinds: Kinds, inventory: Inventory, seen: Mapping[Address, Observed[Any]]) -> Iterator[Opening]:
    """Find what lets everyone in that is to stay out.

    Args:
        kinds: The kinds we know.
        inventory: Of the service; it says what is to be closed.
        seen: What is there.
    """
    closed = closed_of(kinds, inventory)
    for address in sorted(a for a in seen if a.kind == KIND and any_role(a) in closed):
        there = Membership.of(address)
        on = f"{there.on}:{there.name}"
        yield Opening(there.member, on, there.role, there.title, closed[any_role(address)])
    primary = kinds.primary
    service = seen.get(Address(primary.name, inventory.region, inventory.service))
    everyone = Membership(primary.name, inventory.service, ANY_ROLE, EVERYONE).at(inventory.region)
    if service and everyone in closed and inventory.closed is not None:
        for field in sorted(name for name in primary.entry if getattr(service.fields, name) is False):
            yield Opening(
                EVERYONE, f"{primary.name}:{inventory.service}", "", "", f"{field} is off; {closed[everyone]}"
            )
