"""Files on their way in: in one request, in a stream that a second request ends, in chunks, or from another repository.

Artifact Registry takes no chunked uploads: the bytes come in the POST, in the PUT, or in one PATCH before it. The
setting `registry_chunks` has the emulator take them, as other registries do.

Source: https://cloud.google.com/artifact-registry/docs/reference/docker-api (its note on
    chunked uploads); distribution-spec, "Pushing blobs".
"""

import hashlib
import json
import re
import shutil
import threading
import uuid
from pathlib import Path
from typing import IO, Any

from emulator.apis.registry import access
from emulator.apis.registry.errors import RegistryError, blob_unknown, digest_invalid, unsupported, upload_unknown
from emulator.apis.registry.wire import CHUNK_BYTES, Call, Reply, check_digest
from emulator.core import settings
from emulator.core.world import World
from emulator.images import Images
from emulator.images.reference import parse

KIND = "registry.upload"
OPEN_MOST = 1000
"""Uploads that may be under way at once: each may hold a file."""
OPEN_MOST_S = 24 * 3600.0
BLOB_BYTES_MOST = 10 * 1024**3
NAME = re.compile(r"[0-9a-f]{32}")
CONTENT_RANGE = re.compile(r"(?:bytes )?(\d{1,15})-(\d{1,15})(?:/(?:\d+|\*))?")

_taking = threading.Lock()


def start(call: Call) -> Reply:
    """Open an upload; or take the file at once, with `digest`; or from another repository, with `mount`."""
    if "mount" in call.query and mounted(call):
        return made(call, check_digest(call.query["mount"]))
    if "digest" in call.query:
        return finish(call, check_digest(call.query["digest"]), call.body)
    drop_given_up(call.world)
    if len(call.world.store.names(KIND)) >= OPEN_MOST:
        raise RegistryError(429, "TOOMANYREQUESTS", f"{OPEN_MOST} uploads are under way and not finished")
    name = uuid.uuid4().hex
    folder(call.world).mkdir(exist_ok=True)
    (folder(call.world) / name).touch()
    begun = call.world.clock.now().timestamp()
    save(call.world, name, {"repository": call.image.repository, "chunks": 0, "begun": begun})
    return so_far(call, name, 0)


def mounted(call: Call) -> bool:
    """Take a file over from another repository of this registry, where the caller may read it."""
    digest = check_digest(call.query["mount"])
    found = parse(call.query.get("from", ""))
    if found is None:
        return False
    size = call.world.part(Images).blob_size(found.repository, digest)
    if size is None or not access.may_read(call, found.repository):
        return False
    call.world.part(Images).add_blob(call.image.repository, digest, size)
    return True


def status(call: Call) -> Reply:
    """How much is here."""
    session(call)
    reply = so_far(call, call.last, part(call).stat().st_size)
    reply.status = 204
    return reply


def append(call: Call) -> Reply:
    """Take bytes of a file: all of them, or the next chunk."""
    with _taking:
        found, here = session(call), part(call).stat().st_size
        asked = CONTENT_RANGE.fullmatch(call.headers.get("content-range", ""))
        if asked is not None and int(asked[1]) != here:
            refused = so_far(call, call.last, here)
            refused.status = 416
            return refused
        if found["chunks"] and not settings.read(call.world.store).registry_chunks:
            raise unsupported(
                "Artifact Registry takes no chunked uploads; the setting registry_chunks allows them here"
            )
        size = extend(part(call), call.body)
        save(call.world, call.last, found | {"chunks": found["chunks"] + 1})
    return so_far(call, call.last, size)


def end(call: Call) -> Reply:
    """Take the last bytes and check the digest; the upload is over."""
    digest = check_digest(call.query.get("digest", ""))
    with _taking:
        session(call)
        extend(part(call), call.body)
        with part(call).open("rb") as whole:
            reply = finish(call, digest, whole)
        drop(call)
    return reply


def cancel(call: Call) -> Reply:
    """Give an upload up."""
    session(call)
    drop(call)
    return Reply(204)


def finish(call: Call, digest: str, whole: IO[bytes]) -> Reply:
    """Keep a file that is what its digest says.

    Raises:
        RegistryError: It is not, or it is too large.
    """
    seen = hashlib.sha256()
    while data := whole.read(CHUNK_BYTES):
        seen.update(data)
    size = whole.tell()
    if size > BLOB_BYTES_MOST:
        raise RegistryError(413, "SIZE_INVALID", f"a blob has at most {BLOB_BYTES_MOST // 1024**3} GiB")
    if digest != f"sha256:{seen.hexdigest()}":
        raise digest_invalid(f"provided digest {digest} does not match the uploaded content sha256:{seen.hexdigest()}")
    whole.seek(0)
    call.world.store.put_blob(whole)  # type: ignore[arg-type]  # a spooled file is one in all but its class
    call.world.part(Images).add_blob(call.image.repository, digest, size)
    return made(call, digest)


def made(call: Call, digest: str) -> Reply:
    """The repository has the file now."""
    return Reply(201, {"Location": f"{call.base()}/blobs/{digest}", "Docker-Content-Digest": digest})


def so_far(call: Call, name: str, size: int) -> Reply:
    """Where to send the rest. The range is inclusive, so of nothing it says the same as of one byte."""
    return Reply(
        202,
        {
            "Location": f"{call.base()}/blobs/uploads/{name}",
            "Range": f"0-{max(size - 1, 0)}",
            "Docker-Upload-UUID": name,
        },
    )


def session(call: Call) -> dict[str, Any]:
    """The upload that the path names.

    Raises:
        RegistryError: There is none of that name in this repository.
    """
    body = call.world.store.get(KIND, call.last) if NAME.fullmatch(call.last) else None
    found: dict[str, Any] = {} if body is None else json.loads(body)
    if found.get("repository") != call.image.repository or not part(call).exists():
        raise upload_unknown()
    return found


def save(world: World, name: str, found: dict[str, Any]) -> None:
    """Write an upload down."""
    world.store.put(KIND, name, json.dumps(found).encode())


def extend(path: Path, body: IO[bytes]) -> int:
    """Append, and give the new size in bytes."""
    with path.open("ab") as file:
        shutil.copyfileobj(body, file, CHUNK_BYTES)
        return file.tell()


def drop(call: Call) -> None:
    """The upload is over."""
    call.world.store.delete(KIND, call.last)
    part(call).unlink(missing_ok=True)


def drop_given_up(world: World) -> None:
    """Drop the uploads that nobody has ended in a day, or they would hold their files, and the places, forever."""
    with _taking:
        for name in world.store.names(KIND):
            begun = json.loads(world.store.get(KIND, name) or b"{}").get("begun", 0)
            if world.clock.now().timestamp() - begun > OPEN_MOST_S:
                world.store.delete(KIND, name)
                (folder(world) / name).unlink(missing_ok=True)


def folder(world: World) -> Path:
    """Where the parts lie."""
    return world.state_dir / "registry"


def part(call: Call) -> Path:
    """Where the bytes of an upload lie that are here."""
    return folder(call.world) / call.last


def require_blob(call: Call, digest: str) -> int:
    """The size of a file that the repository has.

    Raises:
        RegistryError: It has not.
    """
    size = call.world.part(Images).blob_size(call.image.repository, digest)
    if size is None:
        raise blob_unknown(digest)
    return size
