"""Make a plan: load, resolve, observe, decide. Nothing is written here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.decide import Owner, decide
from reconciler.core.facts import Facts
from reconciler.core.inventory import Entry, Inventory
from reconciler.core.kind import Desired, Observed
from reconciler.core.naming import fingerprint
from reconciler.core.plan import Action, Change, Note, Plan
from reconciler.engine.inventory_store import InventoryStore, Key
from reconciler.engine.resolve import resolve
from reconciler.engine.session import Session
from schemas import LoadedService, Problem, SpecError
from schemas.sections.management import Adopt, Deletion, Mode, Prune
from schemas.sections.rollout import Strategy

NOT_YET = {
    "monitoring": "monitoring of data drift, skew and service levels",
    "triggers": "retraining triggers",
    "retraining": "retraining",
    "budget": "budgets and cost limits",
    "notifications": "notifications",
}
"""Sections whose words are understood and whose resources this version does not make yet."""

_STRATEGIES = frozenset({Strategy.ALL_AT_ONCE, Strategy.MANUAL})


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what is needed to carry it out.

    Args:
        plan: The plan.
        wants: What is wanted, by address.
        seen: What was observed, by address.
        owners: Whose each address is.
        inventories: By region and service, of the services planned; new ones for new services.
        deletions: `management.deletion` of the services planned, for their inventories.
    """

    plan: Plan
    wants: Mapping[Address, Desired[Any]]
    seen: Mapping[Address, Observed[Any]]
    owners: Mapping[Address, Owner]
    inventories: Mapping[Key, Inventory]
    deletions: Mapping[Key, str] = field(default_factory=dict)


def make_plan(
    session: Session, services: Sequence[LoadedService], *, runtime_image: str, retry: bool = False
) -> Planned:
    """Plan what the specs ask for.

    Args:
        session: The run's means.
        services: Loaded specs.
        runtime_image: The bundled model server's image, for specs without `image`.
        retry: Try revisions that failed once more, with the very template they failed with.

    Raises:
        SpecError: A spec asks for what is not there, or for what this version cannot do yet.
        PlansRefused: Objects of others are in the way.
        ApiError: Something could not be read.
    """
    _refuse_not_yet(services)
    store = InventoryStore(session)
    reading = session.pool.submit(store.read_all)
    resolved = resolve(session, services, runtime_image=runtime_image)
    everything = reading.result()
    attempt = f"{session.clock():%Y%m%dt%H%M%S}" if retry else ""
    facts = [replace(one.facts, attempt=attempt) for one in resolved if one.facts]
    wants = _wants(session, services, facts)
    keys = [(s.service.spec.region, s.service.name) for s in services]
    inventories = {key: everything.get(key) or Inventory(service=key[1], region=key[0]) for key in keys}
    owners = _owners(session, wants, inventories, everything, services)
    seen = session.observe(owners.keys())
    changes, refused = _decide_all(session, wants, seen, owners)
    if refused:
        raise errors.PlansRefused(refused)
    plan = Plan.of(
        changes,
        project=session.connection.project,
        services=tuple(sorted(name for _, name in keys)),
        notes=tuple(_notes(services, facts)),
        made=session.clock().isoformat(timespec="seconds"),
        spec_digest=fingerprint([s.service.to_data() for s in services], length=32),
        observing=tuple(sorted(s.service.name for s in services if s.service.spec.management.mode is Mode.OBSERVE)),
    )
    deletions = {key: str(s.service.spec.management.deletion) for key, s in zip(keys, services, strict=True)}
    return Planned(plan, _first(wants), seen, owners, inventories, deletions)


