"""objects.insert in its three forms: media, multipart, resumable.

Source:
    cloud.google.com/storage/docs/uploading-objects and cloud.google.com/storage/docs/performing-resumable-uploads.
"""

from __future__ import annotations

import fcntl
import json
import re
import uuid
from dataclasses import replace
from email.parser import BytesHeaderParser
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlencode

from emulator.apis.storage import access, content, errors, names, objects, preconditions, records, shapes
from emulator.apis.storage.wire import CHUNK_BYTES, MAX_JSON_BYTES, Reply
from emulator.core.json_text import read_json

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.apis.storage.wire import Call
    from emulator.core.world import World

SESSION = "storage.upload"
QUANTUM_BYTES = 256 * 1024
"""Chunks but the last are multiples of this (performing-resumable-uploads, "Multiple chunk upload")."""
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


def insert(call: Call) -> Reply:
    """Write an object, or open a resumable session for one."""
    forms = {"media": _media, "multipart": _multipart, "resumable": _open}
    form = forms.get(call.query.get("uploadType", ""))
    if form is None:
        raise errors.invalid(f"Invalid upload type: {call.query.get('uploadType')}")
    return form(call)


def resume(call: Call) -> Reply:
    """Take a chunk of a resumable upload, or say how much is here."""
    session_id = call.query.get("upload_id", "")
    _session(call, session_id)
    with _part_file(call, session_id).open("ab") as file:
        # A client that timed out may send a chunk again while its first copy is still being taken.
        fcntl.flock(file, fcntl.LOCK_EX)
        session = _session(call, session_id)
        if "done" in session:
            return Reply(session["done"])
        return _take(call, session_id, session, file)


def cancel(call: Call) -> Reply:
    """Give a resumable upload up; the service answers 499."""
    session_id = call.query.get("upload_id", "")
    if not call.world.store.delete(SESSION, session_id):
        raise errors.StorageError(404, "notFound", "Not Found")
    _part_file(call, session_id).unlink(missing_ok=True)
    return Reply(status=499)


def _media(call: Call) -> Reply:
    said = {"contentType": call.headers.get("content-type"), "contentEncoding": call.query.get("contentEncoding")}
    return _finish(call, call.query.get("name", ""), said | _header_claims(call), call.body)


def _multipart(call: Call) -> Reply:
    said, kind, data = _split(call)
    said.setdefault("contentType", kind)
    return _finish(call, said.get("name") or call.query.get("name", ""), said | _header_claims(call), data)


def _open(call: Call) -> Reply:
    said = call.json(shapes.OBJECT)
    name = said.get("name") or call.query.get("name", "")
    names.check_object(name)
    bucket = call.path["bucket"]
    records.find_bucket(call.world, bucket)
    access.require(call, "storage.objects.create", bucket, name)
    live = records.live_object(call.world, bucket, name)
    preconditions.of_call(call).check(live.resource if live else None)
    said.setdefault("contentType", call.headers.get("x-upload-content-type"))
    session_id = uuid.uuid4().hex
    session = {"bucket": bucket, "name": name, "said": said, "query": dict(call.query), "caller": call.caller}
    call.world.store.put(SESSION, session_id, json.dumps(session).encode())
    query = urlencode({"uploadType": "resumable", "upload_id": session_id})
    location = f"{call.base_url}/upload/storage/v1/b/{bucket}/o?{query}"
    return Reply(headers={"Location": location, "X-GUploader-UploadID": session_id, "Content-Length": "0"})


def _take(call: Call, session_id: str, session: dict[str, Any], file: IO[bytes]) -> Reply:
    """Append what is new of a chunk; finish when the announced size is here."""
    first, total = _content_range(call)
    here = file.seek(0, 2)
    if first is not None and first <= here:
        # Where there is a gap nothing is taken, and the client learns from where to go on.
        call.body.seek(here - first)
        here = _append(call.body, file)
    if total is None or here < total:
        # What is not the last chunk is kept in whole quanta; of the rest the client hears that it is to be sent again.
        here = file.truncate(here - here % QUANTUM_BYTES)
        return _so_far(session_id, here)
    if here > total:
        raise errors.invalid(f"The upload has {here} bytes, more than the {total} that were announced.")
    path = _part_file(call, session_id)
    with path.open("rb") as whole:
        # The conditions of a resumable upload stand in the query it was opened with. Who opened it uploads: whoever has
        # the session's address may send the bytes.
        opened = replace(call, query=session["query"], caller=session["caller"])
        said = session["said"] | _header_claims(call)
        reply = _finish(opened, session["name"], said, content.Slice(whole, 0, total))
    path.unlink()
    call.world.store.put(SESSION, session_id, json.dumps({"done": reply.document}).encode())
    return reply


