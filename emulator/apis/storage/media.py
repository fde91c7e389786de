"""Download of an object's bytes, whole or by range.

Source:
    cloud.google.com/storage/docs/json_api/v1/objects/get, "alt=media"; RFC 9110, section 14, for ranges.
"""

from __future__ import annotations

import gzip
import re
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from emulator.apis.storage import content, objects
from emulator.apis.storage.errors import StorageError
from emulator.apis.storage.wire import CHUNK_BYTES, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from emulator.apis.storage.wire import Call


def get(call: Call) -> Reply:
    """The bytes of one version."""
    record = objects.find(call)
    path, headers = call.world.store.blob_path(record.sha256), _headers(record.resource)
    size = int(record.resource["size"])
    if record.resource.get("contentEncoding") == "gzip" and "gzip" not in call.headers.get("accept-encoding", ""):
        # The service unpacks for a client that cannot; ranges are ignored then, and the length is not known.
        del headers["Content-Encoding"]
        return Reply(headers=headers, stream=_unpacked(path))
    span = _range(call.headers.get("range"), size)
    if span is None:
        return Reply(headers=headers | {"Content-Length": str(size)}, stream=content.chunks(path, 0, size))
    start, end = span
    told = {"Content-Range": f"bytes {start}-{end - 1}/{size}", "Content-Length": str(end - start)}
    return Reply(status=206, headers=headers | told, stream=content.chunks(path, start, end))


def _headers(resource: dict[str, Any]) -> dict[str, str]:
    hashes = f"crc32c={resource['crc32c']}" + (f",md5={resource['md5Hash']}" if "md5Hash" in resource else "")
    headers = {
        "Content-Type": resource.get("contentType") or "application/octet-stream",
        "ETag": resource["etag"],
        "Last-Modified": format_datetime(datetime.fromisoformat(resource["updated"]), usegmt=True),
        "X-Goog-Generation": resource["generation"],
        "X-Goog-Metageneration": resource["metageneration"],
        "X-Goog-Hash": hashes,
        "X-Goog-Storage-Class": resource["storageClass"],
        "X-Goog-Stored-Content-Encoding": resource.get("contentEncoding") or "identity",
        "X-Goog-Stored-Content-Length": resource["size"],
    }
    said = {"contentEncoding": "Content-Encoding", "contentDisposition": "Content-Disposition",
            "contentLanguage": "Content-Language", "cacheControl": "Cache-Control"}  # fmt: skip
    return headers | {header: resource[field] for field, header in said.items() if field in resource}


def _range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and one past the last; None where there is no single range to serve.

    Raises:
        StorageError: 416, nothing of the range is in the object.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if not match or match.group(0) == "bytes=-":
        return None
    first, last = match.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(size, int(last) + 1) if first and last else size
    if first and last and int(last) < int(first):
        return None
    if start >= size:
        raise StorageError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
    return start, end


def _unpacked(path: Path) -> Iterator[bytes]:
    with gzip.open(path) as file:
        while data := file.read(CHUNK_BYTES):
            yield data
