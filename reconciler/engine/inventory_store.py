"""The inventories in Cloud Storage: one object per service, which is also its lock.

The content is kept twice in one write: as the object's JSON body, and packed into its custom metadata, so that one
list call reads the inventories of all services. Where it does not fit (8 KiB of metadata), the body is read.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from reconciler.core import errors
from reconciler.core.inventory import Inventory, Key, Lock
from reconciler.core.kind import Roles
from reconciler.core.naming import MANAGED_BY, MANAGER
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.calls import CALL_TIMEOUT_S
from reconciler.gcp.calls import calling as translating

ROOT = "inventory"
PACKED = "packed"
PACKED_LIMIT = 7000


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

    def read_all(self) -> dict[Key, Inventory]:
        """Read every inventory of the project, in one call per thousand."""
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        with calling("list", f"gs://{self._bucket}/{ROOT}/"):
            try:
                listed = self._storage.list_blobs(self._bucket, prefix=f"{ROOT}/", timeout=CALL_TIMEOUT_S)
                found = [self._unpack(blob) for blob in listed]
            except NotFound:  # no bucket yet: nothing was ever applied in this project
                return {}
        return {(i.region, i.service): i for i in found if i is not None}

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

    def _lock(self) -> Lock:
        lasting = timedelta(seconds=self.session.patience.lock_for_s)
        return Lock(self.session.holder, self.session.run_id, self.session.clock.now() + lasting)

    def _write(self, inventory: Inventory, verb: str) -> Inventory:
        body = json.dumps(inventory.to_json(), indent=1, sort_keys=True)
        packed = base64.b64encode(zlib.compress(body.encode(), 9)).decode()
        blob = self._blob(inventory)
        blob.metadata = {PACKED: packed if len(packed) <= PACKED_LIMIT else ""}
        name = f"service {inventory.service}"
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
        except NotFound:
            if generation:
                raise
            self._make_bucket()
            upload()

    def _make_bucket(self) -> None:
        from google.cloud.exceptions import Conflict  # noqa: PLC0415 - late, for start-up

        bucket = self._storage.bucket(self._bucket)
        bucket.labels = {MANAGED_BY: MANAGER}
        bucket.iam_configuration.uniform_bucket_level_access_enabled = True
        bucket.iam_configuration.public_access_prevention = "enforced"
        with calling("create", f"bucket {self._bucket}"):
            try:
                self._storage.create_bucket(bucket, timeout=CALL_TIMEOUT_S)
            except Conflict:  # made by another run in this very moment, or by a lost answer
                return

    def _remove(self, inventory: Inventory) -> None:
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        with calling("delete the inventory of", f"service {inventory.service}"):
            try:
                self._blob(inventory).delete(if_generation_match=inventory.generation, timeout=CALL_TIMEOUT_S)
            except NotFound:
                return
        self._remove_empty_bucket()

    def _remove_empty_bucket(self) -> None:
        """Take our bucket away with the last service in it. One that holds anything, Google does not delete."""
        from google.cloud.exceptions import Conflict, NotFound  # noqa: PLC0415 - late, for start-up

        with calling("delete", f"bucket {self._bucket}"):
            try:
                bucket = self._storage.get_bucket(self._bucket, timeout=CALL_TIMEOUT_S)
                if bucket.labels.get(MANAGED_BY) == MANAGER:
                    bucket.delete(timeout=CALL_TIMEOUT_S)
            except (Conflict, NotFound):
                return

    def _read(self, inventory: Inventory) -> Inventory | None:
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        blob = self._blob(inventory)
        with calling("read the inventory of", f"service {inventory.service}"):
            try:
                body = blob.download_as_bytes(timeout=CALL_TIMEOUT_S)
            except NotFound:
                return None
        return _parse(body, int(blob.generation))

    def _unpack(self, blob: Any) -> Inventory | None:
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        packed = (blob.metadata or {}).get(PACKED, "")
        if packed:
            return _parse(zlib.decompress(base64.b64decode(packed)), int(blob.generation))
        try:
            return _parse(blob.download_as_bytes(timeout=CALL_TIMEOUT_S), int(blob.generation))
        except NotFound:  # gone since it was listed
            return None

    def _blob(self, inventory: Inventory) -> Any:
        return self._storage.bucket(self._bucket).blob(f"{ROOT}/{inventory.region}/{inventory.service}.json")

    @property
    def _storage(self) -> Any:
        return self.session.connection.storage

    @property
    def _bucket(self) -> str:
        return self.session.connection.bucket


def _parse(body: bytes, generation: int) -> Inventory:
    try:
        return Inventory.from_json(json.loads(body), generation=generation)
    except ValueError as error:
        raise errors.UsageError(str(error)) from error


def locked(inventory: Inventory, lock: Lock) -> errors.Locked:
    """Say who holds the lock, and until when."""
    return errors.Locked(
        f"{inventory.service} is being changed by {lock.holder} (run {lock.run_id}), "
        f"whose lock expires at {lock.expires:%Y-%m-%d %H:%M:%S} UTC",
        hint="wait for it (--lock-timeout 5m), or until the lock expires: then the next run takes over",
    )
