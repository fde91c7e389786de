"""The only place that picks an action. Pure: same inputs, same change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.core.diff import FieldChange, diff_fields, only_ours, plain
from reconciler.core.errors import Clash, Differs, Missing, NotOurs
from reconciler.core.kind import Ownership
from reconciler.core.naming import MANAGED_BY, MANAGER, fingerprint, mark_labels
from reconciler.core.plan import Action, Change
from reconciler.core.reference import filled
from schemas.sections.management import Adopt, Prune

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.inventory import Entry
    from reconciler.core.kind import Kind
    from reconciler.core.objects import Desired, Existing, Observed, Unwanted
    from reconciler.core.reference import Outputs

F = TypeVar("F")

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
        others: Entries of services that are not planned now and list the object too, by service.
    """

    services: tuple[str, ...]
    entry: Entry | None = None
    adopt: Adopt = Adopt.NEVER
    prune: Prune = Prune.OWNED
    external: frozenset[str] = frozenset()
    others: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def keys(self) -> Mapping[str, frozenset[str]]:
        """Keys we wrote into map fields that others may write to."""
        return self.entry.keys if self.entry else {}


def nothing_known(address: Address) -> Mapping[str, Any]:
    """Know no output of any other object."""
    del address
    return {}


def owned(kind: Kind[F], seen: Observed[F], owner: Owner) -> bool:
    """Tell whether an observed object is ours.

    The inventory must list it. Where the object can carry a mark or has an identity, one of them must agree
    too: a stranger's object that took the name of one of ours is a stranger's.
    """
    entry = owner.entry
    if entry is None:
        # Another service of ours has it too. One that no inventory lists was handed over, or its inventory was lost.
        # Both must list a grant: else it would go with the one of them that made it.
        shared = kind.ownership is Ownership.ANONYMOUS or (kind.ownership is Ownership.SHARED and bool(seen.mark))
        return shared and bool(owner.others)
    if kind.ownership is Ownership.ANONYMOUS:
        return True
    if (entry.uid and entry.uid == seen.uid) or (entry.server_name and entry.server_name == seen.server_name):
        return True
    return bool(seen.mark) if kind.ownership is Ownership.SHARED else seen.mark in owner.services


def decide(
    kind: Kind[F],
    want: Desired[F] | None,
    seen: Observed[F] | None,
    owner: Owner,
    outputs: Outputs = nothing_known,
) -> Change | None:
    """Pick the action for one address.

    Args:
        kind: Its kind.
        want: What the spec wants, if anything.
        seen: What is there, if anything.
        owner: Whose it is.
        outputs: What is known of the objects that `want` refers to.

    Raises:
        NotOurs: An object of that name is there and is not ours.
    """
    if seen is not None and seen.hidden:
        return _hidden(kind, seen, owner)
    if want is None:
        return _unwanted(kind, seen, owner)
    want = replace(want, needs=want.dependencies, fields=filled(want.fields, outputs))
    if seen is None:
        return _change(kind, Action.CREATE, want, None, owner, reason="not there yet", fields=_final(kind, want, None))
    ours = owned(kind, seen, owner)
    if not ours and kind.ownership is Ownership.ANONYMOUS:
        reason = "already granted by someone else"
        return _change(kind, Action.NO_OP, want, seen, owner, reason=reason, owned=False, fields=want.fields)
    want = asked_of(kind, want, seen, owner)
    fields = _final(kind, want, seen)
    if not seen.settled and (ours or owner.adopt is not Adopt.NEVER):
        reason = "an earlier change is still being applied"
        return _change(kind, Action.WAIT, want, seen, owner, reason=reason, fields=fields)
    changes = diff_fields(fields, seen.fields, _keyed(kind, owner))
    choose = _compared if ours else _adopted
    return choose(kind, want, seen, owner, changes=changes, fields=fields)


def decide_existing(
    kind: Kind[F], use: Existing, seen: Observed[F] | None, owner: Owner, *, coming: Desired[F] | None = None
) -> Change | None:
    """Look at an object that a spec uses and does not make.

    Args:
        kind: Its kind.
        use: What the spec needs of it.
        seen: What is there.
        owner: Who uses it.
        coming: What another spec of the same run wants it to be.

    Raises:
        Missing: It is not there.
        Differs: It is there and cannot be used as it is.
    """
    fields = coming.fields if coming else seen.fields if seen else None
    if fields is None:
        raise Missing(use.address, f"the spec of {use.service} uses it and it does not exist", hint=use.hint)
    found = plain(fields)
    wrong = [f"{name} is {found[name]!r}, not {plain(value)!r}" for name, value in sorted(use.requires.items())
             if found[name] != plain(value)]  # fmt: skip
    if wrong:
        raise Differs(use.address, f"the spec of {use.service} cannot use it: {'; '.join(wrong)}", hint="name another")
    if coming or seen is None:
        return None
    change = _change(kind, Action.NO_OP, None, seen, owner, reason="used as it is", owned=False)
    return replace(change, uses=tuple(sorted(use.requires)))


