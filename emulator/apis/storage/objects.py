"""Objects: get, list, patch, update, delete, copy, rewrite, compose, and the write all of them end in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from emulator.apis.storage import access, content, errors, names, notifications, preconditions, records, shapes
from emulator.apis.storage.wire import Reply, etag, rfc3339
from emulator.core.patching import merge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from emulator.apis.storage.wire import Call
    from emulator.core.world import World

# What a caller may say of an object; everything else in a body is ignored, as the service does.
WRITABLE = (
    "contentType", "contentEncoding", "contentDisposition", "contentLanguage", "cacheControl", "metadata",
    "storageClass", "customTime", "eventBasedHold", "temporaryHold", "contexts",
)  # fmt: skip
_MOST_SOURCES = 32


def write(
    call: Call, bucket: str, name: str, said: dict[str, Any], data: content.Content, **more: Any
) -> records.Record:
    """Make a new generation live, if the call's conditions hold. The one place where objects come to be.

    `more` are fields of the object that nobody may write.
    """
    names.check_object(name)
    access.require(call, "storage.objects.create", bucket, name)
    data.check(said)
    world = call.world
    with world.store.transaction():
        home = records.find_bucket(world, bucket).resource
        live = records.live_object(world, bucket, name)
        preconditions.of_call(call).check(live.resource if live else None)
        now = rfc3339(world.clock.now())
        if live:
            access.require(call, "storage.objects.delete", bucket, name)
        generation = records.next_generation(world)
        if live:
            retire(world, live, overwrittenByGeneration=str(generation))
        fresh = _resource(call.base_url, bucket, name, generation) | {
            "storageClass": said.get("storageClass") or home["storageClass"],
            "timeCreated": now,
            "updated": now,
            "timeStorageClassUpdated": now,
            "timeFinalized": now,
        }
        given = {key: said[key] for key in WRITABLE if said.get(key) is not None}
        record = records.Record(fresh | data.fields() | given | more, sha256=data.sha256)
        records.put_object(world, record)
        before = {"overwroteGeneration": live.resource["generation"]} if live else {}
        notifications.note(world, notifications.FINALIZE, record, **before)
    return record


def retire(world: World, record: records.Record, **about: str) -> None:
    """Take a live version away, and have those told who want to know. In a transaction."""
    records.retire(world, record, rfc3339(world.clock.now()))
    kept = records.is_versioned(world, record.resource["bucket"])
    notifications.note(world, notifications.ARCHIVE if kept else notifications.DELETE, record, **about)


def get(call: Call) -> Reply:
    """The metadata of one version."""
    return Reply(find(call).resource)


def find(call: Call) -> records.Record:
    """The version a read names, if its conditions hold."""
    generation = call.whole_number("generation")
    record = records.find_object(call.world, call.path["bucket"], call.path["object"], generation)
    preconditions.of_call(call).check(record.resource, reading=True)
    return record


def patch(call: Call) -> Reply:
    """Change the metadata that the body names; null removes."""
    return _change(call, whole=False)


def update(call: Call) -> Reply:
    """Replace the metadata by the body's."""
    return _change(call, whole=True)


def delete(call: Call) -> Reply:
    """Delete the live version (kept as noncurrent where the bucket has versioning), or a named one for good."""
    generation = call.whole_number("generation")
    with call.world.store.transaction():
        record = records.find_object(call.world, call.path["bucket"], call.path["object"], generation)
        preconditions.of_call(call).check(record.resource)
        if generation is None:
            retire(call.world, record)
        else:
            records.forget_version(call.world, record)
            notifications.note(call.world, notifications.DELETE, record)
    return Reply(status=204)


def copy(call: Call) -> Reply:
    """Copy in one call; the target has the source's metadata, or the body's in place of them all."""
    return Reply(_copy(call).resource)


def rewrite(call: Call) -> Reply:
    """Copy; always finished in the first call, since bytes are shared.

    Source:
        cloud.google.com/storage/docs/json_api/v1/objects/rewrite.
    """
    record = _copy(call)
    size = record.resource["size"]
    done = {"kind": "storage#rewriteResponse", "totalBytesRewritten": size, "objectSize": size, "done": True}
    return Reply(done | {"resource": record.resource})


