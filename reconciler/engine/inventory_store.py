"""The inventories in Cloud Storage: one object per service, which is also its lock.

The content is kept twice in one write: as the object's JSON body, and packed into its custom metadata, so that one
list call reads the inventories of all services. Where it does not fit (8 KiB of metadata), the body is read.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.core import errors
from reconciler.core.inventory import Inventories, Inventory, Key, Lock
from reconciler.core.kind import Roles
from reconciler.engine.dead_holders import without_dead
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.calls import CALL_TIMEOUT_S
from reconciler.gcp.calls import calling as translating
from reconciler.gcp.state_bucket import StateBucket

ROOT = "inventory"
BUDGETS = "budgets"
"""Where the book of a service's budget lies, which goes with its inventory."""
PACKED = "packed"
PACKED_LIMIT = 7000
LARGEST = 16 * 2**20
"""Bytes of an inventory that are read at most: some hundred thousand objects."""

ROLES = Roles(write=("roles/storage.admin",), on="the state bucket")
"""What keeping inventories needs."""


@contextmanager
def calling(verb: str, what: str) -> Iterator[None]:
    """Add verb and object to whatever Google answers, and the role that would do."""
    with naming_roles(ROLES), translating(verb, what):
        yield


@dataclass(slots=True)
class InventoryStore:
    """Reads and writes inventories, always under the condition that nobody else did in between."""

    session: Session

    def read_all(self) -> Inventories:
        """Read every inventory of the project, in one call per thousand. One that cannot be read stops no other.

        Raises:
            NotOursError: The bucket is somebody else's.
        """
        found, broken = Inventories(), {}
        for blob in self._listed():
            try:
                inventory = self._unpack(blob)
            except errors.UnreadableInventory as error:
                broken[blob.name] = error
                continue
            if inventory:
                inventory = self._by_its_clock(inventory, blob.updated)
                found[inventory.region, inventory.service] = self._without_dead(inventory)
        found.broken = broken
        return found

    def applied(self) -> list[Key]:
        """List the services that have an inventory, readable or not, without reading any."""
        named = [blob.name.removeprefix(f"{ROOT}/").removesuffix(".json") for blob in self._listed("items(name)")]
        return [(region, service) for region, _, service in (name.partition("/") for name in named) if service]

    def _listed(self, fields: str = "") -> list[Any]:
        """List every inventory's object, in one call per thousand.

        Args:
            fields: Which of their fields; empty for all.
        """
        if not self._state.there:  # nothing was ever applied in this project
            return []
        asked = {"fields": f"{fields},nextPageToken"} if fields else {}
        try:
            with calling("list", f"gs://{self._state.name}/{ROOT}/"):
                return list(self._state.use().list_blobs(prefix=f"{ROOT}/", timeout=CALL_TIMEOUT_S, **asked))
        except errors.NotFoundError:
            self._state.forget()
            return []

    def _by_its_clock(self, inventory: Inventory, written: datetime | None) -> Inventory:
        """Let a lock last from when Cloud Storage says that it was written: the clock of who wrote it may be wrong.

        Our own clock may be so by less than is left when a lock is renewed, two thirds of its time.
        """
        if inventory.lock is None or written is None:
            return inventory
        expires = written + timedelta(seconds=self.session.patience.lock_for_s)
        return replace(inventory, lock=replace(inventory.lock, expires=expires))

    def take(self, inventory: Inventory) -> Inventory:
        """Take the lock and record what is about to be written, in one conditional write.

        Args:
            inventory: As last read, with the claims of this run added.

        Raises:
            Locked: Somebody is at work.
            Conflict: Somebody has been at work since `inventory` was read.
        """
        now = self.session.clock.now()
        if inventory.lock and not inventory.lock.expired(now) and inventory.lock.run_id != self.session.run_id:
            raise locked(inventory, inventory.lock)
        return self._write(replace(inventory, lock=self._lock()), "take the lock of")

    def renew(self, inventory: Inventory) -> Inventory:
        """Push the expiry out.

        Raises:
            LockLost: Somebody took over.
        """
        try:
            return self._write(replace(inventory, lock=self._lock()), "renew the lock of")
        except errors.Conflict as error:
            raise errors.LockLost(
                f"the lock of {inventory.service} was taken over while this run was at work"
            ) from error

    def release(self, inventory: Inventory) -> None:
        """Write the inventory without a lock; without entries, the object goes."""
        done = replace(inventory, lock=None, serial=inventory.serial + 1)
        if done.entries:
            self._write(done, "write the inventory of")
        else:
            self._remove(done)

    def _without_dead(self, inventory: Inventory) -> Inventory:
        session = self.session
        return without_dead(inventory, session.holder, session.clock.now()) if session.connection.local else inventory

    def _lock(self) -> Lock:
        lasting = timedelta(seconds=self.session.patience.lock_for_s)
        return Lock(self.session.holder, self.session.run_id, self.session.clock.now() + lasting)

    def _write(self, inventory: Inventory, verb: str) -> Inventory:
        body = json.dumps(inventory.to_json(), indent=1, sort_keys=True)
        packed = base64.b64encode(zlib.compress(body.encode(), 9)).decode()
        name = f"service {inventory.service}"
        if not self._state.there:
            self._state.make()
        blob = self._blob(inventory)
        blob.metadata = {PACKED: packed if len(packed) <= PACKED_LIMIT else ""}
        try:
            with calling(verb, name):
                self._upload(blob, body, inventory.generation)
        except (errors.Conflict, errors.Unavailable):
            # The answer to our own write may have been lost: then what is there is what we wrote.
            again = self._read(inventory)
            if again is None or replace(again, generation=0) != replace(inventory, generation=0):
                raise
            return again
        return replace(inventory, generation=int(blob.generation))

    def _upload(self, blob: Any, body: str, generation: int) -> None:
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        def upload() -> None:
            blob.upload_from_string(
                body, "application/json", if_generation_match=generation, timeout=CALL_TIMEOUT_S, checksum="crc32c"
            )

        try:
            upload()
        except NotFound:  # the last service of another run went, and the bucket with it
            if generation:
                raise
            self._state.make()
            upload()

    def _remove(self, inventory: Inventory) -> None:
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        with calling("delete the budget's book of", f"service {inventory.service}"), suppress(NotFound):
            book, bucket = book_of((inventory.region, inventory.service)), self._state.use()
            for blob in list(bucket.list_blobs(prefix=book, timeout=CALL_TIMEOUT_S)):
                blob.delete(timeout=CALL_TIMEOUT_S)
        with calling("delete the inventory of", f"service {inventory.service}"):
            try:
                self._blob(inventory).delete(if_generation_match=inventory.generation, timeout=CALL_TIMEOUT_S)
            except NotFound:
                return
        self._state.remove()

    def _read(self, inventory: Inventory) -> Inventory | None:
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        blob = self._blob(inventory)
        with calling("read the inventory of", f"service {inventory.service}"):
            try:
                body = blob.download_as_bytes(timeout=CALL_TIMEOUT_S)
            except NotFound:
                return None
        return _parse(blob.name, body, int(blob.generation))

    def _unpack(self, blob: Any) -> Inventory | None:
        """Read an inventory as it was listed.

        Raises:
            UnreadableInventory: It is none.
        """
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        packed = (blob.metadata or {}).get(PACKED, "")
        if packed:
            return _parse(blob.name, _inflated(blob.name, packed), int(blob.generation))
        if blob.size > LARGEST:
            raise unreadable(blob.name, f"it has {blob.size} bytes, more than {LARGEST}")
        try:
            with calling("read", f"gs://{self._state.name}/{blob.name}"):
                body = blob.download_as_bytes(timeout=CALL_TIMEOUT_S)
        except NotFound:  # gone since it was listed
            return None
        return _parse(blob.name, body, int(blob.generation))

    def _blob(self, inventory: Inventory) -> Any:
        return self._state.use().blob(object_of((inventory.region, inventory.service)))

    @property
    def _state(self) -> StateBucket:
        return self.session.connection.state