def decide_unwanted(kind: Kind[F], never: Unwanted, seen: Observed[F] | None, owner: Owner) -> Change | None:
    """Take away what contradicts the spec, whoever made it; where that is left to others, say it loudly."""
    if seen is None:
        return None
    reason = f"contradicts the spec: {never.why}"
    if never.left:
        left = _change(kind, Action.NO_OP, None, seen, owner, owned=False)
        return replace(left, contradicts=True, problem=f"{reason}; {never.left}")
    return replace(_change(kind, Action.DELETE, None, seen, owner, reason=reason), contradicts=True)


def asked_of(kind: Kind[F], want: Desired[F], seen: Observed[F], owner: Owner) -> Desired[F]:
    """Add to what is wanted of an object that is there what is others', which keys are ours, and what is remembered."""
    memory = owner.entry.memory if owner.entry else {}
    fields = _with_theirs(kind, want.fields, seen.fields, owner)
    return replace(want, fields=fields, ours=_keyed(kind, owner), memory=memory)


def _final(kind: Kind[F], want: Desired[F], seen: Observed[F] | None) -> F:
    """Fill in what only the observed object can tell."""
    return kind.refine(want, seen) if kind.refine else want.fields


def _with_theirs(kind: Kind[F], fields: F, seen: F, owner: Owner) -> F:
    """Put in the live values of what `management.externallyOwned` leaves to others.

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
    return replace(fields, **found) if found else fields  # type: ignore[type-var]  # records are dataclasses


def covers(path: str, other: str) -> bool:
    """Tell whether a path below `spec` is another one or holds it."""
    return other == path or other.startswith(f"{path}.")


def _keyed(kind: Kind[F], owner: Owner) -> dict[str, frozenset[str]]:
    none = frozenset[str]()
    return {name: owner.keys.get(name, none) | kind.reserved.get(name, none) for name in kind.keyed}


def _hidden(kind: Kind[F], seen: Observed[F], owner: Owner) -> Change:
    """Leave what may not be looked at: it is not claimed, not changed, and not forgotten where it is listed."""
    change = _change(kind, Action.NO_OP, None, seen, owner, reason="it may not be looked at", owned=False)
    return replace(change, observed=None)


def _unwanted(kind: Kind[F], seen: Observed[F] | None, owner: Owner) -> Change | None:
    if seen is None or owner.entry is None or not owned(kind, seen, owner):
        return None
    if kind.retained(seen.address) or owner.prune is Prune.NEVER:
        return None
    return _change(kind, Action.DELETE, None, seen, owner, reason="no longer in the spec")


def _compared(
    kind: Kind[F],
    want: Desired[F],
    seen: Observed[F],
    owner: Owner,
    *,
    changes: tuple[FieldChange, ...],
    fields: F,
) -> Change:
    _refuse_clash(kind, seen, owner, changes)
    fixed = sorted({c.field for c in changes} & kind.immutable)
    if fixed:
        reason = f"cannot be changed in place: {', '.join(fixed)}"
        return _change(kind, Action.REPLACE, want, seen, owner, reason=reason, changes=changes, fields=fields)
    if changes or seen.twins:
        going_on = kind.progress(want, seen) if kind.progress else ""
        reason = going_on or _who_moved(seen, owner, kind) if changes else "there is more than one"
        return _change(kind, Action.UPDATE, want, seen, owner, reason=reason, changes=changes, fields=fields)
    return _change(kind, Action.NO_OP, want, seen, owner, fields=fields)


def _refuse_clash(kind: Kind[F], seen: Observed[F], owner: Owner, changes: tuple[FieldChange, ...]) -> None:
    """Refuse to change what another service applied as it is now: its next apply would change it back.

    Raises:
        Clash: Naming that service and the fields.
    """
    for service, entry in sorted(owner.others.items()):
        if changes and entry.digest == observed_digest(kind, seen, entry.keys):
            fields = ", ".join(f"{c.path} stays {c.before!r}" for c in changes)
            why = f"service {service} shares it, and its spec was applied so that {fields}"
            hint = f"make the specs agree, and apply them together with that of {service}"
            raise Clash(seen.address, why, hint=hint)


def _who_moved(seen: Observed[F], owner: Owner, kind: Kind[F]) -> str:
    """Say whether the spec or Google Cloud moved since the last apply."""
    if owner.entry and owner.entry.made(observed_digest(kind, seen, owner.keys)):
        return "the spec or what it names changed"
    applied = owner.entry is not None and owner.entry.digest
    return "config drift: changed outside mlservice" if applied else "differs from the spec"


def applied_digest(record: type, found: Mapping[str, Any]) -> str:
    """Digest a plain record for the inventory. A field that a record has gained since changes none that has none of it.

    Args:
        record: Class of the record.
        found: The record as plain data.
    """
    gained = {each.name for each in fields(record) if each.default is None}
    return fingerprint(
        {name: value for name, value in found.items() if value is not None or name not in gained}, length=16
    )


def observed_digest(kind: Kind[F], seen: Observed[F], keys: Mapping[str, frozenset[str]]) -> str:
    """Digest what is there, as it would have been applied: without the keys that others added to maps."""
    ours = {name: keys.get(name, frozenset()) for name in kind.keyed}
    return applied_digest(kind.fields, only_ours({}, plain(seen.fields), ours))


def _adopted(
    kind: Kind[F],
    want: Desired[F],
    seen: Observed[F],
    owner: Owner,
    *,
    changes: tuple[FieldChange, ...],
    fields: F,
) -> Change:
    if owner.adopt is Adopt.NEVER or (owner.adopt is Adopt.IF_IDENTICAL and _beyond_the_mark(changes)):
        raise NotOurs(want.address, _whose(kind, seen, owner), hint=_how_to_adopt(kind, seen, owner, changes))
    return _change(
        kind, Action.UPDATE, want, seen, owner, reason="adopted", changes=changes, fields=fields, owned=False
    )


def _beyond_the_mark(changes: tuple[FieldChange, ...]) -> bool:
    """Tell whether anything differs but the labels: an object made elsewhere cannot carry ours yet."""
    return any(c.field not in _CARRIES_MARK for c in changes)


def _whose(kind: Kind[F], seen: Observed[F], owner: Owner) -> str:
    name = seen.address.name
    if seen.mark in owner.services:
        return f"{kind.title} '{name}' is marked as this service's, and no inventory lists it"
    if seen.mark == MANAGER:
        return f"{kind.title} '{name}' is marked as mlservice's, and no inventory lists it: it was left to others once"
    if seen.mark:
        return f"{kind.title} '{name}' exists and belongs to mlservice service '{seen.mark}'"
    return f"{kind.title} '{name}' exists and was not made by mlservice"


def _how_to_adopt(kind: Kind[F], seen: Observed[F], owner: Owner, changes: tuple[FieldChange, ...]) -> str:
    if owner.adopt is Adopt.IF_IDENTICAL:
        fields = ", ".join(sorted({c.path for c in changes if c.field not in _CARRIES_MARK}))
        return f"it differs from the spec in {fields}: make the spec fit (`mlservice import`), or set adopt: Always"
    if owner.entry is not None and not seen.mark:
        shared = kind.ownership is Ownership.SHARED
        marks = {MANAGED_BY: MANAGER} if shared else mark_labels(owner.services[0])
        labels = " and ".join(f"{key}={value}" for key, value in marks.items())
        return f"the inventory lists it, and its mark is gone: put it back ({labels}), or set adopt: IfIdentical"
    if seen.mark in owner.services or seen.mark == MANAGER:
        return "if the inventory was lost, take it over: set management.adopt: IfIdentical"
    verb = kind.takes_over or "rename one of the two"
    return f"{verb}; to take it over set management.adopt: IfIdentical or Always"


def _change(
    kind: Kind[F],
    action: Action,
    want: Desired[F] | None,
    seen: Observed[F] | None,
    owner: Owner,
    *,
    reason: str = "",
    changes: tuple[FieldChange, ...] = (),
    fields: F | None = None,
    owned: bool = True,
) -> Change:
    loss = kind.loss(seen, owner.services) if seen else ""
    return Change(
        address=want.address if want else seen.address,  # type: ignore[union-attr]  # one of the two is there
        action=action,
        services=owner.services,
        reason=reason,
        consequence=_consequence(kind, action, changes, seen, fields=fields, loss=loss),
        changes=changes,
        needs=want.needs if want else frozenset(),
        desired=None if want is None else plain(fields),
        observed=None if seen is None else plain(seen.fields),
        version=seen.version if seen else "",
        uid=seen.uid if seen else "",
        guarded=bool(loss),
        owned=owned,
        rank=kind.rank,
        source=want.source if want else "",
        contradicts=any(c.field in kind.entry for c in changes),
        problem=seen.problem if seen and want and action is Action.NO_OP else "",
        twins=tuple(twin.server_name for twin in seen.twins) if seen else (),
    )


def _consequence(
    kind: Kind[F],
    action: Action,
    changes: tuple[FieldChange, ...],
    seen: Observed[F] | None,
    *,
    fields: F | None,
    loss: str,
) -> str:
    if action is Action.UPDATE:
        said = kind.consequence(changes, fields) if kind.consequence and fields is not None else ""
        extra = f"deletes {', '.join(twin.server_name for twin in seen.twins)}" if seen and seen.twins else ""
        return ", ".join(part for part in (said, extra) if part)
    if action is Action.REPLACE:
        return f"deleted and made anew: {loss}" if loss else "deleted and made anew"
    return loss if action is Action.DELETE else ""
