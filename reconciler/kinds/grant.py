"""What the kinds that are one member's role on something share: a grant is nothing but its address."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.kind import Desired, Kind, Observed
from reconciler.gcp import policy

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """The fields we manage.

    Args:
        condition: CEL expression under which the grant holds; empty for always.
    """

    condition: str = ""


@dataclass(frozen=True, slots=True)
class GrantClient:
    """Reads and changes single grants in policies that others write to as well.

    Args:
        api: Google's client of the resource, with `get_iam_policy` and `set_iam_policy`.
        resource: Full name of the resource whose policy holds the grant of an address.
        grant: Role, member and condition title of an address.
    """

    api: Any
    resource: Callable[[Address], str]
    grant: Callable[[Address], policy.Grant]

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[RoleGrant]]:
        """Read one resource's policy: all addresses are about the same one."""
        live = policy.read(self.api, self.resource(addresses[0]), addresses[0])
        if live is None:
            return
        there = {replace(g, expression=""): g.expression for g in policy.grants(live)}
        for address in addresses:
            grant = self.grant(address)
            if grant in there:
                yield Observed(address, RoleGrant(there[grant]))

    def create(self, want: Desired[RoleGrant]) -> None:
        """Add the grant."""
        grant = replace(self.grant(want.address), expression=want.fields.condition)
        try:
            policy.add(self.api, self.resource(want.address), want.address, grant)
        except errors.NotFoundError as error:
            hint = "what the role is on must exist first"
            raise errors.NotFoundError(error.verb, error.address, error.why, hint=hint) from error

    def update(self, want: Desired[RoleGrant], seen: Observed[RoleGrant], changes: tuple[FieldChange, ...]) -> None:
        """Replace the condition."""
        del seen, changes
        self.create(want)

    def delete(self, seen: Observed[RoleGrant]) -> None:
        """Take the grant away."""
        policy.remove(self.api, self.resource(seen.address), seen.address, self.grant(seen.address))


def words(*parts: str) -> str:
    """Join the parts of an address's name; none of them has spaces."""
    return " ".join(part for part in parts if part)


def by_first_word(address: Address) -> tuple[str, ...]:
    """Group addresses whose name begins with the resource that holds the policy."""
    return (address.location, address.name.split(" ", 1)[0])


def grant_kind(
    name: str, title: str, desired: Callable[..., Any], connect: Callable[[Any], GrantClient]
) -> Kind[RoleGrant]:
    """Make a kind of grant whose address begins with what the role is on, one policy each."""
    return Kind(
        name=name,
        title=title,
        fields=RoleGrant,
        desired=desired,
        connect=connect,
        read_together=by_first_word,
        anonymous=True,
        marked=False,
        serial=True,
    )
