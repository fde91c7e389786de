"""What is kept about buckets and objects, over the store. Bytes are content-addressed files; these are the metadata.

An object's live version has the key `bucket/name`, an earlier one `bucket/name` + line feed + its generation: a
line feed cannot be part of an object's name, and keys sort as Cloud Storage lists names, by UTF-8 bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emulator.apis.storage import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.core.world import World

BUCKET, LIVE, NONCURRENT, COUNTER = "storage.bucket", "storage.object", "storage.noncurrent", "storage.counter"


@dataclass(frozen=True, slots=True)
class Record:
    """A resource as answered, and what the answer does not say: the bucket's project, or the object's content."""

    resource: dict[str, Any]
    project: str = ""
    sha256: str = ""

    def encode(self) -> bytes:
        """As stored."""
        fields = {"resource": self.resource, "project": self.project, "sha256": self.sha256}
        return json.dumps(fields).encode()

    @classmethod
    def decode(cls, body: bytes) -> Record:
        """From the store."""
        return cls(**json.loads(body))


def next_generation(world: World) -> int:
    """Microseconds since 1970 by the world's clock, and always more than any before. Call it in a transaction."""
    last = int(world.store.get(COUNTER, "generation") or b"0")
    generation = max(last + 1, int(world.clock.now().timestamp() * 1_000_000))
    world.store.put(COUNTER, "generation", str(generation).encode())
    return generation


def find_bucket(world: World, name: str) -> Record:
    """The bucket.

    Raises:
        StorageError: 404.
    """
    body = world.store.get(BUCKET, name)
    if body is None:
        raise errors.no_bucket()
    return Record.decode(body)


def find_project(world: World, bucket: str) -> str:
    """The project of a bucket; empty for one that is gone."""
    body = world.store.get(BUCKET, bucket)
    return "" if body is None else Record.decode(body).project


def put_bucket(world: World, record: Record) -> None:
    """Keep a bucket under its name, whether it was there or not."""
    world.store.put(BUCKET, record.resource["name"], record.encode())


def buckets(world: World, project: str) -> Iterator[Record]:
    """The buckets of a project, by name."""
    for _, body in world.store.list(BUCKET, ""):
        record = Record.decode(body)
        if record.project == project:
            yield record


def live_object(world: World, bucket: str, name: str) -> Record | None:
    """The live version, or None."""
    body = world.store.get(LIVE, f"{bucket}/{name}")
    return Record.decode(body) if body else None


def find_object(world: World, bucket: str, name: str, generation: int | None = None) -> Record:
    """A version of an object: the live one where no generation is named.

    Raises:
        StorageError: 404, of the bucket or of the object.
    """
    find_bucket(world, bucket)
    live = live_object(world, bucket, name)
    if live and generation in {None, int(live.resource["generation"])}:
        return live
    if generation is not None and (body := world.store.get(NONCURRENT, _old_key(bucket, name, generation))):
        return Record.decode(body)
    raise errors.no_object(bucket, name)


def put_object(world: World, record: Record) -> None:
    """Keep an object's live version in place of whatever was live."""
    world.store.put(LIVE, f"{record.resource['bucket']}/{record.resource['name']}", record.encode())


def replace_metadata(world: World, record: Record) -> None:
    """Keep changed metadata of a version, live or not."""
    bucket, name = record.resource["bucket"], record.resource["name"]
    key = _old_key(bucket, name, int(record.resource["generation"]))
    if world.store.get(NONCURRENT, key) is not None:
        world.store.put(NONCURRENT, key, record.encode())
    else:
        put_object(world, record)


def retire(world: World, record: Record, when: str) -> None:
    """Take a live version away; a bucket with versioning keeps it as noncurrent."""
    bucket, name = record.resource["bucket"], record.resource["name"]
    world.store.delete(LIVE, f"{bucket}/{name}")
    if is_versioned(world, bucket):
        kept = Record(record.resource | {"timeDeleted": when}, sha256=record.sha256)
        world.store.put(NONCURRENT, _old_key(bucket, name, int(record.resource["generation"])), kept.encode())


def is_versioned(world: World, bucket: str) -> bool:
    """Whether a bucket keeps versions that are no longer live."""
    return bool(find_bucket(world, bucket).resource.get("versioning", {}).get("enabled"))


def forget_version(world: World, record: Record) -> None:
    """Delete one version for good."""
    bucket, name = record.resource["bucket"], record.resource["name"]
    if not world.store.delete(NONCURRENT, _old_key(bucket, name, int(record.resource["generation"]))):
        world.store.delete(LIVE, f"{bucket}/{name}")


def objects(world: World, bucket: str, prefix: str, *, versions: bool = False) -> Iterator[Record]:
    """The objects of a bucket by name (and by generation, where versions are asked for)."""
    rows = world.store.list(LIVE, f"{bucket}/{prefix}")
    if versions:
        rows = [*rows, *world.store.list(NONCURRENT, f"{bucket}/{prefix}")]
    records = [Record.decode(body) for _, body in rows]
    if versions:
        records.sort(key=lambda record: (record.resource["name"].encode(), int(record.resource["generation"])))
    yield from records


def is_empty(world: World, bucket: str) -> bool:
    """Whether a bucket holds no version of any object."""
    return not world.store.list(LIVE, f"{bucket}/") and not world.store.list(NONCURRENT, f"{bucket}/")


def _old_key(bucket: str, name: str, generation: int) -> str:
    return f"{bucket}/{name}\n{generation:020d}"
