"""Make a plan: resolve, observe, decide. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.decide import Owner, asked_of, decide
from reconciler.core.facts import Facts
from reconciler.core.inventory import Inventories, Inventory, Key, SpecFile
from reconciler.core.kind import Kind, never
from reconciler.core.ladder.steps import restraint_of
from reconciler.core.notes import hidden
from reconciler.core.objects import Desired, Observed, several
from reconciler.core.plan import Action, Change, Note, Plan
from reconciler.core.planned import Observe, Planned, compose, owners_of, refuse_broken, server_names
from reconciler.core.wants import Wants
from reconciler.engine.clearances import with_clearances
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.ladder.books import BROKEN, Books, Found
from reconciler.engine.quotas import with_quotas
from reconciler.engine.resolve import resolve
from reconciler.engine.rollouts import with_forecasts
from reconciler.engine.session import Session
from schemas import Loaded, LoadedService
from schemas.sections.management import Deletion

__all__ = ["Planned", "make_plan", "plan_destroy"]

_AGAIN = 5
"""Times that a plan is made again since others wrote inventories."""


@dataclass(frozen=True, slots=True)
class Release:
    """What an operator runs.

    Args:
        image: Of the reconciler, without its tag.
        version: Its tag.
        environment: That a pass applies.
    """

    image: str = ""
    version: str = ""
    environment: str = ""


def make_plan(
    session: Session,
    services: Sequence[Loaded],
    *,
    runtime_image: str,
    retry: bool = False,
    release: Release = Release(),
    beside: Sequence[Loaded] = (),
    tries: bool = False,
    files: Mapping[str, SpecFile] = MappingProxyType({}),
) -> Planned:
    """Plan what the specs ask for.

    Args:
        session: The run's means.
        services: Loaded specs, operators among them.
        runtime_image: The bundled model server's image, for specs without `image`.
        retry: Try revisions that failed once more, with the very template they failed with.
        release: What operators run where their document does not say it.
        beside: Services that are not planned, where one operator is: only what it must be able to do for them counts.
        tries: Versions without traffic may be asked what their specs want to know: a pass does so, a look does not.
        files: Which file each is planned from, by name, where somebody does it: passes have copies.

    Raises:
        SpecError: A spec asks for what is not there.
        PlansRefused: Objects of others are in the way.
        ApiError: Something could not be read.
    """
    reading = session.pool.submit(InventoryStore(session).read_all)
    keys = [(each.region, each.name) for each in services if isinstance(each, LoadedService)]
    books = session.pool.submit(Books(session).find, keys)
    attempt = f"{session.clock.now():%Y%m%dt%H%M%S}" if retry else ""
    given = replace(
        Facts(session.connection.project, session.connection.bucket, runtime_image, attempt),
        reconciler_image=release.image,
        version=release.version,
        environment=release.environment,
        now=session.clock.now(),
    )
    facts = resolve(session, [*services, *beside], given)
    planning = partial(
        compose,
        session.kinds,
        services,
        [*_restrained(services, facts, books.result(), session.clock.now())],
        project=session.connection.project,
        now=session.clock.now(),
        beside=[*zip(beside, facts[len(services) :], strict=True)],
        files=files,
    )
    inquiring = partial(_inquired, session, planning, tries=tries)
    planned = with_forecasts(session, _settled(session, inquiring, reading.result()))
    planned = replace(planned, books={key: book for key in keys if (book := books.result().of(key))})
    return with_quotas(session, services, with_clearances(session, services, planned))


def _inquired(
    session: Session, planning: Callable[[Inventories, Observe], Planned], known: Inventories, *, tries: bool
) -> Planned:
    """Plan; and again with what objects said that had to be asked, where there were any."""
    planned = planning(known, session.observe)
    answers: dict[Address, Mapping[str, Any]] = {}
    for kind in session.kinds:
        if kind.inquire is not None and (pairs := [*_pairs(kind, planned)]):
            answers |= kind.inquire(session.connection, pairs, session.clock.now(), session.pool.gather, tries=tries)
    if not answers:
        return planned
    seen = {
        address: replace(each, output={**each.output, **answers.get(address, {})})
        for address, each in planned.seen.items()
    }
    return planning(known, lambda _: seen)


def _pairs(kind: Kind[Any], planned: Planned) -> Iterator[tuple[Desired[Any], Observed[Any]]]:
    """Give what is wanted of a kind beside what is there, but of services that are only observed."""
    for address, want in planned.wants.items():
        seen = planned.seen.get(address)
        there = address.kind == kind.name and seen is not None and not seen.hidden
        if there and seen is not None and want.service not in planned.plan.observing:
            yield asked_of(kind, want, seen, planned.owners[address]), seen


def _restrained(services: Sequence[Loaded], facts: Sequence[Facts], books: Found, now: datetime) -> Iterator[Facts]:
    """Add to what is known of each service what its budget changes of what it wants, for whoever plans it.

    Raises:
        PlansRefused: It is not known what a service's budget changes.
    """
    for loaded, known in zip(services, facts, strict=False):
        if not isinstance(loaded, LoadedService):
            yield known
            continue
        key = (loaded.region, loaded.name)
        if why := books.unreadable.get(key):
            refused = errors.PlanError(Address("budget", *key), f"its book cannot be read: {why}", hint=BROKEN)
            raise errors.PlansRefused([refused])
        restraint = restraint_of(loaded.name, loaded.service.spec.budget, books.of(key), now)
        yield replace(known, restraint=restraint)


def _settled(session: Session, planning: Callable[[Inventories], Planned], known: Inventories) -> Planned:
    """Plan; and again where others were at work meanwhile, if it is refused.

    Inventories are read before the objects. What another run of ours made in between is marked as ours, and listed by
    none of them: it would be taken for one whose inventory was lost.

    Raises:
        PlansRefused: Of inventories that were not written meanwhile.
    """
    for _ in range(_AGAIN):
        try:
            return planning(known)
        except errors.PlansRefused:
            now = InventoryStore(session).read_all()
            if now == known:
                raise
            known = now
    return planning(known)


def plan_destroy(session: Session, keys: Sequence[Key]) -> Planned:
    """Plan to delete everything that is ours for some services. The inventory is enough; no spec is needed.

    Raises:
        UsageError: There is no inventory of a service named.
    """
    everything = InventoryStore(session).read_all()
    refuse_broken(everything, [name for _, name in keys])
    inventories = _named(keys, everything)
    owners = owners_of(session.kinds, Wants(), inventories, everything, ())
    seen = session.observe(server_names(owners))
    changes = [
        change
        for address, owner in owners.items()
        if (change := _to_delete(session, address, seen.get(address), owner))
    ]
    changes, unseen = _warned(session, changes, seen)
    stays = {text: name for name, text in _stays(session, owners, seen)}
    abandoned = {i.service for i in inventories.values() if i.deletion == Deletion.ABANDON}
    going = sorted({name for _, name in keys} - abandoned)
    plan = Plan.of(
        [c for c in changes if not set(c.services) & abandoned],
        project=session.connection.project,
        services=tuple(sorted(name for _, name in keys)),
        notes=(
            *(Note(name, "management.deletion is Abandon: everything stays") for name in sorted(abandoned)),
            *(Note(name, text) for text, name in sorted(stays.items()) if name not in abandoned),
            *(note for note in hidden(session.kinds, seen, owners) if note.service not in abandoned),
            *(
                Note(name, f"not known whether others use what goes: {why}")
                for name in going
                for why, about in unseen.items()
                if any(name in owners[address].services for address in about)
            ),
        ),
        made=session.clock.now().isoformat(timespec="seconds"),
        destroy=True,
        deletion={inventory.service: inventory.deletion for inventory in inventories.values()},
        regions={inventory.service: inventory.region for inventory in inventories.values()},
    )
    return Planned(plan, {}, seen, owners, inventories)


def _warned(
    session: Session, deletes: Sequence[Change], seen: Mapping[Address, Observed[Any]]
) -> tuple[list[Change], Mapping[str, frozenset[Address]]]:
    """Say of each delete what will be refused, and why: something uses the object that stays.

    It is a courtesy: where that cannot be looked at, Google refuses what is used all the same, and the rest goes.

    Returns:
        The deletes, and why it is not known of some, each with which.
    """
    found = [seen[change.address] for change in deletes if change.action is Action.DELETE]
    going = [each for one in found for each in (one, *one.twins)]
    ends = {each.server_name or each.output.get("name", "") for each in going}
    kept: dict[Address, set[str]] = {}
    holders, unseen = session.holders(going)
    for holder in holders:
        if holder.name not in ends:
            kept.setdefault(holder.address, set()).add(holder.said)
    return [_expecting(change, kept.get(change.address, ())) for change in deletes], unseen


def _expecting(change: Change, holders: Collection[str]) -> Change:
    if not holders:
        return change
    return replace(change, consequence="; ".join(filter(None, (change.consequence, _refused(holders)))))


def _refused(holders: Iterable[str]) -> str:
    return f"refused while it is used by others: {several(holders)}"


def _stays(
    session: Session, owners: Mapping[Address, Owner], seen: Mapping[Address, Observed[Any]]
) -> Iterator[tuple[str, str]]:
    """Give what a destroy leaves, with the service it is of: people take for gone what nobody mentions."""
    for address in sorted(owners.keys() & seen.keys()):
        for name in owners[address].services:
            if text := session.kinds.of_address(address).stays(seen[address]):
                yield name, text


def _named(keys: Sequence[Key], everything: Inventories) -> dict[Key, Inventory]:
    unknown = [name for region, name in keys if (region, name) not in everything]
    if unknown:
        known = ", ".join(sorted(name for _, name in everything)) or "none"
        raise errors.UsageError(
            f"nothing of {', '.join(unknown)} is there to destroy", hint=f"services applied here: {known}"
        )
    return {key: everything[key] for key in keys}


def _to_delete(session: Session, address: Address, seen: Observed[Any] | None, owner: Owner) -> Change | None:
    kind = replace(session.kinds.of_address(address), retained=never)
    change = decide(kind, None, seen, owner)
    return change and replace(change, reason="the service is destroyed")
