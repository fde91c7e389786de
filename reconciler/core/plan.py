"""A plan: every decided change, as sorted and serialisable data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reconciler.core.address import Address
from reconciler.core.cost import Cost
from reconciler.core.diff import FieldChange
from reconciler.core.naming import fingerprint
from reconciler.core.scanning.scans import Scans

FORMAT = "mlservice/plan/v3"


class Action(StrEnum):
    """What is to be done with one object."""

    NO_OP = "no-op"
    WAIT = "wait"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


WRITES = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DELETE})


@dataclass(frozen=True, slots=True)
class Change:
    """One decided action on one address.

    Args:
        address: Which object.
        action: What to do.
        services: The services it is for.
        reason: Why, for people; nothing branches on it.
        consequence: What it will do to the world, in words.
        changes: Fields that differ.
        needs: Addresses that must be right first.
        desired: Plain record wanted; None for a delete.
        observed: Plain record seen, of ours only; None when absent.
        version: Of the object this was computed from; empty when absent.
        uid: Of the object this was computed from.
        guarded: Its deletion needs consent.
        owned: It was in the inventory when this was decided.
        rank: Of its kind; deletes go from the greatest to the least.
        source: Folder that the content is read from, for kinds that upload.
        problem: Why the object does not work although it is as wanted, in Google's words; or why it stays as it is, and
            what to do.
        twins: Names of further objects with the same mark, which go.
        uses: The spec uses the object without making it, and requires these fields of it; None for one that it makes.
        contradicts: The object is to go because the spec is not true while it is there, whoever made it.
    """

    address: Address
    action: Action
    services: tuple[str, ...]
    reason: str = ""
    consequence: str = ""
    changes: tuple[FieldChange, ...] = ()
    needs: frozenset[Address] = frozenset()
    desired: Mapping[str, Any] | None = None
    observed: Mapping[str, Any] | None = None
    version: str = ""
    uid: str = ""
    guarded: bool = False
    owned: bool = True
    rank: int = 0
    source: str = ""
    problem: str = ""
    twins: tuple[str, ...] = ()
    uses: tuple[str, ...] | None = None
    contradicts: bool = False

    @property
    def writes(self) -> bool:
        """Tell whether carrying it out changes anything."""
        return self.action in WRITES

    @property
    def acts(self) -> bool:
        """Tell whether there is anything to carry out: a change, or what comes after an earlier one has ended."""
        return self.writes or self.action is Action.WAIT

    @property
    def destroys(self) -> bool:
        """Tell whether an object goes."""
        return self.action in {Action.DELETE, Action.REPLACE}

    def to_json(self) -> dict[str, Any]:
        """Give the serialised form."""
        return {
            "address": str(self.address),
            "action": str(self.action),
            "services": list(self.services),
            "reason": self.reason,
            "consequence": self.consequence,
            "changes": [{"path": c.path, "before": c.before, "after": c.after} for c in self.changes],
            "needs": sorted(map(str, self.needs)),
            "desired": self.desired,
            "observed": self.observed,
            "version": self.version,
            "uid": self.uid,
            "guarded": self.guarded,
            "owned": self.owned,
            "rank": self.rank,
            "source": self.source,
            "problem": self.problem,
            "twins": list(self.twins),
            "uses": None if self.uses is None else list(self.uses),
            "contradicts": self.contradicts,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Change:
        """Read the serialised form."""
        return cls(
            address=Address.parse(data["address"]),
            action=Action(data["action"]),
            services=tuple(data["services"]),
            reason=data["reason"],
            consequence=data["consequence"],
            changes=tuple(FieldChange(c["path"], c["before"], c["after"]) for c in data["changes"]),
            needs=frozenset(map(Address.parse, data["needs"])),
            desired=data["desired"],
            observed=data["observed"],
            version=data["version"],
            uid=data["uid"],
            guarded=data["guarded"],
            owned=data["owned"],
            rank=data["rank"],
            source=data["source"],
            problem=data["problem"],
            twins=tuple(data["twins"]),
            uses=None if data["uses"] is None else tuple(data["uses"]),
            contradicts=data["contradicts"],
        )


def _ends(delete: Change, pending: Iterable[Change], earlier: Collection[str]) -> Iterator[Address]:
    """Name what must have happened before a delete: nothing goes while something of its service may still use it.

    What contradicts the spec goes at once: access that must not be is not kept open by a rollout that fails.
    """
    for other in () if delete.contradicts else pending:
        first = other.action is not Action.DELETE or other.address.kind in earlier
        if first and not set(delete.services).isdisjoint(other.services):
            yield other.address


@dataclass(frozen=True, slots=True)
class Note:
    """Something a reader of the plan should know that changes nothing.

    Args:
        service: Whose spec it is about.
        text: One line.
        where: file:line:column, or nothing.
    """

    service: str
    text: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one run would do.

    Args:
        project: Project id.
        services: Names of the services planned, sorted.
        changes: Sorted by address, no-ops included.
        notes: What a reader should know.
        made: When, ISO 8601.
        spec_digest: Of the specs this was made from, with facts.
        destroy: It was made to remove the services.
        observing: Services whose spec says Observe: shown, never changed.
        deletion: `management.deletion` by service, for their inventories.
        closed: By service, the addresses of what its spec rules out, with the words that do, for their inventories.
        regions: Region by service.
        specs: Paths of the specs it was made from, for a saved plan to find them again.
        environment: Which one of theirs.
        salt: Of the digests that stand for hidden values in a saved plan; empty where there are none.
        costs: What each service costs a month, by name.
        scans: What scans and attestations of its images say, by name, of services whose specs ask for that.
        files: Mark of the file that each service was planned from, by name, for their inventories.
    """

    project: str
    services: tuple[str, ...]
    changes: tuple[Change, ...]
    notes: tuple[Note, ...] = ()
    made: str = ""
    spec_digest: str = ""
    destroy: bool = False
    observing: tuple[str, ...] = ()
    deletion: Mapping[str, str] = field(default_factory=dict)
    closed: Mapping[str, Mapping[Address, str]] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)
    specs: tuple[str, ...] = ()
    environment: str = ""
    salt: str = ""
    costs: Mapping[str, Cost] = field(default_factory=dict)
    scans: Mapping[str, Scans] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, changes: Iterable[Change], **rest: Any) -> Plan:
        """Make a plan of changes in any order."""
        return cls(changes=tuple(sorted(changes, key=lambda c: c.address)), **rest)

    @property
    def pending(self) -> tuple[Change, ...]:
        """What an apply has to do, and may."""
        observing = set(self.observing)
        return tuple(c for c in self.changes if c.acts and not observing.issuperset(c.services))

    @property
    def protected(self) -> tuple[Change, ...]:
        """Pending changes that lose data or stop serving, and whose specs do not consent to that."""
        return tuple(
            c
            for c in self.pending
            if c.destroys and c.guarded and any(self.deletion.get(name) != "Delete" for name in c.services)
        )

    @property
    def over_limit(self) -> Mapping[str, Cost]:
        """Services with something to do that their own limit of cost blocks, by name."""
        busy = {c.services[0] for c in self.pending if len(c.services) == 1}
        return {name: cost for name, cost in sorted(self.costs.items()) if cost.over and name in busy}

    @property
    def unclean(self) -> Mapping[str, Scans]:
        """Services with something to do that would deploy an image that scans or attestations bar, by name."""
        busy = {name for change in self.pending for name in change.services}
        return {name: each for name, each in sorted(self.scans.items()) if each.closed and name in busy}

    @property
    def blocked(self) -> tuple[str, ...]:
        """Why a policy of their own keeps services from being changed, a line each: cost first, then images."""
        return (
            *(f"{name}: {cost.blocked}" for name, cost in self.over_limit.items()),
            *(f"{name}: {why}" for name, each in self.unclean.items() for why in each.closed),
        )

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to do and nothing to wait for."""
        return not any(c.acts for c in self.changes)

    def counts(self) -> dict[str, int]:
        """Count changes per action."""
        found = dict.fromkeys(map(str, Action), 0)
        for change in self.changes:
            found[str(change.action)] += 1
        return found

    def edges(self, earlier: Callable[[str], Collection[str]]) -> dict[Address, frozenset[Address]]:
        """Give, per pending address, the pending addresses to carry out first.

        Deletes come after every other change of the same service, so that nothing goes while it is still used.

        Args:
            earlier: Gives the kinds whose objects are deleted before those of a kind.
        """
        pending = self.pending
        addresses = frozenset(change.address for change in pending)
        return {
            change.address: frozenset(_ends(change, pending, earlier(change.address.kind)))
            if change.action is Action.DELETE
            else change.needs & addresses
            for change in pending
        }

    def to_json(self) -> dict[str, Any]:
        """Give the serialised form, with a digest that tells whether it was edited."""
        body = {
            "format": FORMAT,
            "project": self.project,
            "services": list(self.services),
            "made": self.made,
            "specDigest": self.spec_digest,
            "destroy": self.destroy,
            "observing": list(self.observing),
            "deletion": dict(self.deletion),
            "closed": {name: {str(a): why for a, why in closed.items()} for name, closed in self.closed.items()},
            "regions": dict(self.regions),
            "specs": list(self.specs),
            "environment": self.environment,
            "salt": self.salt,
            "costs": {name: cost.to_json() for name, cost in self.costs.items()},
            **({"scans": {name: each.to_json() for name, each in self.scans.items()}} if self.scans else {}),
            **({"files": dict(self.files)} if self.files else {}),
            "summary": self.counts(),
            "notes": [{"service": n.service, "text": n.text, "where": n.where} for n in self.notes],
            "changes": [c.to_json() for c in self.changes],
        }
        return body | {"digest": fingerprint(body, length=32)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        """Read the serialised form.

        Raises:
            ValueError: It is no plan of this version, or it was edited.
        """
        if data.get("format") != FORMAT:
            raise ValueError(f"this is no saved plan of this version of mlservice ({data.get('format')!r})")
        if "digest" not in data:
            raise ValueError("this plan was printed, not saved: what looks secret is hidden in it")
        body = {k: v for k, v in data.items() if k != "digest"}
        if fingerprint(body, length=32) != data.get("digest"):
            raise ValueError("this saved plan was edited: its digest does not fit its content")
        return cls(
            project=data["project"],
            services=tuple(data["services"]),
            changes=tuple(map(Change.from_json, data["changes"])),
            notes=tuple(Note(n["service"], n["text"], n["where"]) for n in data["notes"]),
            made=data["made"],
            spec_digest=data["specDigest"],
            destroy=data["destroy"],
            observing=tuple(data["observing"]),
            deletion=data["deletion"],
            closed={
                name: {Address.parse(text): why for text, why in closed.items()}
                for name, closed in data.get("closed", {}).items()
            },
            regions=data["regions"],
            specs=tuple(data["specs"]),
            environment=data["environment"],
            salt=data["salt"],
            costs={name: Cost.from_json(cost) for name, cost in data.get("costs", {}).items()},
            scans={name: Scans.from_json(each) for name, each in data.get("scans", {}).items()},
            files=data.get("files", {}),
        )
