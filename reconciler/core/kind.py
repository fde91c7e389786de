"""What the engine knows about a kind of resource: a value, not a class to inherit from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Protocol

from reconciler.core.flow import Flows, Group, nothing_flows
from reconciler.core.objects import Described, Desired, F, Holder, Observed, Wanted
from reconciler.core.paid import Paid
from reconciler.core.sense import Sense, same

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts, Lookup
    from reconciler.core.memory import Memory
    from reconciler.core.plan import Change
    from reconciler.core.quota import Claims
    from schemas import MLService, Operator


class Writer(Protocol[F]):
    """The writing half of a client. Methods raise `ApiError`s only."""

    def create(self, want: Desired[F]) -> str | None:
        """Make the object and wait until Google says it is there; give its name where names are the server's."""

    def update(self, want: Desired[F], seen: Observed[F], changes: tuple[FieldChange, ...]) -> None:
        """Write the changed fields and no others, refusing when the object moved since `seen`.

        Where the API cannot refuse that (`Kind.fenced` is False) the engine looks again just before.
        """

    def delete(self, seen: Observed[F]) -> None:
        """Delete the object. An absent one is fine."""


class Client(Writer[F], Protocol[F]):
    """Thin, idempotent, no decisions."""

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[F]]:
        """Read the objects of one group (see `Kind.read_together`). Absent ones are left out."""


class FindingClient(Writer[F], Protocol[F]):
    """The client of a kind whose names are the server's."""

    def find(self, addresses: Sequence[Address], names: Mapping[Address, str]) -> Iterable[Observed[F]]:
        """Read the objects of one group: by the server's name where it is known, and by our mark.

        Of several with one mark the oldest comes first.
        """


AnyClient = Client[F] | FindingClient[F]


class Ownership(StrEnum):
    """How it is told whose an object is.

    Args:
        EXCLUSIVE: One service's. The inventory lists it, and its mark or identity agrees.
        SHARED: Several services may want the same object: the first makes it, the last one deletes it.
        ANONYMOUS: It is nothing but its address and carries no mark (a member's role): finding it there is enough,
            and it is ours if the inventory lists it.
    """

    EXCLUSIVE = "Exclusive"
    SHARED = "Shared"
    ANONYMOUS = "Anonymous"


@dataclass(frozen=True, slots=True)
class Roles:
    """What the reconciler's own account needs for a kind.

    Args:
        read: For `plan` and `status`: predefined roles, or permissions where a role would be too much.
        write: For `apply`, further ones.
        on: What they are granted on, when it is not the project.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    on: str = ""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the calls of a kind need, permission by permission: what Google can be asked whether the caller has it.

    Roles on single objects (`getIamPolicy`, `setIamPolicy`) are those of the members' roles that a spec leads to.

    Args:
        read: For `plan` and `status`.
        write: For `apply` and `destroy`, further ones.
    """

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()


def for_every_spec(service: MLService) -> bool:
    """Take every spec."""
    del service
    return True


@dataclass(frozen=True, slots=True)
class Extra:
    """What a kind needs besides, where a spec asks for more of it than its objects.

    Args:
        title: What for, in words.
        wanted: Whether a spec asks for it; pure.
        roles: As those of a kind, for reading.
        permissions: The same in permissions.
        apis: Hosts that must be enabled.
    """

    title: str
    wanted: Callable[[MLService], bool] = for_every_spec
    roles: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gift:
    """A role that a kind's objects cannot work without, and that `desired` therefore wants somebody to have.

    Args:
        role: Such as `roles/run.invoker`.
        on: Kind's name or sort of resource, as in the address of a member's role.
        to: Whose account, in words.
        why: What for, in words.
    """

    role: str
    on: str
    to: str
    why: str


def by_location(address: Address) -> tuple[str, ...]:
    """Group the addresses that one list call can see: those of one project and location."""
    return (address.project, address.location)


def by_project(address: Address) -> tuple[str, ...]:
    """Group the addresses that one list call can see: all of one project."""
    return (address.project,)


def no_lane(address: Address) -> str:
    """Let writes run side by side."""
    del address
    return ""


def never(address: Address) -> bool:
    """Let what no spec wants any more go."""
    del address
    return False


def always(address: Address) -> bool:
    """Keep what no spec wants any more until the service goes."""
    del address
    return True


