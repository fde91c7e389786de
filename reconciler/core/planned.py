"""A plan with what it was made from. Pure: what was read comes in, and `observe` is asked once for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import Any

from reconciler.core import errors, notes
from reconciler.core.address import Address
from reconciler.core.brought import starts
from reconciler.core.costing import costs_of
from reconciler.core.decide import Owner, applied_digest, asked_of, decide, decide_existing, decide_unwanted
from reconciler.core.facts import Facts
from reconciler.core.inventory import Entry, Inventories, Inventory, Key, SpecFile
from reconciler.core.kind import Kinds, Ownership
from reconciler.core.naming import fingerprint
from reconciler.core.objects import Desired, Observed, several
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.wants import Wants
from schemas import Loaded, LoadedOperator, LoadedService
from schemas.kept import BudgetBook
from schemas.operator import PREFIX, is_operators
from schemas.sections.management import Adopt, Management, Mode, Prune

Observe = Callable[[Mapping[Address, str]], Mapping[Address, Observed[Any]]]
"""Tells what is there of some addresses, each with the name the server gave it, as far as one is known."""

Memories = Mapping[Address, Mapping[str, Any]]
"""What kinds remember of objects, where it is to change."""


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
        memories: What is to be remembered of objects after this pass.
        books: Of budgets, as they were read; of services without one none.
    """

    plan: Plan
    wants: Mapping[Address, Desired[Any]]
    seen: Mapping[Address, Observed[Any]]
    owners: Mapping[Address, Owner]
    inventories: Mapping[Key, Inventory]
    deletions: Mapping[Key, str] = field(default_factory=dict)
    exact: bool = False
    memories: Memories = field(default_factory=dict)
    books: Mapping[Key, BudgetBook] = field(default_factory=dict)

    def only(self, loaded: Loaded) -> Planned:
        """Give the part that is one document's alone: the others say what it must be able to do."""
        changes = tuple(change for change in self.plan.changes if set(change.services) == {loaded.name})
        notes = tuple(note for note in self.plan.notes if note.service == loaded.name)
        costs = {name: cost for name, cost in self.plan.costs.items() if name == loaded.name}
        scans = {name: each for name, each in self.plan.scans.items() if name == loaded.name}
        plan = replace(self.plan, changes=changes, services=(loaded.name,), notes=notes, costs=costs, scans=scans)
        key = _key(loaded)
        return replace(self, plan=plan, inventories={key: self.inventories[key]})


