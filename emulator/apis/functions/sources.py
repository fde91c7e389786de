"""The source of a function in Cloud Storage: found when it is named, read when it is built."""

import threading
from typing import Any

from emulator.apis.functions.archives import ARCHIVE_MOST, ArchiveError
from emulator.apis.functions.model import agent, invalid, project_of
from emulator.apis.storage import errors, records
from emulator.core.api import Call
from emulator.core.world import World
from emulator.wire.dispatch import guarded

READ = "storage.objects.get"
GONE = "The source gs://{bucket}/{object} was not found."


def newest(world: World, function: Any) -> int:
    """The generation of its source that a function is of; the bucket's newest, where it does not say.

    Raises:
        ApiFailure: INVALID_ARGUMENT: there is no such object.
    """
    return int(find(world, function).resource["generation"])


def find(world: World, function: Any) -> records.Record:
    """The object that a function names, read as Google's own account.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is not there.
    """
    named = function.build_config.source.storage_source
    call = Call(READ, mutating=False, caller=agent(world, project_of(function.name)))

    def read() -> records.Record:
        return records.find_object(world, named.bucket, named.object_, named.generation or None)

    try:
        return guarded(world, call, read)
    except errors.StorageError as error:
        raise invalid(GONE.format(bucket=named.bucket, object=named.object_)) from error


def content(world: World, function: Any) -> bytes:
    """The archive.

    Raises:
        ApiFailure: It is gone.
        ArchiveError: It is too large to be read.
    """
    record = find(world, function)
    if int(record.resource["size"]) > ARCHIVE_MOST:
        raise ArchiveError(f"The source is larger than {ARCHIVE_MOST >> 20} MiB.")
    return world.store.blob_path(record.sha256).read_bytes()


class Locks(dict[str, threading.Lock]):
    """One lock per function of this cloud, by its name."""


def lock(world: World, name: str) -> threading.Lock:
    """The lock of a function: one deployment at a time."""
    return world.part(Locks, Locks).setdefault(name, threading.Lock())