def for_no_service(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want nothing: objects of the kind come with others, or with an operator."""
    del service, facts
    yield from ()


def nothing_lost(seen: Observed[Any], services: Collection[str]) -> str:
    """Say that deleting loses nothing that the next apply would not make again."""
    del seen, services
    return ""


def runs_nothing(operator: Operator, facts: Facts) -> Iterator[Wanted]:
    """Want nothing for an operator."""
    del operator, facts
    yield from ()


def nothing_stays(seen: Observed[Any]) -> str:
    """Say that nothing is left of a service when this object is destroyed."""
    del seen
    return ""


def nothing_beyond(operator: Operator, facts: Facts) -> Iterable[str]:
    """Need nothing of people that an operator's roles on the project do not give."""
    del operator, facts
    return ()


@dataclass(frozen=True, slots=True)
class Routed:
    """Images of what is there that requests would go to.

    Args:
        newest: Of the newest: the template's, as it was read when that was made.
        others: Of what was made before it.
    """

    newest: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


class Routes(Protocol):
    """Says which images of what is there requests would go to."""

    def __call__(self, seen: Observed[Any], record: Mapping[str, Any], *, starts: bool) -> Routed:
        """Say it.

        Args:
            seen: What there is.
            record: What is wanted of it, as a plain record.
            starts: Whether something newer is made, so that what is newest now is not what `latest` means.
        """


class Keeps(Protocol):
    """Says which objects of other kinds, that no spec may want any more, what is there cannot do without yet."""

    def __call__(self, seen: Observed[Any], record: Mapping[str, Any], *, starts: bool) -> Iterable[Address]:
        """Say it.

        Args:
            seen: What there is.
            record: What is wanted of it, as a plain record.
            starts: Whether something newer is made, so that what is newest now becomes the one of before.
        """


def no_images(record: Mapping[str, Any]) -> Iterable[str]:
    """Run no image."""
    del record
    return ()


def nothing_to_say(service: MLService, facts: Facts) -> Iterable[tuple[str, str]]:
    """Have no note for the reader of a plan."""
    del service, facts
    return ()


@dataclass(frozen=True, slots=True)
class Kind(Generic[F]):
    """A sort of resource.

    Args:
        name: As in addresses.
        title: As people call it.
        fields: The record.
        desired: What a spec wants, uses or cannot bear: objects of this kind, and of other kinds what these cannot
            do without; pure.
        operates: What an operator's document wants; pure.
        connect: Build the client from a `gcp.connection.Connection`.
        paid: What of them costs money; `core.paid.NOTHING` where nothing does. Each kind says it.
        acts_on: Paths below `spec` that this kind turns into something; `a.*` is everything below `a`.
        roles: What the reconciler's own account needs.
        permissions: The same in permissions.
        apis: Hosts of Google's APIs that it calls: each must be enabled in the project.
        extras: What only some specs need besides.
        images: References of the images that an object runs, from its plain record.
        running: Those of them, and of what else of it there is, that serve now; None where all of its record do.
        routed: Says which images of what is there requests would go to by a record as wanted; None where all that runs
            is in the record.
        keeps: Says which objects of other kinds stay for what is there; None where nothing needs any.
        quiet: Fields whose change starts nothing and moves no request.
        rerouting: Fields whose change moves requests to what there is, and starts nothing.
        claims: Says what instances of an object may take of its region's quotas, from its plain record and what there
            is of it; None for a kind that draws from none.
        gives: Roles that `desired` wants others to have.
        lookups: What must be looked up before `desired` can say exactly what it wants.
        read_together: Addresses with equal keys are observed by one call.
        lane: Writes with the same lane, of whatever kinds, go one after the other; empty for none.
        ownership: How it is told whose an object is.
        server_named: The server picks the names: clients have `find` in place of `observe`; `create` gives the name.
        fenced: An update cannot undo what somebody wrote meanwhile: the API refuses it, or a mask names what differs.
        immutable: Fields that Google cannot change in place.
        keyed: Map fields that others may add keys to; only keys of ours are compared.
        reserved: Keys of those that are ours even where no inventory says that we wrote them.
        refine: Fill in what only the observed object can tell (which revision `stable` is); pure.
        measure: Add to observed objects what was measured of them; through a `gcp.connection.Connection`.
        inquire: Ask objects what neither they nor their measures say: what to add to the output of each. Through a
            `gcp.connection.Connection`, with the pool's `gather`; whether more than looking is allowed is said.
        progress: Say where something is that takes more than one write, and what it waits for; pure, empty for nothing.
        sense: Say what a fresh decision is beside the one that was agreed to, where somebody wrote the object since.
        fleeting: Tell from a record whether what is written was decided by what was measured just then: a saved plan of
            it is good for a quarter of an hour.
        consequence: What an update to a record will do, in words.
        notes: What a reader of the plan should know of a spec: text, and the path below `spec` it is about.
        beyond: What people must grant an operator's account elsewhere than on the project, in sentences; pure.
        loss: What deleting this very object loses for others than the services it is of, in words. What loses
            something is protected by `management.deletion: Protect`.
        stays: What came of this very object and stays when its service is destroyed, in words.
        retained: Which stay until the service goes, though no spec wants them any more: a revision may still use them.
        memory: What is remembered of an object from pass to pass; None for nothing.
        spec_paths: Field of the record by path below `spec`, for what `management.externallyOwned` may name.
        entry: Fields that say whether callers are asked who they are. One that differs contradicts the spec, as a role
            does that it rules out.
        leaves: Further paths that `management.externallyOwned` may name: `desired` itself then rules out less.
        takes_over: The command that helps with an object made elsewhere; empty when there is none.
        agree: What to do where services want the same object to be different; empty where their specs show it.
        describe: Say what is there in a spec's words, through a `gcp.connection.Connection`; for the primary kind.
        primary: A service has one of them, with its name and in its region: what `status` shows and `import` reads.
        uses: Kinds that objects of this one cannot do without, or that Google keeps while one of these is there: theirs
            are deleted after these, and stay where one of these could not be deleted.
        before: Kinds whose objects are better deleted after these, so that nobody is called and nothing is sent in
            vain; they go all the same where one of these could not be deleted.
        holders: What there is, of whomever, that keeps objects of this kind from being deleted; by the kind's client.
        rank: Place among the kinds; set by `Kinds.of`.
        group: What its objects are for: with which others they are drawn.
        flows: What goes to an object and from it; pure.
    """

    name: str
    title: str
    fields: type[F]
    desired: Callable[[MLService, Facts], Iterator[Wanted]]
    connect: Callable[[Any], AnyClient[F]]
    paid: Paid
    acts_on: frozenset[str] = frozenset()
    roles: Roles = Roles()
    permissions: Permissions = Permissions()
    apis: tuple[str, ...] = ()
    extras: tuple[Extra, ...] = ()
    images: Callable[[Mapping[str, Any]], Iterable[str]] = no_images
    running: Callable[[Observed[F]], Iterable[str]] | None = None
    routed: Routes | None = None
    keeps: Keeps | None = None
    quiet: frozenset[str] = frozenset()
    rerouting: frozenset[str] = frozenset()
    claims: Callable[[Mapping[str, Any], Observed[F] | None], Claims] | None = None
    gives: tuple[Gift, ...] = ()
    lookups: tuple[Lookup[Any], ...] = ()
    read_together: Callable[[Address], tuple[str, ...]] = by_location
    lane: Callable[[Address], str] = no_lane
    ownership: Ownership = Ownership.EXCLUSIVE
    server_named: bool = False
    fenced: bool = True
    immutable: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()
    reserved: Mapping[str, frozenset[str]] = field(default_factory=dict)
    refine: Callable[[Desired[F], Observed[F] | None], F] | None = None
    measure: Callable[[Any, Sequence[Observed[F]], datetime], list[Observed[F]]] | None = None
    inquire: Callable[..., Mapping[Address, Mapping[str, Any]]] | None = None
    progress: Callable[[Desired[F], Observed[F] | None], str] | None = None
    sense: Callable[[Change, Change], Sense] = same
    fleeting: Callable[[Mapping[str, Any]], bool] | None = None
    consequence: Callable[[Sequence[FieldChange], F], str] | None = None
    notes: Callable[[MLService, Facts], Iterable[tuple[str, str]]] = nothing_to_say
    beyond: Callable[[Operator, Facts], Iterable[str]] = nothing_beyond
    loss: Callable[[Observed[F], Collection[str]], str] = nothing_lost
    stays: Callable[[Observed[F]], str] = nothing_stays
    retained: Callable[[Address], bool] = never
    memory: Memory[Any] | None = None
    spec_paths: Mapping[str, str] = field(default_factory=dict)
    entry: frozenset[str] = frozenset()
    leaves: frozenset[str] = frozenset()
    takes_over: str = ""
    agree: str = ""
    describe: Callable[[Any, Observed[F]], Described] | None = None
    primary: bool = False
    uses: frozenset[str] = frozenset()
    before: frozenset[str] = frozenset()
    holders: Callable[[Any, Sequence[Observed[F]]], Iterable[Holder]] | None = None
    rank: int = 0
    operates: Callable[[Operator, Facts], Iterator[Wanted]] = runs_nothing
    group: Group = Group.OTHER
    flows: Flows = nothing_flows

    def of_specs(self, services: Iterable[MLService]) -> Kind[F]:
        """Give the kind with what it needs besides for some specs.

        Args:
            services: The specs that lead to it.
        """
        many = list(services)
        extras = [each for each in self.extras if any(map(each.wanted, many))]
        if not extras:
            return self
        roles = replace(self.roles, read=(*self.roles.read, *(role for each in extras for role in each.roles)))
        read = (*self.permissions.read, *(one for each in extras for one in each.permissions))
        apis = (*self.apis, *(host for each in extras for host in each.apis))
        return replace(self, roles=roles, permissions=replace(self.permissions, read=read), apis=apis)


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

    def users(self, name: str) -> frozenset[str]:
        """Give the kinds whose objects may use one of a kind: it is not deleted while one of theirs is there.

        Args:
            name: Of the kind.
        """
        return frozenset(kind.name for kind in self if name in kind.uses)

    def earlier(self, name: str) -> frozenset[str]:
        """Give the kinds whose objects are deleted before those of a kind.

        Args:
            name: Of the kind.
        """
        return frozenset(kind.name for kind in self if name in kind.uses | kind.before)

    @property
    def primary(self) -> Kind[Any]:
        """The kind that a service has one of."""
        return next(kind for kind in self if kind.primary)

    @property
    def lookups(self) -> tuple[Lookup[Any], ...]:
        """What has to be looked up for any of them, each once."""
        return tuple({(each.name, each.asks): each for kind in self for each in kind.lookups}.values())