def _session(call: Call, session_id: str) -> dict[str, Any]:
    body = call.world.store.get(SESSION, session_id)
    if body is None:
        raise errors.StorageError(404, "notFound", "Not Found")
    session: dict[str, Any] = json.loads(body)
    return session


def _finish(call: Call, name: str, said: dict[str, Any], stream: content.Stream) -> Reply:
    names.check_object(name)
    records.find_bucket(call.world, call.path["bucket"])
    data = content.keep(call.world, stream)
    return Reply(objects.write(call, call.path["bucket"], name, said, data).resource)


def _header_claims(call: Call) -> dict[str, str]:
    """Checksums sent as `X-Goog-Hash: crc32c=…,md5=…`."""
    fields = {"crc32c": "crc32c", "md5": "md5Hash"}
    pairs = (part.strip().partition("=") for part in call.headers.get("x-goog-hash", "").split(","))
    return {fields[key]: value for key, _, value in pairs if key in fields}


def _content_range(call: Call) -> tuple[int | None, int | None]:
    """First byte of the chunk (None: just asking) and the size of the whole (None: not known yet)."""
    header = call.headers.get("content-range")
    if header is None:
        # No range: the body is the rest of the object, in one request.
        call.body.seek(0, 2)
        size = call.body.tell()
        call.body.seek(0)
        return 0, size
    match = _CONTENT_RANGE.fullmatch(header)
    if not match:
        raise errors.invalid(f"Failed to parse Content-Range header: {header}")
    first, _, total = match.groups()
    return (int(first) if first else None), (None if total == "*" else int(total))


def _append(stream: IO[bytes], file: IO[bytes]) -> int:
    """Append and return the new size in bytes."""
    while data := stream.read(CHUNK_BYTES):
        file.write(data)
    file.flush()
    return file.tell()


def _so_far(session_id: str, size: int) -> Reply:
    headers = {"X-GUploader-UploadID": session_id, "Content-Length": "0"}
    return Reply(status=308, headers=headers | ({"Range": f"bytes=0-{size - 1}"} if size else {}))


def folder(world: World) -> Path:
    """Where the parts of unfinished uploads lie."""
    return world.state_dir / "uploads"


def _part_file(call: Call, session_id: str) -> Path:
    if not re.fullmatch(r"[0-9a-f]{32}", session_id):
        raise errors.StorageError(404, "notFound", "Not Found")
    folder(call.world).mkdir(exist_ok=True)
    return folder(call.world) / session_id


def _split(call: Call) -> tuple[dict[str, Any], str | None, content.Slice]:
    """The two parts of a multipart/related body: the metadata, the type of the bytes, the bytes.

    Raises:
        StorageError: 400, it does not have two parts.
    """
    malformed = errors.invalid("Malformed multipart body.")
    found = re.search(r"""boundary=(?:"([^"]+)"|'([^']+)'|([^;\s]+))""", call.headers.get("content-type", ""))
    if not found:
        raise malformed
    mark = b"--" + next(group for group in found.groups() if group).encode()
    head = call.body.read(MAX_JSON_BYTES)
    _, *pieces = re.split(re.escape(mark) + rb"[ \t]*\r?\n", head, maxsplit=2)
    try:
        first, last = pieces
        said = read_json(re.split(rb"\r?\n\r?\n", first, maxsplit=1)[1] or b"{}")
    except (IndexError, ValueError):
        raise malformed from None
    if not isinstance(said, dict):
        raise malformed
    fields = re.match(rb"(?:.*?\n)??\r?\n", last, re.DOTALL)
    if fields is None:
        raise malformed
    start = len(head) - len(last) + fields.end()
    kind = BytesHeaderParser().parsebytes(fields.group()).get("Content-Type")
    return (
        shapes.check(said, shapes.OBJECT),
        kind,
        content.Slice(cast("BinaryIO", call.body), start, _end_of_last_part(call.body, mark, malformed)),
    )


def _end_of_last_part(body: IO[bytes], mark: bytes, malformed: errors.StorageError) -> int:
    """Where the bytes of the last part end: before the line break that belongs to the closing mark."""
    size = body.seek(0, 2)
    tail_size = min(size, len(mark) + 64)
    body.seek(size - tail_size)
    tail = body.read()
    at = tail.rfind(mark + b"--")
    if at < 0:
        raise malformed
    end = at - 2 if tail[:at].endswith(b"\r\n") else at - 1
    return size - tail_size + end
