"""Everything that the specs of one run want, use and cannot bear, joined by address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.facts import Facts
from reconciler.core.kind import Kinds
from reconciler.core.membership import KIND as MEMBERSHIP
from reconciler.core.membership import Membership, any_member, any_role
from reconciler.core.objects import Desired, Existing, Unwanted, Wanted
from schemas import Loaded, LoadedOperator, LoadedService

_AGREE = "make the specs agree"
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Wants:
    """What specs want.

    Args:
        made: What is to be made and kept, by address.
        used: What somebody else makes. An address may be in both: one spec makes what another one uses.
        unwanted: What must not be there. A member's role may stand for any role of the member's, or for whoever else
            has it, until `meeting`.
    """

    made: Mapping[Address, Desired[Any]] = field(default_factory=dict)
    used: Mapping[Address, Existing] = field(default_factory=dict)
    unwanted: Mapping[Address, Unwanted] = field(default_factory=dict)

    @classmethod
    def of(cls, kinds: Kinds, documents: Sequence[Loaded], facts: Sequence[Facts]) -> Wants:
        """Ask every kind about every spec, and about operators last: what they need depends on the services.

        Raises:
            PlansRefused: Two specs want the same object to be different; all such objects at once.
        """
        asked = [*zip(documents, facts, strict=True)]
        services = [(loaded.service, known) for loaded, known in asked if isinstance(loaded, LoadedService)]
        found = [want for service, known in services for kind in kinds for want in kind.desired(service, known)]
        used = {want.address.kind for want in found}
        duties = tuple(kind.of_specs(one for one, _ in services) for kind in kinds if kind.name in used)
        for loaded, known in asked:
            if isinstance(loaded, LoadedOperator):
                told = replace(known, duties=duties)
                found += [want for kind in kinds for want in kind.operates(loaded.operator, told)]
        return joined(found, {kind.name: kind.agree for kind in kinds if kind.agree})

    @property
    def addresses(self) -> frozenset[Address]:
        """Every address that matters."""
        return frozenset(self.made) | frozenset(self.used) | frozenset(self.unwanted)

    def only(self, names: Iterable[str]) -> Wants:
        """Give what is some documents', with others or alone: those may have been asked only for what these must do."""
        ours = frozenset(names)
        return Wants(
            {a: want for a, want in self.made.items() if ours & want.services},
            {a: one for a, one in self.used.items() if one.service in ours},
            {a: one for a, one in self.unwanted.items() if one.service in ours},
        )

    def meeting(self, there: Iterable[Address]) -> Wants:
        """Name each role that is there and must not be: any of a member, or one of whoever else has it."""
        met = {a: _met(never, a) for a in there if (never := self._ruled_out(a))}
        exact = {a: never for a, never in self.unwanted.items() if a not in {any_role(a), any_member(a)}}
        others = {a: never for a, never in self.unwanted.items() if a.kind != MEMBERSHIP}
        return replace(self, unwanted={**others, **met, **exact})

    def _ruled_out(self, address: Address) -> Unwanted | None:
        found = self.unwanted.get(any_role(address))
        return found or (None if address in self.made else self.unwanted.get(any_member(address)))

    def closed(self) -> dict[str, dict[Address, str]]:
        """Give what each service's spec rules out, with the words that do."""
        found: dict[str, dict[Address, str]] = {}
        for address, never in sorted(self.unwanted.items()):
            found.setdefault(never.service, {})[address] = never.why
        return found

    def services(self, address: Address) -> frozenset[str]:
        """Names of the services that want an object, or use it, or cannot bear it."""
        if address in self.made:
            return self.made[address].services
        one = self.used.get(address) or self.unwanted.get(address)
        return frozenset({one.service}) if one else frozenset()


def _met(never: Unwanted, address: Address) -> Unwanted:
    """Narrow what is ruled out to one address that was found."""
    spared = never.spares.get(Membership.of(address).role, "") if address.kind == MEMBERSHIP else ""
    return replace(never, address=address, left=never.left or spared)


def joined(found: Iterable[Wanted], agree: Mapping[str, str] = _NOTHING) -> Wants:
    """Join what is wanted by address. Services that share an object must want it alike.

    Args:
        found: What is wanted.
        agree: What to do where they do not, by kind.

    Raises:
        PlansRefused: They do not.
    """
    made: dict[Address, list[Desired[Any]]] = {}
    used: dict[Address, Existing] = {}
    unwanted: dict[Address, Unwanted] = {}
    for want in found:
        if isinstance(want, Desired):
            made.setdefault(want.address, []).append(want)
        elif isinstance(want, Existing):
            before = used.get(want.address, want)
            used[want.address] = replace(want, requires={**before.requires, **want.requires})
        else:
            unwanted[want.address] = want
    clashes = [*_unlike(made, agree), *_contradicted(made, unwanted)]
    if clashes:
        raise errors.PlansRefused(clashes)
    return Wants({a: many[0].also(w.service for w in many) for a, many in made.items()}, used, unwanted)


def _unlike(made: Mapping[Address, Sequence[Desired[Any]]], agree: Mapping[str, str]) -> Iterator[errors.PlanError]:
    for address, many in made.items():
        if any(want.fields != many[0].fields for want in many):
            who, hint = " and ".join(want.service for want in many), agree.get(address.kind, _AGREE)
            yield errors.PlanError(address, f"{who} want it to be different", hint=hint)


def _contradicted(
    made: Mapping[Address, Sequence[Desired[Any]]], unwanted: Mapping[Address, Unwanted]
) -> Iterator[errors.PlanError]:
    for address in sorted(made):
        never = unwanted.get(address) or unwanted.get(any_role(address))
        if never is None:
            continue
        why = f"{made[address][0].service} wants it, and {never.why} in {never.service}"
        yield errors.PlanError(address, why, hint=_AGREE)
