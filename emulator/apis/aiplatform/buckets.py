"""What Cloud Storage holds below a `gs://` address."""

import re
from collections.abc import Iterator

from emulator.apis.storage import records
from emulator.core.world import World

ADDRESS = re.compile(r"gs://([^/]+)(?:/(.*))?")


def split(address: str) -> tuple[str, str] | None:
    """Bucket and object (or prefix) of an address; None for what is none."""
    found = ADDRESS.fullmatch(address)
    return None if found is None else (found[1], found[2] or "")


def folder(address: str) -> Iterator[str]:
    """What is wrong with the address of a folder."""
    if split(address) is None:
        yield f'"{address}" is not a Cloud Storage path: gs://bucket/folder is wanted.'


def holds_files(world: World, address: str) -> bool:
    """Whether there is anything in a folder."""
    found = split(address)
    if found is None:
        return False
    bucket, prefix = found
    below = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    return next(records.objects(world, bucket, below), None) is not None


def content(world: World, address: str) -> bytes | None:
    """The bytes of an object; None where there is none."""
    found = split(address)
    record = records.live_object(world, *found) if found is not None else None
    return None if record is None or record.sha256 is None else world.store.blob_path(record.sha256).read_bytes()