def object_of(key: Key) -> str:
    """Give the name of the object that keeps a service's inventory."""
    return f"{ROOT}/{key[0]}/{key[1]}.json"


def book_of(key: Key) -> str:
    """Give the name of the object that is the book of a service's budget."""
    return f"{BUDGETS}/{key[0]}/{key[1]}.json"


def _inflated(name: str, packed: str) -> bytes:
    try:
        inflate = zlib.decompressobj()
        body = inflate.decompress(base64.b64decode(packed, validate=True), LARGEST)
    except (ValueError, zlib.error) as error:
        raise unreadable(name, f"its packed form is damaged ({error})") from error
    if not inflate.eof:
        raise unreadable(name, f"its packed form is cut off, or more than {LARGEST} bytes")
    return body


def _parse(name: str, body: bytes, generation: int) -> Inventory:
    try:
        found = Inventory.from_json(json.loads(body), generation=generation)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        what = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise unreadable(name, what) from error
    if object_of((found.region, found.service)) != name:
        raise unreadable(name, f"it says that it is of {found.service} in {found.region}")
    return found


def unreadable(name: str, why: str) -> errors.UnreadableInventory:
    """Say which object cannot be read, and how to mend it."""
    hint = (
        "put an older version of it back (gcloud storage ls --all-versions), or delete it and take over what it "
        "listed: management.adopt: IfIdentical"
    )
    return errors.UnreadableInventory(f"cannot read {name} in the state bucket: {why}", hint=hint)


def locked(inventory: Inventory, lock: Lock) -> errors.Locked:
    """Say who holds the lock, and until when."""
    return errors.Locked(
        f"{inventory.service} is being changed by {lock.holder} (run {lock.run_id}), "
        f"whose lock expires at {lock.expires:%Y-%m-%d %H:%M:%S} UTC",
        hint="wait for it (--lock-timeout 5m), or until the lock expires: then the next run takes over",
    )
