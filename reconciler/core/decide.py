"""The only place that picks an action. Pure: same inputs, same change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.core.diff import FieldChange, diff_fields, only_ours, plain
from reconciler.core.errors import NotOurs
from reconciler.core.naming import fingerprint
from reconciler.core.plan import Action, Change
from schemas.sections.management import Adopt, Prune

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.inventory import Entry
    from reconciler.core.kind import Desired, Kind, Observed


_CARRIES_MARK = frozenset({"labels", "description"})


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an object is, and what we may do with one that is not ours.

    Args:
        services: Services that want the object, or wanted it last.
        entry: Their inventory's entry of it.
        adopt: `management.adopt`.
        prune: `management.prune`.
        external: Paths below `spec` whose live values are left as found: `management.externallyOwned`.
    """

    services: tuple[str, ...]
    entry: Entry | None = None
    adopt: Adopt = Adopt.NEVER
    prune: Prune = Prune.OWNED
    external: frozenset[str] = frozenset()

    @property
    def keys(self) -> Mapping[str, frozenset[str]]:
        """Keys we wrote into map fields that others may write to."""
        return self.entry.keys if self.entry else {}


def owned(kind: Kind[Any], seen: Observed[Any], owner: Owner) -> bool:
    """Tell whether an observed object is ours.

    The inventory must list it. Where the object can carry a mark or has an identity, one of them must agree
    too: a stranger's object that took the name of one of ours is a stranger's.
    """
    if owner.entry is None:
        return kind.shared and bool(seen.mark)
    if not kind.marked:
        return True
    same = bool(owner.entry.uid) and owner.entry.uid == seen.uid
    return same or (bool(seen.mark) if kind.shared else seen.mark in owner.services)


def decide(kind: Kind[Any], want: Desired[Any] | None, seen: Observed[Any] | None, owner: Owner) -> Change | None:
    """Pick the action for one address.

    Args:
        kind: Its kind.
        want: What the spec wants, if anything.
        seen: What is there, if anything.
        owner: Whose it is.

    Raises:
        NotOurs: An object of that name is there and is not ours.
    """
    if want is None:
        return _unwanted(kind, seen, owner)
    if seen is None:
        return _change(kind, Action.CREATE, want, None, owner, reason="not there yet")
    ours = owned(kind, seen, owner)
    if not ours and kind.anonymous:
        return _change(kind, Action.NO_OP, want, seen, owner, reason="already granted by someone else", owned=False)
    if not seen.settled and (ours or owner.adopt is not Adopt.NEVER):
        return _change(kind, Action.WAIT, want, seen, owner, reason="an earlier change is still being applied")
    fields = _final(kind, want, seen, owner)
    changes = diff_fields(fields, seen.fields, _keyed(kind, owner))
    if not ours:
        return _adopted(kind, want, seen, owner, changes=changes, fields=fields)
    return _compared(kind, want, seen, owner, changes=changes, fields=fields)


def _final(kind: Kind[Any], want: Desired[Any], seen: Observed[Any] | None, owner: Owner) -> Any:
    """Fill in what only the observed object can tell, and leave to others what is theirs."""
    fields = want.fields
    if seen is not None:
        fields = replace(fields, **_theirs(kind, fields, seen.fields, owner))
    return kind.refine(replace(want, fields=fields), seen) if kind.refine else fields


def _theirs(kind: Kind[Any], fields: Any, seen: Any, owner: Owner) -> dict[str, Any]:
    """Give the live values of what `management.externallyOwned` leaves to others.

    Of a map that others may write to anyway, only the keys we know: the rest would else count as ours from now on.
    """
    found: dict[str, Any] = {}
    for path, name in kind.spec_paths.items():
        if not any(covers(theirs, path) for theirs in owner.external):
            continue
        found[name] = getattr(seen, name)
        if name in kind.keyed:
            known = {*owner.keys.get(name, ()), *getattr(fields, name)}
            found[name] = {key: value for key, value in found[name].items() if key in known}
    return found


def covers(path: str, other: str) -> bool:
    """Tell whether a path below `spec` is another one or holds it."""
    return other == path or other.startswith(f"{path}.")


def _keyed(kind: Kind[Any], owner: Owner) -> dict[str, frozenset[str]]:
    return {name: owner.keys.get(name, frozenset()) for name in kind.keyed}


def _unwanted(kind: Kind[Any], seen: Observed[Any] | None, owner: Owner) -> Change | None:
    if seen is None or owner.entry is None or not owned(kind, seen, owner):
        return None
    if kind.retained or owner.prune is Prune.NEVER:
        return None
    return _change(kind, Action.DELETE, None, seen, owner, reason="no longer in the spec")


