"""The record of what is a service's: which objects, which keys in them, and who is at work on it now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from reconciler.core.address import Address
from reconciler.core.errors import ReconcilerError
from reconciler.core.membership import FORMER_KINDS, KIND, Membership, from_former

FORMAT = 2
_FORMER_FORMAT = 1

Key = tuple[str, str]
"""Region and name of a service."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One object that is ours.

    Args:
        address: Which object.
        uid: The server's identity of it, once known. A same-named object with another uid is someone else's.
        keys: Per map field others may write to, the keys we wrote.
        digest: Of the fields last applied; tells who moved, never whether to act.
        changed: When we last changed it.
        server_name: The name the server gave it, where names are the server's. An entry without one is about to be
            made, or was when its run died: it is looked for by its mark before it is made again.
        memory: What its kind remembers from pass to pass (`core.memory`).
        tried: Digest of the fields last written, while that write has not ended well: what is there can be ours without
            having been applied. Empty once it has.
    """

    address: Address
    uid: str = ""
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    digest: str = ""
    changed: str = ""
    server_name: str = ""
    memory: Mapping[str, Any] = field(default_factory=dict)
    tried: str = ""

    def made(self, digest: str) -> bool:
        """Tell whether something of this digest is what we made of the object: all of it, or a try that failed."""
        return digest in {self.digest, self.tried}


@dataclass(frozen=True, slots=True)
class SpecFile:
    """Which file a service is planned from.

    Args:
        path: As the user named it.
        mark: Of the file: where else it is named, it has the same. It tells no path.
    """

    path: str
    mark: str


@dataclass(frozen=True, slots=True)
class Lock:
    """Who is at work on a service.

    Args:
        holder: User, host and process.
        run_id: Which run.
        expires: When others may take over.
    """

    holder: str
    run_id: str
    expires: datetime

    def expired(self, now: datetime) -> bool:
        """Tell whether others may take over."""
        return now >= self.expires


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything that is ours for one service.

    Args:
        service: Name of the service.
        region: Its region.
        entries: What is ours, by address.
        serial: Grows by one with every completed apply.
        lock: Who is at work, if anyone.
        generation: Of the object in Cloud Storage this was read from; 0 when there was none.
        deletion: `management.deletion` of the spec last applied, for a destroy without the spec.
        closed: What must not be there for the spec last applied to be true, each with the words of the spec that rule
            it out. None when a version of this program wrote it that did not record that.
        file: Mark of the file that somebody last applied it from; empty where only passes did, or nobody recorded it.
    """

    service: str
    region: str
    entries: Mapping[Address, Entry] = field(default_factory=dict)
    serial: int = 0
    lock: Lock | None = None
    generation: int = 0
    deletion: str = "Protect"
    closed: Mapping[Address, str] | None = None
    file: str = ""

    @property
    def changed(self) -> str:
        """When we last changed anything."""
        return max((entry.changed for entry in self.entries.values()), default="")

    def claim(self, wanted: Iterable[Entry]) -> Inventory:
        """Add what is about to be written, before it is written: after a crash it is known to be ours."""
        entries = dict(self.entries)
        for entry in wanted:
            known = entries.get(entry.address) or Entry(entry.address)
            keys, tried = _union(known.keys, entry.keys), entry.tried or known.tried
            entries[entry.address] = replace(known, keys=keys, tried=tried)
        return replace(self, entries=entries)

    def settle(self, done: Iterable[Entry], gone: Iterable[Address]) -> Inventory:
        """Record what was written and what was deleted."""
        entries = dict(self.entries)
        entries.update({entry.address: entry for entry in done})
        for address in gone:
            entries.pop(address, None)
        return replace(self, entries=entries)

    def remember(self, memories: Mapping[Address, Mapping[str, Any]]) -> Inventory:
        """Keep what kinds remember of objects that are listed."""
        known = {a: replace(self.entries[a], memory=memory) for a, memory in memories.items() if a in self.entries}
        return replace(self, entries={**self.entries, **known})

    def to_json(self) -> dict[str, Any]:
        """Give the stored form."""
        lock = self.lock and {
            "holder": self.lock.holder,
            "runId": self.lock.run_id,
            "expires": self.lock.expires.isoformat(),
        }
        closed = {} if self.closed is None else {"closed": {str(a): why for a, why in sorted(self.closed.items())}}
        file = {"file": self.file} if self.file else {}
        return {
            **closed,
            **file,
            "format": FORMAT,
            "service": self.service,
            "region": self.region,
            "serial": self.serial,
            "deletion": self.deletion,
            "lock": lock,
            "entries": {str(a): _entry_json(e) for a, e in sorted(self.entries.items())},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, generation: int) -> Inventory:
        """Read the stored form.

        Raises:
            ValueError: A newer version of this program wrote it.
        """
        if data.get("format") not in {FORMAT, _FORMER_FORMAT}:
            raise ValueError(f"inventory format {data.get('format')!r} is not {FORMAT}: use a newer mlservice")
        lock = data.get("lock")
        entries = [_entry(_address(name), entry) for name, entry in data["entries"].items()]
        return cls(
            service=data["service"],
            region=data["region"],
            entries={entry.address: entry for entry in entries},
            serial=data["serial"],
            deletion=data["deletion"],
            lock=lock and _lock(lock),
            closed=_closed(data["closed"]) if "closed" in data else None,
            file=str(data.get("file", "")),
            generation=generation,
        )


