"""A plan with what it was made from. Pure: what was read comes in, and `observe` is asked once for the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.decide import Owner, covers, decide
from reconciler.core.facts import Facts
from reconciler.core.inventory import Entry, Inventory, Key
from reconciler.core.kind import Desired, Kinds, Observed
from reconciler.core.naming import fingerprint
from reconciler.core.plan import Action, Change, Note, Plan
from schemas import LoadedService
from schemas.sections.management import Adopt, Management, Mode, Prune

NOT_YET = {
    "monitoring": "monitoring of data drift, skew and service levels",
    "triggers": "retraining triggers",
    "retraining": "retraining",
    "budget": "budgets and cost limits",
    "notifications": "notifications",
}
"""Sections whose words are understood and whose resources this version does not make yet."""

Observe = Callable[[Collection[Address]], Mapping[Address, Observed[Any]]]


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
        exact: It was saved and read: nothing may be written that it does not name.
    """

    plan: Plan
    wants: Mapping[Address, Desired[Any]]
    seen: Mapping[Address, Observed[Any]]
    owners: Mapping[Address, Owner]
    inventories: Mapping[Key, Inventory]
    deletions: Mapping[Key, str] = field(default_factory=dict)
    exact: bool = False


def compose(
    kinds: Kinds,
    services: Sequence[LoadedService],
    facts: Sequence[Facts],
    everything: Mapping[Key, Inventory],
    observe: Observe,
    *,
    project: str,
    made: str,
) -> Planned:
    """Decide everything.

    Args:
        kinds: The kinds we know.
        services: Loaded specs.
        facts: What was looked up for each of them.
        everything: Every inventory of the project.
        observe: Tells what is there of some addresses.
        project: Project id.
        made: When, ISO 8601.

    Raises:
        PlansRefused: Objects of others are in the way, or specs contradict each other; all refusals at once.
    """
    wants = _wants(kinds, services, facts)
    keys = [_key(s) for s in services]
    inventories = {key: everything.get(key) or Inventory(service=key[1], region=key[0]) for key in keys}
    owners = owners_of(kinds, wants, inventories, everything, services)
    seen = observe(owners.keys())
    plan = Plan.of(
        decide_all(kinds, wants, seen, owners),
        project=project,
        services=tuple(sorted(name for _, name in keys)),
        notes=tuple(_notes(kinds, services, facts, everything)),
        made=made,
        spec_digest=fingerprint([s.service.to_data() for s in services], length=32),
        observing=tuple(sorted(s.service.name for s in services if s.service.spec.management.mode is Mode.OBSERVE)),
        deletion={s.service.name: str(s.service.spec.management.deletion) for s in services},
    )
    deletions = {key: str(s.service.spec.management.deletion) for key, s in zip(keys, services, strict=True)}
    return Planned(plan, wants, seen, owners, inventories, deletions)


def _key(loaded: LoadedService) -> Key:
    return loaded.service.spec.region, loaded.service.name


def _wants(kinds: Kinds, services: Sequence[LoadedService], facts: Sequence[Facts]) -> dict[Address, Desired[Any]]:
    """Collect what every spec wants. Services that share an object must want it alike."""
    wants: dict[Address, list[Desired[Any]]] = {}
    for loaded, known in zip(services, facts, strict=True):
        for kind in kinds:
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
    return {address: many[0].also(w.service for w in many) for address, many in wants.items()}


def owners_of(
    kinds: Kinds,
    wants: Mapping[Address, Desired[Any]],
    inventories: Mapping[Key, Inventory],
    everything: Mapping[Key, Inventory],
    services: Sequence[LoadedService],
) -> dict[Address, Owner]:
    """Say for each address that matters whose it is and what its specs allow.

    Args:
        kinds: The kinds we know.
        wants: What the specs want.
        inventories: Of the services planned.
        everything: Every inventory of the project.
        services: The specs; none for a destroy.
    """
    management = {s.service.name: s.service.spec.management for s in services}
    holders = _holders(everything)
    owners: dict[Address, Owner] = {}
    for address in {*wants, *(a for i in inventories.values() for a in i.entries)}:
        wanting = frozenset(wants[address].services) if address in wants else frozenset()
        holding = holders.get(address, ())
        if address.kind not in kinds.by_name or not (wanting or inventories.keys() >= set(holding)):
            continue
        # A service may run in several regions, each with an inventory of its own, and its account is in all of them.
        known = [key for key in holding if key in inventories or key[1] in wanting]
        names = sorted(wanting or {name for _, name in known})
        entry = next((everything[key].entries[address] for key in known), None)
        owners[address] = _owner(tuple(names), entry, [management[name] for name in names if name in management])
    return owners


