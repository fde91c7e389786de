"""The files of images: read them, ask for them."""

import re

from emulator.apis.registry.errors import RegistryError, blob_unknown, unsupported
from emulator.apis.registry.wire import Call, Reply
from emulator.images import Images

RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})")


def get(call: Call) -> Reply:
    """A file, whole or from a byte on; with HEAD only its size."""
    digest = call.digest()
    images = call.world.part(Images)
    size = images.blob_size(call.image.repository, digest)
    if size is None:
        raise blob_unknown(digest)
    headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest, "Accept-Ranges": "bytes"}
    if call.verb == "HEAD":
        return Reply(200, headers | {"Content-Length": str(size)})
    asked = RANGE.fullmatch(call.headers.get("range", ""))
    if asked is None:
        return Reply(200, headers | {"Content-Length": str(size)}, file=images.open_blob(digest))
    first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
    if first > last:
        raise RegistryError(416, "SIZE_INVALID", "the range is not in the blob")
    length = last - first + 1
    told = {"Content-Range": f"bytes {first}-{last}/{size}", "Content-Length": str(length)}
    return Reply(206, headers | told, file=images.open_blob(digest), part=(first, length))


def delete(call: Call) -> Reply:
    """Files go with the images that need them, never by themselves."""
    raise unsupported(f"blobs cannot be deleted ({call.last[:100]})")