class Inventories(dict[Key, Inventory]):
    """Every inventory of a project, by region and service.

    Attributes:
        broken: Objects that should be one and cannot be read, by name, with the reason. What they list is not known.
    """

    def __init__(self, found: Mapping[Key, Inventory] | None = None) -> None:
        super().__init__(found or {})
        self.broken: Mapping[str, ReconcilerError] = {}

    def broken_of(self, service: str) -> ReconcilerError | None:
        """Give the reason why a service's inventory cannot be read, if it cannot."""
        return next((why for name, why in self.broken.items() if name.endswith(f"/{service}.json")), None)


def _union(one: Mapping[str, frozenset[str]], other: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    return {name: one.get(name, frozenset()) | other.get(name, frozenset()) for name in {*one, *other}}


def _closed(data: Mapping[str, Any]) -> dict[Address, str]:
    return {_address(name): str(why) for name, why in data.items()}


def _lock(data: Mapping[str, Any]) -> Lock:
    expires = datetime.fromisoformat(data["expires"])
    if expires.tzinfo is None:
        raise ValueError("the lock's expiry has no time zone")
    return Lock(str(data["holder"]), str(data["runId"]), expires)


def _address(text: str) -> Address:
    """Read an address, also one that an older version of this program wrote."""
    address = Address.parse(text)
    if address.kind == KIND:
        Membership.of(address)  # one that says nothing is refused here, and not where it is used
    return from_former(address) if address.kind in FORMER_KINDS else address


def _entry_json(entry: Entry) -> dict[str, Any]:
    given = {
        "uid": entry.uid,
        "digest": entry.digest,
        "changed": entry.changed,
        "keys": {name: sorted(keys) for name, keys in sorted(entry.keys.items()) if keys},
        "serverName": entry.server_name,
        "memory": dict(entry.memory),
        "tried": entry.tried,
    }
    return {name: value for name, value in given.items() if value}


def _entry(address: Address, data: Mapping[str, Any]) -> Entry:
    entry = Entry(
        address=address,
        uid=data.get("uid", ""),
        digest=data.get("digest", ""),
        changed=data.get("changed", ""),
        keys={name: frozenset(keys) for name, keys in data.get("keys", {}).items()},
        server_name=data.get("serverName", ""),
        memory=dict(data.get("memory", {})),
        tried=data.get("tried", ""),
    )
    texts = (
        entry.uid,
        entry.digest,
        entry.changed,
        entry.server_name,
        entry.tried,
        *(k for keys in entry.keys.values() for k in keys),
    )
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(f"the entry of {address} is none")
    return entry