def _holders(everything: Mapping[Key, Inventory]) -> dict[Address, list[Key]]:
    found: dict[Address, list[Key]] = {}
    for key, inventory in sorted(everything.items()):
        for address in inventory.entries:
            found.setdefault(address, []).append(key)
    return found


def _owner(names: tuple[str, ...], entry: Entry | None, rules: Sequence[Management]) -> Owner:
    """Join the rules of the services that share an object: the most careful one counts."""
    adopts = [Adopt.NEVER, Adopt.IF_IDENTICAL, Adopt.ALWAYS]
    return Owner(
        services=names,
        entry=entry,
        adopt=min((rule.adopt for rule in rules), key=adopts.index, default=Adopt.NEVER),
        prune=Prune.NEVER if any(rule.prune is Prune.NEVER for rule in rules) else Prune.OWNED,
        external=frozenset(path for rule in rules for path in rule.externally_owned),
    )


def decide_all(
    kinds: Kinds,
    wants: Mapping[Address, Desired[Any]],
    seen: Mapping[Address, Observed[Any]],
    owners: Mapping[Address, Owner],
) -> list[Change]:
    """Decide about every address.

    Raises:
        PlansRefused: With every refusal.
    """
    changes: list[Change] = []
    refused: list[errors.PlanError] = []
    for address, owner in sorted(owners.items(), key=lambda item: item[0]):
        try:
            change = decide(kinds.of_address(address), wants.get(address), seen.get(address), owner)
        except errors.PlanError as error:
            refused.append(error)
            continue
        if change:
            changes.append(change)
    if refused:
        raise errors.PlansRefused(refused)
    return changes


def _notes(
    kinds: Kinds, services: Sequence[LoadedService], facts: Sequence[Facts], everything: Mapping[Key, Inventory]
) -> Iterator[Note]:
    for loaded, known in zip(services, facts, strict=True):
        spec, name = loaded.service.spec, loaded.service.name
        if spec.management.mode is Mode.OBSERVE:
            yield Note(name, "management.mode is Observe: differences are shown and left")
        for region in sorted(r for r, other in everything if other == name and r != spec.region):
            yield Note(
                name, f"it also runs in {region}, which this spec says nothing of: left alone, until it is destroyed"
            )
        if "@sha256:" not in known.image:
            where = loaded.where("spec.image.uri")
            yield Note(name, f"image {known.image} has no digest: its tag may move unseen", str(where))
        yield from _unpinned(loaded)
        for section, words in NOT_YET.items():
            if getattr(spec, section):
                yield Note(name, f"not acted on yet: {section} ({words})", str(loaded.where(f"spec.{section}")))
        if spec.registry and spec.registry.scan:
            where = loaded.where("spec.registry.scan.failOn")
            yield Note(name, "not acted on yet: registry.scan.failOn (scan results)", str(where))
        yield from _nobodys(kinds, loaded)


def _unpinned(loaded: LoadedService) -> Iterator[Note]:
    for variable, reference in loaded.service.spec.secrets.items():
        if not reference.pin:
            text = f"secret {reference.secret} is not pinned: instances may read different versions of it"
            yield Note(loaded.service.name, text, str(loaded.where(f"spec.secrets.{variable}")))


def _nobodys(kinds: Kinds, loaded: LoadedService) -> Iterator[Note]:
    """Name what `externallyOwned` says and no kind can leave to others."""
    known = {path for kind in kinds for path in kind.spec_paths}
    for index, path in enumerate(loaded.service.spec.management.externally_owned):
        if not any(covers(path, one) for one in known):
            where = loaded.where(f"spec.management.externallyOwned[{index}]")
            yield Note(loaded.service.name, f"not acted on yet: externallyOwned {path}", str(where))


def claims(kinds: Kinds, planned: Planned) -> dict[Key, list[Entry]]:
    """Give, per service, the entries its inventory must hold before the first write."""
    found: dict[Key, list[Entry]] = {key: [] for key in planned.inventories}
    for change in planned.plan.changes:
        if change.action is Action.DELETE or (change.action is Action.NO_OP and not change.owned):
            continue
        entry = entry_of(kinds, change)
        for key in planned.inventories:
            if key[1] in change.services:
                found[key].append(entry)
    return found


def entry_of(kinds: Kinds, change: Change, *, uid: str = "", changed: str = "", digest: str = "") -> Entry:
    """Make the inventory's entry of a change."""
    keyed = kinds.of_address(change.address).keyed
    written = {name: frozenset((change.desired or {}).get(name) or {}) for name in sorted(keyed)}
    keys = {name: names for name, names in written.items() if names}
    return Entry(change.address, uid=uid, keys=keys, digest=digest, changed=changed)
