"""Apply a saved plan exactly, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.decide import Owner
from reconciler.core.diff import diff_fields, plain
from reconciler.core.inventory import Inventory, Key
from reconciler.core.objects import Desired, Observed
from reconciler.core.plan import Action, Change, Plan
from reconciler.core.planned import Planned, refuse_broken, server_names
from reconciler.core.record import revive
from reconciler.core.sealing import Opener, Sealer
from reconciler.core.secrecy import masked
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.session import Session
from schemas.sections.management import Adopt, Prune

_FRESH = timedelta(minutes=15)
"""So long a step of a rollout may wait for its apply; `kind.Kind.fleeting`."""


def check_saved(session: Session, saved: Plan, anew: Callable[[], Plan] | None = None) -> Planned:
    """Look whether the world still is what a saved plan was made from.

    Args:
        session: The run's means.
        saved: The plan, with digests in place of what is to be hidden.
        anew: Plans the same specs as they are now. Asked only for values that no live object has.

    Raises:
        StalePlan: It is not, or neither are the specs where the plan hides what they say; what moved is in the message.
    """
    plan = saved
    everything = InventoryStore(session).read_all()
    refuse_broken(everything, plan.services)
    keys = [(plan.regions[name], name) for name in plan.services]
    inventories = {key: everything.get(key) or Inventory(service=key[1], region=key[0]) for key in keys}
    owners = _kept(inventories, session) | {change.address: _owner(change, inventories) for change in plan.changes}
    seen = session.observe(server_names(owners))
    sealer = Sealer(saved.salt)
    if saved.salt:
        for address, one in seen.items():
            sealer.record(address, plain(one.fields))
        plan, _ = _opened(saved, sealer)
    replaced = {change.address for change in plan.changes if change.action is Action.REPLACE}
    # What is part of an object that is made anew goes with it: that it is there now is no news.
    there = {
        c.address: None if not replaced.isdisjoint(c.needs) and c.observed is None else seen.get(c.address)
        for c in plan.changes
    }
    moved = [
        line
        for change in plan.changes
        if (line := _moved(change, there[change.address]) or _old(session, plan, change))
    ]
    if moved:
        raise errors.StalePlan(moved)
    plan = _with_values(saved, sealer, anew) if saved.salt else plan
    wants = _wants(session, plan)
    deletions = {key: plan.deletion[key[1]] for key in keys if key[1] in plan.deletion}
    return Planned(plan, wants, seen, owners, inventories, deletions, exact=True)


def _opened(saved: Plan, sealer: Sealer) -> tuple[Plan, list[str]]:
    opener = Opener(sealer.known)
    return replace(saved, changes=tuple(map(opener.change, saved.changes))), opener.missing


def _with_values(saved: Plan, sealer: Sealer, anew: Callable[[], Plan] | None) -> Plan:
    """Give the plan with every hidden value it needs: the live object's where it stays, else the spec's.

    Raises:
        StalePlan: The spec says something else there now.
    """
    plan, missing = _opened(saved, sealer)
    if missing and anew is not None:
        sealer.plan(anew())
        plan, missing = _opened(saved, sealer)
    if missing:
        raise errors.StalePlan(
            [f"{where}: its value, which the plan hides, is not what the spec says" for where in missing]
        )
    return plan


def _kept(inventories: Mapping[Key, Inventory], session: Session) -> dict[Address, Owner]:
    """Say whose the objects are that the plan says nothing of: an older model that a revision may still run on.

    Left out, they would be taken for gone, dropped from the inventory, and stay behind for ever.
    """
    return {
        address: Owner((name,), entry)
        for (_, name), inventory in inventories.items()
        for address, entry in inventory.entries.items()
        if address.kind in session.kinds.by_name
    }


def _owner(change: Change, inventories: Mapping[Key, Inventory]) -> Owner:
    entries = (i.entries.get(change.address) for (_, name), i in inventories.items() if name in change.services)
    entry = next((e for e in entries if e), None)
    # Whatever the plan says may be done was agreed to when it was made.
    return Owner(change.services, entry, Adopt.NEVER if change.owned else Adopt.ALWAYS, Prune.OWNED)


def _wants(session: Session, plan: Plan) -> dict[Address, Desired[Any]]:
    """Give what a plan wants, as records.

    Raises:
        StalePlan: A version of this program wrote it that knows of other fields.
    """
    wants, strange = {}, []
    for change in plan.changes:
        if change.desired is None:
            continue
        try:
            wants[change.address] = _want(session, change)
        except KeyError as error:
            strange.append(f"{change.address}: another version of mlservice made this plan: {error} is not in both")
    if strange:
        raise errors.StalePlan(strange)
    return wants


def _want(session: Session, change: Change) -> Desired[Any]:
    fields = revive(session.kinds.of_address(change.address).fields, change.desired or {})
    return Desired(change.address, fields, change.services[0], change.needs, change.source)


def _moved(change: Change, seen: Observed[Any] | None) -> str:
    """Say in words what is not as it was; nothing when all is."""
    if change.observed is None:
        return "" if seen is None or change.action is Action.NO_OP else f"{change.address}: it is there now"
    if seen is None:
        return f"{change.address}: it is gone"
    if change.uses is not None:  # of what is only used, only what the spec requires of it matters
        fields = _fields(
            *({name: all_[name] for name in change.uses} for all_ in (change.observed, plain(seen.fields)))
        )
        return f"{change.address}: {', '.join(moved)}" if (moved := list(fields)) else ""
    if moved := list(_fields(change.observed, plain(seen.fields))):
        return f"{change.address}: {', '.join(moved)}"
    same = (seen.version, seen.uid, tuple(twin.server_name for twin in seen.twins))
    if same != (change.version, change.uid, change.twins):
        return f"{change.address}: written since, in fields mlservice does not manage"
    return ""


def _old(session: Session, plan: Plan, change: Change) -> str:
    """Say that a change was decided by what was measured then, and that this is too long ago."""
    fleeting = session.kinds.of_address(change.address).fleeting
    if not change.acts or fleeting is None or change.desired is None or not fleeting(change.desired):
        return ""
    age = session.clock.now() - datetime.fromisoformat(plan.made)
    ago = int(age.total_seconds() // 60)
    return f"{change.address}: its step was decided by what was measured {ago} minutes ago" if age > _FRESH else ""


def _fields(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for item in diff_fields(now, before):
        before, now_there = masked(item.path, item.before), masked(item.path, item.after)
        yield f"{item.path} was {before!r} and is {now_there!r}"