def plan_destroy(session: Session, keys: Sequence[Key]) -> Planned:
    """Plan to delete everything that is ours for some services. The inventory is enough; no spec is needed.

    Raises:
        UsageError: There is no inventory of a service named.
    """
    everything = InventoryStore(session).read_all()
    unknown = [name for region, name in keys if (region, name) not in everything]
    if unknown:
        known = ", ".join(sorted(name for _, name in everything)) or "none"
        raise errors.UsageError(
            f"nothing of {', '.join(unknown)} is there to destroy", hint=f"services applied here: {known}"
        )
    inventories = {key: everything[key] for key in keys}
    owners = _owners(session, {}, inventories, everything, ())
    seen = session.observe(owners.keys())
    changes = [
        change
        for address, owner in owners.items()
        if not _needed_elsewhere(session, address, everything, keys)
        and (change := _to_delete(session, address, seen.get(address), owner))
    ]
    abandoned = {i.service for i in inventories.values() if i.deletion == Deletion.ABANDON}
    plan = Plan.of(
        [c for c in changes if not set(c.services) <= abandoned],
        project=session.connection.project,
        services=tuple(sorted(name for _, name in keys)),
        notes=tuple(Note(name, "management.deletion is Abandon: everything stays") for name in sorted(abandoned)),
        made=session.clock().isoformat(timespec="seconds"),
        destroy=True,
    )
    return Planned(plan, {}, seen, owners, inventories)


def _to_delete(session: Session, address: Address, seen: Observed[Any] | None, owner: Owner) -> Change | None:
    kind = replace(session.kinds.of_address(address), retained=False)
    change = decide(kind, None, seen, owner)
    return change and replace(change, reason="the service is destroyed")


def _needed_elsewhere(
    session: Session, address: Address, everything: Mapping[Key, Inventory], keys: Sequence[Key]
) -> bool:
    """Tell whether a service that stays shares the object."""
    shared = session.kinds.of_address(address).shared
    return shared and any(address in i.entries for key, i in everything.items() if key not in keys)


def _refuse_not_yet(services: Sequence[LoadedService]) -> None:
    problems = [
        Problem(
            loaded.where("spec.rollout.strategy"),
            f"'{strategy}' is not yet carried out by this version",
            "use AllAtOnce, or Manual with a traffic section",
        )
        for loaded in services
        if (strategy := loaded.service.spec.rollout.strategy) not in _STRATEGIES
    ] + [
        Problem(
            loaded.where("spec.model.alias"),
            "an alias is not yet resolved by this version",
            "name the model by uri and version",
        )
        for loaded in services
        if loaded.service.spec.model and loaded.service.spec.model.alias
    ]
    if problems:
        raise SpecError(problems)


def _wants(
    session: Session, services: Sequence[LoadedService], facts: Sequence[Facts]
) -> dict[Address, list[Desired[Any]]]:
    wants: dict[Address, list[Desired[Any]]] = {}
    for loaded, known in zip(services, facts, strict=True):
        for kind in session.kinds:
            for want in kind.desired(loaded.service, known):
                wants.setdefault(want.address, []).append(want)
    clashes = [
        errors.PlanError(
            address, f"{' and '.join(w.service for w in many)} want it to be different", hint="make the specs agree"
        )
        for address, many in wants.items()
        if any(want.fields != many[0].fields for want in many)
    ]
    if clashes:
        raise errors.PlansRefused(clashes)
    return wants


def _first(wants: Mapping[Address, Sequence[Desired[Any]]]) -> dict[Address, Desired[Any]]:
    return {address: many[0] for address, many in wants.items()}