def compose(
    kinds: Kinds,
    services: Sequence[Loaded],
    facts: Sequence[Facts],
    everything: Inventories,
    observe: Observe,
    *,
    project: str,
    now: datetime,
    beside: Sequence[tuple[Loaded, Facts]] = (),
    files: Mapping[str, SpecFile] = MappingProxyType({}),
) -> Planned:
    """Decide everything.

    Args:
        kinds: The kinds we know.
        services: Loaded specs.
        facts: What was looked up for each of them.
        everything: Every inventory of the project.
        observe: Tells what is there of some addresses.
        project: Project id.
        now: The time.
        beside: Services that are not planned, with their facts: what they need says what an operator, planned alone,
            must be able to do.
        files: Which file each is planned from, by name, as far as it is known.

    Raises:
        PlansRefused: Objects of others are in the way, or specs contradict each other; all refusals at once.
        UnreadableInventory: What is a service's is not known.
    """
    refuse_broken(everything, [s.name for s in services])
    _refuse_another_operator(services, everything)
    wants = Wants.of(kinds, [*services, *(one for one, _ in beside)], [*facts, *(known for _, known in beside)])
    used = frozenset(address.kind for address in wants.addresses)
    wants = wants.only(s.name for s in services) if beside else wants
    keys = [_key(s) for s in services]
    inventories = {key: everything.get(key) or Inventory(service=key[1], region=key[0]) for key in keys}
    owners = owners_of(kinds, wants, inventories, everything, services)
    seen = observe(server_names(owners))
    by_service = wants.closed()
    closed = {name: by_service.get(name, {}) for _, name in keys}
    wants = wants.meeting(seen)
    owners = owners_of(kinds, wants, inventories, everything, services)
    spared: dict[Address, errors.PlanError] = {}
    changes = decide_all(kinds, wants, seen, owners, spared)
    moving = {change.address for change in changes if change.action is not Action.NO_OP}
    plan = Plan.of(
        changes,
        project=project,
        services=tuple(sorted(name for _, name in keys)),
        notes=(
            *notes.of_specs(kinds, services, facts, everything),
            *notes.left_by_files(files, services, everything),
            *notes.beyond([kind for kind in kinds if kind.name in used], services, facts),
            *notes.hidden(kinds, seen, owners),
            *notes.spared(spared, wants.made, services),
            *notes.progress(kinds, wants.made, seen, owners, moving),
        ),
        made=now.isoformat(timespec="seconds"),
        spec_digest=fingerprint([_data(s) for s in services], length=32),
        observing=tuple(sorted(s.name for s in services if s.management.mode is Mode.OBSERVE)),
        deletion={s.name: str(s.management.deletion) for s in services},
        closed=closed,
        regions={name: region for region, name in keys},
        costs=costs_of(services, changes, kinds, _less(services, facts)),
        files={name: each.mark for name, each in files.items()},
    )
    deletions = {key: str(s.management.deletion) for key, s in zip(keys, services, strict=True)}
    memories = dict(_memories(kinds, wants.made, seen, owners, now))
    return Planned(plan, wants.made, seen, owners, inventories, deletions, memories=memories)


def _less(services: Sequence[Loaded], facts: Sequence[Facts]) -> dict[str, str]:
    """Say while when services cost less than their specs say, by what their spent budgets hold back."""
    return {one.name: known.restraint.less for one, known in zip(services, facts, strict=False)}


def _key(loaded: Loaded) -> Key:
    return loaded.region, loaded.name


def _data(loaded: Loaded) -> dict[str, Any]:
    return loaded.service.to_data() if isinstance(loaded, LoadedService) else loaded.operator.to_data()


def _refuse_another_operator(documents: Sequence[Loaded], everything: Inventories) -> None:
    """Refuse a second operator of a project: the two would undo each other's work.

    Raises:
        PlansRefused: There is one of another name, or in another region.
    """
    known = [key for key in sorted(everything) if is_operators(key[1])]
    for loaded in documents:
        others = [key for key in known if key != _key(loaded)] if isinstance(loaded, LoadedOperator) else []
        if others:
            region, name = others[0]
            why = f"operator '{name.removeprefix(PREFIX)}' in {region} is at work in this project"
            hint = "a project has one: mlservice uninstall, or rename this one"
            raise errors.PlansRefused([errors.PlanError(Address("operator", *_key(loaded)), why, hint=hint)])


def server_names(owners: Mapping[Address, Owner]) -> dict[Address, str]:
    """Give every address that matters, with the name the server gave its object, as far as one is known."""
    return {address: owner.entry.server_name if owner.entry else "" for address, owner in owners.items()}


def owners_of(
    kinds: Kinds,
    wants: Wants,
    inventories: Mapping[Key, Inventory],
    everything: Inventories,
    services: Sequence[Loaded],
) -> dict[Address, Owner]:
    """Say for each address that matters whose it is and what its specs allow.

    Args:
        kinds: The kinds we know.
        wants: What the specs want.
        inventories: Of the services planned.
        everything: Every inventory of the project.
        services: The specs; none for a destroy.
    """
    management = {s.name: s.management for s in services}
    holders = _holders(everything)
    owners: dict[Address, Owner] = {}
    for address in {*wants.addresses, *(a for i in inventories.values() for a in i.entries)}:
        wanting = wants.services(address)
        holding = holders.get(address, ())
        if address.kind not in kinds.by_name or not (wanting or inventories.keys() >= set(holding)):
            continue
        # A service may run in several regions, each with an inventory of its own, and its account is in all of them.
        known = [key for key in holding if key in inventories or key[1] in wanting]
        names = sorted(wanting or {name for _, name in known})
        entry = next((everything[key].entries[address] for key in known), None)
        rules = [management[name] for name in names if name in management]
        others = {key[1]: everything[key].entries[address] for key in holding if key not in inventories}
        owner = replace(_owner(tuple(names), entry, rules), others=others)
        # An inventory that cannot be read may list it as well.
        shared = everything.broken and kinds.of_address(address).ownership is not Ownership.EXCLUSIVE
        owners[address] = replace(owner, prune=Prune.NEVER) if shared else owner
    return owners


