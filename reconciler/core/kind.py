"""What the engine knows about a kind of resource: a value, not a class to inherit from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from schemas import MLService

F = TypeVar("F")
"""The record of a kind: a frozen dataclass with the fields we manage, and no other."""


@dataclass(frozen=True, slots=True)
class Desired(Generic[F]):
    """What a spec wants one object to be.

    Args:
        address: Which object.
        fields: Every field we manage, none left to a default of Google's.
        service: Name of the service whose spec wants it.
        needs: Objects that must be right before this one is written.
        source: Folder on this machine that the content is read from, for kinds that upload; never compared.
        others: Further services that want the very same.
    """

    address: Address
    fields: F
    service: str
    needs: frozenset[Address] = frozenset()
    source: str = ""
    others: frozenset[str] = frozenset()

    @property
    def services(self) -> frozenset[str]:
        """Names of every service that wants it."""
        return self.others | {self.service}

    def also(self, services: Iterable[str]) -> Desired[F]:
        """Note the other services that want the very same."""
        return replace(self, others=frozenset(services) - {self.service})


@dataclass(frozen=True, slots=True)
class Observed(Generic[F]):
    """What one object is now.

    Args:
        address: Which object.
        fields: The same record that `Desired` has.
        uid: The server's identity of this very object, empty where the API has none.
        version: Changes whenever someone writes the object: a generation or an etag.
        mark: Name of the service the object's own mark names; empty when it carries none.
        settled: False while Google is still working on an earlier change.
        problem: Why the object does not work, in Google's words; empty when it does.
        output: What Google tells us about it, such as the address it answers at. For people and status.
        live: The object as the client gave it; only the kind that made it looks inside.
    """

    address: Address
    fields: F
    uid: str = ""
    version: str = ""
    mark: str = ""
    settled: bool = True
    problem: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)
    live: Any = None


class Client(Protocol[F]):
    """Thin, idempotent, no decisions. Methods raise `ApiError`s only."""

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[F]]:
        """Read the objects of one group (see `Kind.read_together`). Absent ones are left out."""

    def create(self, want: Desired[F]) -> None:
        """Make the object and wait until Google says it is there."""

    def update(self, want: Desired[F], seen: Observed[F], changes: tuple[FieldChange, ...]) -> None:
        """Write the changed fields and no others, refusing when the object moved since `seen`."""

    def delete(self, seen: Observed[F]) -> None:
        """Delete the object. An absent one is fine."""


def by_location(address: Address) -> tuple[str, ...]:
    """Group the addresses that one list call can see: those of one location."""
    return (address.location,)


@dataclass(frozen=True, slots=True)
class Kind(Generic[F]):
    """A sort of resource.

    Args:
        name: As in addresses.
        title: As people call it.
        fields: The record.
        desired: What a spec wants; pure.
        connect: Build the client from a `gcp.connection.Connection`.
        read_together: Addresses with equal keys are observed by one call of `Client.observe`.
        immutable: Fields that Google cannot change in place.
        keyed: Map fields that others may add keys to; only keys of ours are compared.
        refine: Fill in what only the observed object can tell (which revision `stable` is); pure.
        consequence: What an update will do, in words.
        shared: Several services may want the same object: the first makes it, the last one deletes it.
        anonymous: The object is nothing but its address (a role binding): finding it there is enough.
        marked: The API gives room for a mark that says whose the object is.
        loss: What deleting it loses, in words. A kind that has one is protected by `management.deletion: Protect`.
        retained: Older ones stay until the service goes: a revision may still run on them.
        serial: Changes with the same `read_together` key must not run at the same time.
        spec_paths: Field of the record by path below `spec`, for what `management.externallyOwned` may name.
        rank: Place among the kinds; set by `Kinds.of`. Deletes go from the last kind to the first.
    """

    name: str
    title: str
    fields: type[F]
    desired: Callable[[MLService, Facts], Iterator[Desired[F]]]
    connect: Callable[[Any], Client[F]]
    read_together: Callable[[Address], tuple[str, ...]] = by_location
    immutable: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()
    refine: Callable[[Desired[F], Observed[F] | None], F] | None = None
    consequence: Callable[[Sequence[FieldChange]], str] | None = None
    shared: bool = False
    anonymous: bool = False
    marked: bool = True
    loss: str = ""
    retained: bool = False
    serial: bool = False
    spec_paths: Mapping[str, str] = field(default_factory=dict)
    rank: int = 0

    @property
    def guarded(self) -> bool:
        """Tell whether deleting an object needs consent."""
        return bool(self.loss)


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds we know, by name, in the order they are listed."""

    by_name: Mapping[str, Kind[Any]]

    @classmethod
    def of(cls, *kinds: Kind[Any]) -> Kinds:
        """Collect kinds, each after the kinds its objects need."""
        return cls({kind.name: replace(kind, rank=rank) for rank, kind in enumerate(kinds)})

    def __iter__(self) -> Iterator[Kind[Any]]:
        """Go through the kinds in order."""
        return iter(self.by_name.values())

    def of_address(self, address: Address) -> Kind[Any]:
        """Give the kind of an address.

        Raises:
            KeyError: A newer version of this program wrote that address.
        """
        return self.by_name[address.kind]