def _compared(
    kind: Kind[Any],
    want: Desired[Any],
    seen: Observed[Any],
    owner: Owner,
    *,
    changes: tuple[FieldChange, ...],
    fields: Any,
) -> Change:
    fixed = sorted({c.field for c in changes} & kind.immutable)
    if fixed:
        reason = f"cannot be changed in place: {', '.join(fixed)}"
        return _change(kind, Action.REPLACE, want, seen, owner, reason=reason, changes=changes, fields=fields)
    if changes:
        reason = _who_moved(seen, owner, kind)
        return _change(kind, Action.UPDATE, want, seen, owner, reason=reason, changes=changes, fields=fields)
    return _change(kind, Action.NO_OP, want, seen, owner, fields=fields)


def _who_moved(seen: Observed[Any], owner: Owner, kind: Kind[Any]) -> str:
    """Say whether the spec or Google Cloud moved since the last apply."""
    if owner.entry is None or not owner.entry.digest:
        return "differs from the spec"
    here = applied_digest(only_ours({}, plain(seen.fields), _keyed(kind, owner)))
    return (
        "the spec or what it names changed" if here == owner.entry.digest else "config drift: changed outside mlservice"
    )


def applied_digest(fields: Mapping[str, Any]) -> str:
    """Digest a plain record for the inventory."""
    return fingerprint(fields, length=16)


def _adopted(
    kind: Kind[Any],
    want: Desired[Any],
    seen: Observed[Any],
    owner: Owner,
    *,
    changes: tuple[FieldChange, ...],
    fields: Any,
) -> Change:
    if owner.adopt is Adopt.NEVER or (owner.adopt is Adopt.IF_IDENTICAL and _beyond_the_mark(changes)):
        raise NotOurs(want.address, _whose(kind, seen, owner), hint=_how_to_adopt(seen, owner, changes))
    return _change(
        kind, Action.UPDATE, want, seen, owner, reason="adopted", changes=changes, fields=fields, owned=False
    )


def _beyond_the_mark(changes: tuple[FieldChange, ...]) -> bool:
    """Tell whether anything differs but the labels: an object made elsewhere cannot carry ours yet."""
    return any(c.field not in _CARRIES_MARK for c in changes)


def _whose(kind: Kind[Any], seen: Observed[Any], owner: Owner) -> str:
    name = seen.address.name
    if seen.mark in owner.services:
        return f"{kind.title} '{name}' is marked as this service's, and no inventory lists it"
    if seen.mark:
        return f"{kind.title} '{name}' exists and belongs to mlservice service '{seen.mark}'"
    return f"{kind.title} '{name}' exists and was not made by mlservice"


def _how_to_adopt(seen: Observed[Any], owner: Owner, changes: tuple[FieldChange, ...]) -> str:
    if owner.adopt is Adopt.IF_IDENTICAL:
        fields = ", ".join(sorted({c.path for c in changes if c.field not in _CARRIES_MARK}))
        return f"it differs from the spec in {fields}: make the spec fit (`mlservice import`), or set adopt: Always"
    if seen.mark in owner.services:
        return "if the inventory was lost, take it over: set management.adopt: IfIdentical"
    verb = "`mlservice import` writes its YAML" if seen.address.kind == "run_service" else "rename one of the two"
    return f"{verb}; to take it over set management.adopt: IfIdentical or Always"


def _change(
    kind: Kind[Any],
    action: Action,
    want: Desired[Any] | None,
    seen: Observed[Any] | None,
    owner: Owner,
    *,
    reason: str = "",
    changes: tuple[FieldChange, ...] = (),
    fields: Any = None,
    owned: bool = True,
) -> Change:
    if want is not None and fields is None:
        fields = _final(kind, want, seen, owner)
    return Change(
        address=want.address if want else seen.address,  # type: ignore[union-attr]  # one of the two is there
        action=action,
        services=owner.services,
        reason=reason,
        consequence=_consequence(kind, action, changes),
        changes=changes,
        needs=want.needs if want else frozenset(),
        desired=None if want is None else plain(fields),
        observed=None if seen is None else plain(seen.fields),
        version=seen.version if seen else "",
        uid=seen.uid if seen else "",
        guarded=kind.guarded,
        owned=owned,
        rank=kind.rank,
        source=want.source if want else "",
        problem=seen.problem if seen and want and action is Action.NO_OP else "",
    )


def _consequence(kind: Kind[Any], action: Action, changes: tuple[FieldChange, ...]) -> str:
    if action is Action.UPDATE and kind.consequence:
        return kind.consequence(changes)
    if action is Action.REPLACE:
        return f"deleted and made anew: {kind.loss}" if kind.loss else "deleted and made anew"
    if action is Action.DELETE:
        return kind.loss
    return ""