def refuse_broken(everything: Inventories, services: Iterable[str]) -> None:
    """Refuse to plan a service whose inventory cannot be read: what is its own would look like a stranger's.

    Raises:
        UnreadableInventory: Naming the object.
    """
    for name in services:
        if why := everything.broken_of(name):
            raise why


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
    wants: Wants,
    seen: Mapping[Address, Observed[Any]],
    owners: Mapping[Address, Owner],
    spared: dict[Address, errors.PlanError] | None = None,
) -> list[Change]:
    """Decide about every address, what others refer to before those that refer to it.

    Args:
        kinds: The kinds we know.
        wants: What is wanted.
        seen: What is there.
        owners: Whose each address is.
        spared: Gets refusals of what the rest goes on without.

    Raises:
        PlansRefused: With every refusal.
    """
    decided: dict[Address, Change | None] = {}
    refused: list[errors.PlanError] = []

    def outputs(address: Address) -> Mapping[str, Any]:
        change, there = decided.get(address), seen.get(address)
        # What is made anew has other outputs afterwards: they are not known yet.
        anew = change is not None and change.action in {Action.CREATE, Action.REPLACE}
        return {} if anew or there is None else there.output

    for address in in_order(wants.made, owners):
        kind, there, owner = kinds.of_address(address), seen.get(address), owners[address]
        want, use, never = wants.made.get(address), wants.used.get(address), wants.unwanted.get(address)
        there = None if _goes_within(want, decided) else there
        if want and want.spared and spared and not want.dependencies.isdisjoint(spared):
            decided[address] = None
            continue
        try:
            if never:
                decided[address] = decide_unwanted(kind, never, there, owner)
                continue
            if use:
                decided[address] = decide_existing(kind, use, there, owner, coming=want)
            if want or not use:
                decided[address] = _possible(kinds, decide(kind, want, there, owner, outputs), wants.made, seen)
        except errors.PlanError as error:
            if spared is not None and want and want.spared:
                spared[address], decided[address] = error, None
            else:
                refused.append(error)
    if refused:
        raise errors.PlansRefused(sorted(refused, key=lambda error: error.address))
    kept = _kept(kinds, decided.values(), seen)
    return [change for change in decided.values() if change and not (_goes(change) and change.address in kept)]


def _goes_within(want: Desired[Any] | None, decided: Mapping[Address, Change | None]) -> bool:
    """Tell whether it goes with what it is a part of, and is made again after that."""
    around = decided.get(want.within) if want and want.within else None
    return around is not None and around.action is Action.REPLACE


def _goes(change: Change) -> bool:
    return change.action is Action.DELETE and not change.contradicts


def _kept(kinds: Kinds, changes: Iterable[Change | None], seen: Mapping[Address, Observed[Any]]) -> frozenset[Address]:
    """Give what objects that are there need still, though no spec wants it any more."""
    found: set[Address] = set()
    for change in changes:
        there = seen.get(change.address) if change else None
        keeps = kinds.of_address(change.address).keeps if change else None
        if change is None or there is None or keeps is None or change.desired is None:
            continue
        anew = change.writes and starts(kinds.of_address(change.address), change)
        found.update(keeps(there, change.desired, starts=anew))
    return frozenset(found)