def _owners(
    session: Session,
    wants: Mapping[Address, Sequence[Desired[Any]]],
    inventories: Mapping[Key, Inventory],
    everything: Mapping[Key, Inventory],
    services: Sequence[LoadedService],
) -> dict[Address, Owner]:
    """Say for each address that matters whose it is and what its spec allows."""
    management = {(s.service.spec.region, s.service.name): s.service.spec.management for s in services}
    owners: dict[Address, Owner] = {}
    for address in {*wants, *(a for i in inventories.values() for a in i.entries)}:
        wanting = {w.service for w in wants.get(address, ())}
        holding = {key: i for key, i in inventories.items() if address in i.entries}
        if address.kind not in session.kinds.by_name or _held_elsewhere(session, address, wanting, holding, everything):
            continue
        names = tuple(sorted(wanting | {name for _, name in holding}))
        entry = next((i.entries[address] for i in holding.values()), None)
        rules = [m for (_, name), m in management.items() if name in names]
        owners[address] = Owner(
            services=names,
            entry=entry,
            adopt=rules[0].adopt if rules else Adopt.NEVER,
            prune=rules[0].prune if rules else Prune.OWNED,
            external=frozenset(rules[0].externally_owned) if rules else frozenset(),
        )
    return owners


def _held_elsewhere(
    session: Session,
    address: Address,
    wanting: set[str],
    holding: Mapping[Key, Inventory],
    everything: Mapping[Key, Inventory],
) -> bool:
    """Tell whether a shared object nobody here wants any more is still somebody else's."""
    shared = session.kinds.by_name[address.kind].shared
    return shared and not wanting and any(address in i.entries for k, i in everything.items() if k not in holding)


def _decide_all(
    session: Session,
    wants: Mapping[Address, Sequence[Desired[Any]]],
    seen: Mapping[Address, Observed[Any]],
    owners: Mapping[Address, Owner],
) -> tuple[list[Change], list[errors.PlanError]]:
    changes: list[Change] = []
    refused: list[errors.PlanError] = []
    for address, owner in sorted(owners.items(), key=lambda item: item[0]):
        want = next(iter(wants.get(address, ())), None)
        try:
            change = decide(session.kinds.of_address(address), want, seen.get(address), owner)
        except errors.PlanError as error:
            refused.append(error)
            continue
        if change:
            changes.append(change)
    return changes, refused


def _notes(services: Sequence[LoadedService], facts: Sequence[Facts]) -> Iterator[Note]:
    for loaded, known in zip(services, facts, strict=True):
        spec = loaded.service.spec
        if spec.management.mode is Mode.OBSERVE:
            yield Note(loaded.service.name, "management.mode is Observe: differences are shown and left")
        if "@sha256:" not in known.image:
            where = loaded.where("spec.image.uri")
            yield Note(loaded.service.name, f"image {known.image} has no digest: its tag may move unseen", str(where))
        for section, words in NOT_YET.items():
            if getattr(spec, section):
                where = loaded.where(f"spec.{section}")
                yield Note(loaded.service.name, f"not acted on yet: {section} ({words})", str(where))
        if spec.registry and spec.registry.scan:
            where = loaded.where("spec.registry.scan.failOn")
            yield Note(loaded.service.name, "not acted on yet: registry.scan.failOn (scan results)", str(where))


def claims(session: Session, planned: Planned) -> dict[Key, list[Entry]]:
    """Give, per service, the entries its inventory must hold before the first write."""
    found: dict[Key, list[Entry]] = {key: [] for key in planned.inventories}
    for change in planned.plan.changes:
        if change.action is Action.DELETE or (change.action is Action.NO_OP and not change.owned):
            continue
        entry = entry_of(session, change)
        for key in planned.inventories:
            if key[1] in change.services:
                found[key].append(entry)
    return found


def entry_of(session: Session, change: Change, *, uid: str = "", changed: str = "", digest: str = "") -> Entry:
    """Make the inventory's entry of a change."""
    keyed = session.kinds.of_address(change.address).keyed
    written = {name: frozenset((change.desired or {}).get(name) or {}) for name in sorted(keyed)}
    keys = {name: names for name, names in written.items() if names}
    return Entry(change.address, uid=uid, keys=keys, digest=digest, changed=changed)


def destroyed(plan: Plan) -> Iterable[Change]:
    """Give the pending changes that need consent: they lose data or stop serving."""
    return [c for c in plan.pending if c.destroys and c.guarded]