def compose(call: Call) -> Reply:
    """Join up to 32 objects of one bucket into one.

    Source:
        cloud.google.com/storage/docs/composite-objects: no MD5, `componentCount` adds up.
    """
    bucket, body = call.path["bucket"], call.json(shapes.COMPOSE)
    sources = body.get("sourceObjects") or []
    if not 1 <= len(sources) <= _MOST_SOURCES:
        raise errors.invalid(f"The number of source components provided ({len(sources)}) is not 1 to {_MOST_SOURCES}.")
    parts = [_part(call, bucket, source) for source in sources]
    data = content.keep(call.world, _Joined(call, parts), composed=True)
    said = {"contentType": parts[0].resource.get("contentType")} | (body.get("destination") or {})
    count = sum(int(part.resource.get("componentCount", 1)) for part in parts)
    return Reply(write(call, bucket, call.path["object"], said, data, componentCount=count).resource)


def _change(call: Call, *, whole: bool) -> Reply:
    said = {key: value for key, value in call.json(shapes.OBJECT).items() if key in WRITABLE}
    generation = call.whole_number("generation")
    with call.world.store.transaction():
        record = records.find_object(call.world, call.path["bucket"], call.path["object"], generation)
        old = record.resource
        preconditions.of_call(call).check(old)
        start = {key: value for key, value in old.items() if key not in WRITABLE} if whole else old
        metageneration = int(old["metageneration"]) + 1
        stamp = {
            "storageClass": said.get("storageClass") or old["storageClass"],
            "metageneration": str(metageneration),
            "etag": etag(int(old["generation"]), metageneration),
            "updated": rfc3339(call.world.clock.now()),
        }
        changed = records.Record(merge(start, said) | stamp, sha256=record.sha256)
        records.replace_metadata(call.world, changed)
        notifications.note(call.world, notifications.UPDATE, changed)
    return Reply(changed.resource)


def _copy(call: Call) -> records.Record:
    body = call.json(shapes.OBJECT)
    with call.world.store.transaction():
        generation = call.whole_number("sourceGeneration")
        source = records.find_object(call.world, call.path["bucket"], call.path["object"], generation)
        preconditions.of_call(call, source=True).check(source.resource)
        taken = {key: source.resource[key] for key in WRITABLE if key in source.resource}
        # A body replaces all metadata of the source but the content type, which has to be there.
        said = {"contentType": source.resource.get("contentType")} | body if body else taken
        return write(call, call.path["toBucket"], call.path["toObject"], said, _content_of(source))


def _content_of(record: records.Record) -> content.Content:
    said = record.resource
    return content.Content(record.sha256, int(said["size"]), said["crc32c"], said.get("md5Hash"))


def _part(call: Call, bucket: str, source: dict[str, Any]) -> records.Record:
    generation = source.get("generation")
    record = records.find_object(call.world, bucket, source.get("name", ""), int(generation) if generation else None)
    wanted = (source.get("objectPreconditions") or {}).get("ifGenerationMatch")
    preconditions.Conditions(generation=int(wanted) if wanted is not None else None).check(record.resource)
    return record


class _Joined:
    """Several objects as one stream."""

    def __init__(self, call: Call, parts: list[records.Record]) -> None:
        self._chunks = self._all(call, parts)

    @staticmethod
    def _all(call: Call, parts: list[records.Record]) -> Iterator[bytes]:
        for part in parts:
            yield from content.chunks(call.world.store.blob_path(part.sha256), 0, int(part.resource["size"]))

    def read(self, _size: int = -1, /) -> bytes:
        """The next chunk, of the size it was read in."""
        return next(self._chunks, b"")


def _resource(base_url: str, bucket: str, name: str, generation: int) -> dict[str, Any]:
    place = f"b/{bucket}/o/{quote(name, safe='')}"
    return {
        "kind": "storage#object",
        "id": f"{bucket}/{name}/{generation}",
        "selfLink": f"{base_url}/storage/v1/{place}",
        "mediaLink": f"{base_url}/download/storage/v1/{place}?generation={generation}&alt=media",
        "name": name,
        "bucket": bucket,
        "generation": str(generation),
        "metageneration": "1",
        "etag": etag(generation, 1),
    }