def _possible(
    kinds: Kinds,
    change: Change | None,
    wants: Mapping[Address, Desired[Any]],
    seen: Mapping[Address, Observed[Any]],
) -> Change | None:
    """Leave what Google would not let be made anew: objects of the same specs use it, and stay because of it.

    What others use is tried: it is refused until it goes, and then done.
    """
    if change is None or change.action is not Action.REPLACE or not kinds.of_address(change.address).holders:
        return change
    users = kinds.users(change.address.kind)
    using = [
        a for a, want in sorted(wants.items()) if change.address in want.dependencies and a.kind in users and a in seen
    ]
    if not using:
        return change
    named = several(f"{kinds.of_address(a).title} {seen[a].server_name or a.name}" for a in using)
    why = f"it cannot be made anew while it is used: delete {named}; the next run makes it anew, and what used it"
    return replace(change, action=Action.NO_OP, consequence="", problem=why, guarded=False)


def in_order(wants: Mapping[Address, Desired[Any]], owners: Mapping[Address, Owner]) -> list[Address]:
    """Sort addresses so that what others refer to comes first.

    Raises:
        PlansRefused: Objects refer to each other in a circle.
    """
    graph: dict[Address, frozenset[Address]] = {address: frozenset() for address in sorted(owners)}
    graph |= {a: wants[a].dependencies & owners.keys() for a in sorted(wants) if a in owners}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        first, *rest = error.args[1]
        why = f"it refers to itself, through {', '.join(map(str, rest))}"
        raise errors.PlansRefused([errors.PlanError(first, why)]) from error


def _memories(
    kinds: Kinds,
    wants: Mapping[Address, Desired[Any]],
    seen: Mapping[Address, Observed[Any]],
    owners: Mapping[Address, Owner],
    now: datetime,
) -> Iterator[tuple[Address, Mapping[str, Any]]]:
    for address, want in wants.items():
        memory = kinds.of_address(address).memory
        entry = owners[address].entry
        before = entry.memory if entry else {}
        there = seen.get(address)
        if memory is None or (there is not None and there.hidden):
            continue
        asked = asked_of(kinds.of_address(address), want, there, owners[address]) if there else want
        if (after := memory.next(before, asked, there, now)) != before:
            yield address, after


def claims(kinds: Kinds, planned: Planned) -> dict[Key, list[Entry]]:
    """Give, per service, the entries its inventory must hold before the first write."""
    found: dict[Key, list[Entry]] = {key: [] for key in planned.inventories}
    keys = keys_by_name(planned.inventories)
    for change in planned.plan.changes:
        if change.action is Action.DELETE or (change.action is Action.NO_OP and not change.owned):
            continue
        entry = entry_of(kinds, change)
        if change.writes:
            entry = replace(entry, tried=applied_digest(kinds.of_address(change.address).fields, change.desired or {}))
        for name in change.services:
            for key in keys.get(name, ()):
                found[key].append(entry)
    return found


def keys_by_name(inventories: Iterable[Key]) -> dict[str, list[Key]]:
    """Index services by name: one may run in several regions."""
    found: dict[str, list[Key]] = {}
    for key in inventories:
        found.setdefault(key[1], []).append(key)
    return found


def entry_of(
    kinds: Kinds, change: Change, *, seen: Observed[Any] | None = None, changed: str = "", digest: str = ""
) -> Entry:
    """Make the inventory's entry of a change.

    Args:
        kinds: The kinds we know.
        change: The change.
        seen: The object, once it is there.
        changed: When it was changed, ISO 8601.
        digest: Of the fields applied.
    """
    keyed = kinds.of_address(change.address).keyed
    written = {name: frozenset((change.desired or {}).get(name) or {}) for name in sorted(keyed)}
    keys = {name: names for name, names in written.items() if names}
    return Entry(
        change.address,
        uid=seen.uid if seen else "",
        keys=keys,
        digest=digest,
        changed=changed,
        server_name=seen.server_name if seen else "",
    )
