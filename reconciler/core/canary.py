"""What a new version of the operator does unasked: nothing that the one before it would not have done with these specs.

A pass leaves behind what it asked for and what it found there, object by object (`Trace`). The first pass of another
version compares: a difference in specs that nobody changed is either the world's, and mended, or of that version's own
making, and held until a person has looked at it. Where the two cannot be told apart it is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from reconciler.core.diff import plain
from reconciler.core.membership import KIND, any_member, any_role
from reconciler.core.naming import fingerprint
from reconciler.core.plan import Action

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.objects import Observed
    from reconciler.core.plan import Change
    from reconciler.core.planned import Planned


class Hold(StrEnum):
    """Why a change is held; its text is for people."""

    ASKS = "this version asks for something else than the one before it"
    NEW = "the version before did not look at it"
    READS = "nothing was changed there since; this version sees it otherwise than the one before"
    DESTROYS = "it would be lost, and the version before did not mean to do that"
    UNKNOWN = "it cannot be told whether somebody changed it or this version sees it otherwise"
    LEFT_ALONE = "the version before could not work on this service at all"
    FORGOTTEN = "what the version before left cannot be read"


@dataclass(frozen=True, slots=True)
class Build:
    """What runs.

    Args:
        version: As `mlservice --version` says it, with the commit.
        image: Of the job, by digest where that is known.
    """

    version: str = ""
    image: str = ""

    def __str__(self) -> str:
        """Give the form shown to people."""
        return f"{self.version} in {self.image}" if self.image else self.version

    def to_json(self) -> dict[str, str]:
        """Give the stored form."""
        return {"version": self.version, "image": self.image}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Build:
        """Read the stored form."""
        return cls(str(data["version"]), str(data["image"]))


@dataclass(frozen=True, slots=True)
class Sight:
    """One object as a pass left it. All digests: nothing of what is in it.

    Args:
        wanted: Of what the specs asked for, before anything observed is filled in; empty: that it is not there.
        version: Of the object's own version; empty where it was not there or has none.
        shown: Of our fields of it; empty where it was not there.
        pending: The action that was decided on and not done; empty for none.
    """

    wanted: str = ""
    version: str = ""
    shown: str = ""
    pending: str = ""

    @classmethod
    def of(cls, change: Change, wanted: str, *, seen: Observed[Any] | None = None, done: bool = False) -> Sight:
        """Give what one change leaves behind.

        Args:
            change: As decided.
            wanted: Digest of what is wanted there.
            seen: The object afterwards, where something was done.
            done: It was carried out.
        """
        if done:
            version, shown = (seen.version, plain(seen.fields)) if seen else ("", None)
            return cls(wanted, _short(version), _short(shown))
        pending = str(change.action) if change.acts else ""
        return cls(wanted, _short(change.version), _short(change.observed), pending)


def _short(value: Any) -> str:
    return fingerprint(value) if value else ""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the last pass that could work on a service left.

    Args:
        build: What ran.
        specs: Digest of the specs.
        environment: That they were loaded with; empty for none.
        at: When, ISO 8601.
        sights: By address.
    """

    build: Build
    specs: str
    environment: str = ""
    at: str = ""
    sights: Mapping[str, Sight] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the passes before.

    Args:
        traces: By region and name of the service.
        build: What ran last; None before the first pass.
        specs: What it had.
        unreadable: Something is kept of them that cannot be read.
    """

    traces: Mapping[tuple[str, str], Trace] = field(default_factory=dict)
    build: Build | None = None
    specs: str = ""
    unreadable: bool = False


@dataclass(frozen=True, slots=True)
class Now:
    """This pass.

    Args:
        build: What runs.
        specs: Digest of the specs.
        confirmed: A person said that this build may go on with these specs.
    """

    build: Build
    specs: str
    confirmed: bool = False


def decide_holds(planned: Planned, past: Past, now: Now) -> dict[Address, Hold]:
    """Name what is held: pending changes that the version before would not have made, each with the reason.

    Args:
        planned: What this version would do.
        past: What the passes before left.
        now: What runs, on which specs.

    Returns:
        Nothing where the same build ran before, the specs are others, a person said yes, or the world alone moved.
    """
    if now.confirmed:
        return {}
    keys = {key[1]: key for key in planned.inventories}
    held: dict[Address, Hold] = {}
    for change in planned.plan.pending:
        wanted = wanted_there(planned, change.address)
        services = [keys[name] for name in change.services if name in keys]
        if why := next(filter(None, (_why_held(change, wanted, key, past, now) for key in services)), None):
            held[change.address] = why
    return _without_followers(planned, held)


def _without_followers(planned: Planned, held: Mapping[Address, Hold]) -> dict[Address, Hold]:
    """Let go what differs only because it refers to something that somebody took away, and that is made again."""
    again = {c.address for c in planned.plan.pending if c.action is Action.CREATE and c.address not in held}
    refer = {c.address for c in planned.plan.pending if not again.isdisjoint(c.needs)}
    return {address: why for address, why in held.items() if why is not Hold.READS or address not in refer}


def observes(services: Iterable[tuple[str, str]], past: Past, build: Build) -> bool:
    """Tell whether a build is to be compared with another one: for one service at least it is not the one before."""
    builds = {trace.build if (trace := past.traces.get(key)) else past.build for key in services}
    return bool(builds - {build, None})


def _why_held(change: Change, wanted: str, key: tuple[str, str], past: Past, now: Now) -> Hold | None:
    trace = past.traces.get(key)
    if trace is None and past.unreadable:
        return Hold.FORGOTTEN
    if trace is None or trace.specs != now.specs:
        other = past.build not in {None, now.build} and past.specs == now.specs
        return Hold.LEFT_ALONE if other else None
    if trace.build == now.build:
        return None
    return why_new(change, wanted, _sight_of(change, trace))


def _sight_of(change: Change, trace: Trace) -> Sight | None:
    """Find what was left there. Access that must not be is ruled out for a member, or a role, as a whole."""
    if (found := trace.sights.get(str(change.address))) or change.address.kind != KIND:
        return found
    return trace.sights.get(str(any_role(change.address))) or trace.sights.get(str(any_member(change.address)))


def why_new(change: Change, wanted: str, before: Sight | None) -> Hold | None:
    """Say why a change is this version's own; None: the one before would have made it, or the world moved.

    Args:
        change: To be done.
        wanted: Digest of what is wanted there.
        before: What the version before left there, with the same specs.
    """
    if before is None:
        return Hold.NEW
    if before.wanted != wanted:
        return Hold.ASKS
    if before.pending == change.action:
        return None
    if change.destroys and not change.contradicts:
        return Hold.DESTROYS
    return _unmoved(before, Sight.of(change, wanted))


def _unmoved(before: Sight, now: Sight) -> Hold | None:
    """Say why the world does not explain a difference; None where it does."""
    if bool(before.shown) != bool(now.shown):
        return None  # somebody made it, or took it away
    if before.shown == now.shown or (now.version and before.version == now.version):
        return Hold.READS
    return None if now.version else Hold.UNKNOWN


def wanted_there(planned: Planned, address: Address) -> str:
    """Digest what the specs want at an address, whatever is there; empty for nothing."""
    want = planned.wants.get(address)
    return "" if want is None else _short(plain(want.fields))


def sights_of(planned: Planned, service: str) -> dict[str, Sight]:
    """Give what a plan leaves of one service's objects: as they should be, to be changed, or not to be there."""
    closed = planned.plan.closed.get(service, {})
    absent = {str(address): Sight() for address in closed}
    mine = [change for change in planned.plan.changes if service in change.services]
    return absent | {str(c.address): Sight.of(c, wanted_there(planned, c.address)) for c in mine}
