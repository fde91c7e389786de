"""One object as a spec wants it, uses it or rules it out, and as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from reconciler.core.reference import needed
from reconciler.core.stamp import UNSTAMPED, Stamp

if TYPE_CHECKING:
    from reconciler.core.address import Address

_MOST, _LONGEST = 5, 60
"""How many names are listed, and how many characters of what others call a thing."""

F = TypeVar("F")
"""The record of a kind: a frozen dataclass with the fields we manage, and no other."""


@dataclass(frozen=True, slots=True)
class Desired(Generic[F]):
    """What a spec wants one object to be.

    Args:
        address: Which object.
        fields: Every field we manage, none left to a default of Google's. May hold `Ref`s to other objects.
        service: Name of the service whose spec wants it.
        needs: Objects that must be right before this one is written, beside those that `fields` refers to.
        source: Folder on this machine that the content is read from, for kinds that upload; never compared.
        others: Further services that want the very same.
        within: The object it is a part of, and goes with: what a policy belongs to. A dependency as well.
        stamp: What it comes from; written where there is room for it with whatever else changes, and never compared.
        asked: What else the spec asks, for the kind's `refine` alone.
        ours: For each map field that others may write to, the keys the inventory says we wrote; for `refine`, too.
        memory: What the inventory remembers of it (`core.memory`); for `refine`, too.
        spared: Path in the spec of what it is for, where the rest goes on without it should it be refused; else empty.
    """

    address: Address
    fields: F
    service: str
    needs: frozenset[Address] = frozenset()
    source: str = ""
    others: frozenset[str] = frozenset()
    within: Address | None = None
    stamp: Stamp = UNSTAMPED
    asked: Any = None
    ours: Mapping[str, frozenset[str]] = field(default_factory=dict)
    memory: Mapping[str, Any] = field(default_factory=dict)
    spared: str = ""

    @property
    def services(self) -> frozenset[str]:
        """Names of every service that wants it."""
        return self.others | {self.service}

    @property
    def dependencies(self) -> frozenset[Address]:
        """Objects that must be right before this one is written."""
        return self.needs | needed(self.fields) | ({self.within} if self.within else frozenset())

    def also(self, services: Iterable[str]) -> Desired[F]:
        """Note the other services that want the very same."""
        return replace(self, others=frozenset(services) - {self.service})


@dataclass(frozen=True, slots=True)
class Existing:
    """What a spec uses and somebody else makes: a topic of another team, a job, a table.

    Args:
        address: Which object.
        service: Name of the service whose spec uses it.
        requires: Fields of the kind's record that must have these values for it to be of use.
        hint: What to do when it is missing.
    """

    address: Address
    service: str
    requires: Mapping[str, Any] = field(default_factory=dict)
    hint: str = "make it first, or let the spec make it"


@dataclass(frozen=True, slots=True)
class Unwanted:
    """What must not be there for the spec to be true: everyone's permission to call a private service.

    Args:
        address: Which object. It goes whoever made it.
        service: Name of the service whose spec it contradicts.
        why: Which words of the spec, such as `access.authentication is IAM`.
        left: Why it is left all the same, in words; empty when it goes.
        spares: Roles that are told of and left, each with the reason, where the address stands for any role.
    """

    address: Address
    service: str
    why: str
    left: str = ""
    spares: Mapping[str, str] = field(default_factory=dict)


Wanted = Desired[Any] | Existing | Unwanted


@dataclass(frozen=True, slots=True)
class Holder:
    """Something that keeps an object from being deleted, whosever it is.

    Args:
        address: What it keeps.
        name: Of the holder, as Google knows it.
        sort: What it is: `alert policy`.
        title: What people call it, which may be anything.
    """

    address: Address
    name: str
    sort: str
    title: str

    @property
    def said(self) -> str:
        """What it is and what it is called, on one line and cut."""
        title = " ".join(self.title.split())
        return f"{self.sort} {title if len(title) <= _LONGEST else title[:_LONGEST] + '…'}"


def several(names: Iterable[str]) -> str:
    """List the first few of any number of names.

    Args:
        names: Each short, and on one line.
    """
    known = sorted(set(names))
    more = f" and {len(known) - _MOST} more" if len(known) > _MOST else ""
    return ", ".join(known[:_MOST]) + more


@dataclass(frozen=True, slots=True)
class Described:
    """What is there, in a spec's words.

    Args:
        metadata: The `metadata` section but for the name: labels that people gave it, and what it is for.
        spec: The `spec` section, as plain data.
        unsaid: What the spec has no words for and is left as found, in sentences.
    """

    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]
    unsaid: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed(Generic[F]):
    """What one object is now.

    Args:
        address: Which object.
        fields: The same record that `Desired` has.
        uid: The server's identity of this very object, empty where the API has none.
        version: Changes whenever someone writes the object: a generation, an etag, or a digest of its content without
            what the object tells of itself, such as when it last ran.
        mark: Name of the service the object's own mark names; empty when it carries none.
        settled: False while Google is still working on an earlier change.
        problem: Why the object does not work, in Google's words; empty when it does.
        output: What Google tells us about it, such as the address it answers at: for `Ref`s, people and status.
        server_name: The name the server gave it, where names are the server's.
        twins: Further objects with the same mark, where names are the server's: made by an answer that was lost and
            found too late, or by somebody who copied one.
        live: The object as the client gave it; only the kind that made it looks inside.
        hidden: Why it may not be looked at, and who has to grant what; empty where it was. Whether it is there is then
            not known, nothing is done to it, and what is listed as ours stays so.
    """

    address: Address
    fields: F
    uid: str = ""
    version: str = ""
    mark: str = ""
    settled: bool = True
    problem: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)
    server_name: str = ""
    twins: tuple[Observed[F], ...] = ()
    live: Any = None
    hidden: str = ""
