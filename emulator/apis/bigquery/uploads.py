"""Load jobs whose file comes with them: in one request of two parts, or in a session, piece by piece.

Source: cloud.google.com/bigquery/docs/reference/api-uploads.
"""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from emulator.apis.bigquery import errors, jobs, records
from emulator.apis.bigquery.engine import UPLOAD, engine
from emulator.apis.bigquery.wire import Call, Reply, document

if TYPE_CHECKING:
    from emulator.core.world import World

LASTS_MS = 7 * 24 * 3_600_000
"""For how long a session may be resumed. Source: cloud.google.com/bigquery/docs/reference/api-uploads."""
BOUNDARY = re.compile(r"""boundary=(?:"([^"]+)"|'([^']+)'|([^;\s]+))""")
RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
HEAD = 4 * 1024 * 1024
CHUNK = 1 << 20


def insert(call: Call) -> Reply:
    """Begin a load job with its file, or open a session for the file."""
    forms = {"multipart": multipart, "resumable": open_session}
    form = forms.get(call.query.get("uploadType", ""))
    if form is None:
        raise errors.invalid(f"Invalid upload type: {call.query.get('uploadType')}")
    return form(call)


def new_file(call: Call) -> Path:
    """Where an uploaded file lies."""
    return engine(call.world).files / f"upload-{uuid.uuid4().hex}"


def multipart(call: Call) -> Reply:
    """The job and the file in one body."""
    found = BOUNDARY.search(call.headers.get("content-type", ""))
    if found is None:
        raise errors.invalid("Malformed multipart body.")
    mark = b"--" + next(group for group in found.groups() if group).encode()
    head = call.body.read(HEAD)
    pieces = re.split(re.escape(mark) + rb"[ \t]*\r?\n", head, maxsplit=2)
    parts = [re.split(rb"\r?\n\r?\n", piece, maxsplit=1) for piece in pieces[1:]]
    if len(parts) != 2 or any(len(each) != 2 for each in parts):  # noqa: PLR2004 - the job and the file, each with headers
        raise errors.invalid("Malformed multipart body.")
    job, path = document(parts[0][1]), new_file(call)
    with unless_begun(path):
        with path.open("wb") as file:
            file.write(parts[1][1])
            shutil.copyfileobj(call.body, file)
        cut_end(path, mark)
        return Reply(begin(call, job, path))


def begin(call: Call, job: dict[str, Any], path: Path) -> dict[str, Any]:
    """Begin the job of a file; it removes the file in the end."""
    resource, task = jobs.begin(call, job, [str(path)])
    if task.dry:
        path.unlink(missing_ok=True)
    return resource


@contextmanager
def unless_begun(path: Path) -> Iterator[None]:
    """Remove a file whose job does not begin."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def cut_end(path: Path, mark: bytes) -> None:
    """Take off what follows the last part: a line break, and the closing mark."""
    with path.open("r+b") as file:
        size = file.seek(0, 2)
        start = max(0, size - len(mark) - 64)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(mark + b"--")
        if at < 0:
            raise errors.invalid("Malformed multipart body.")
        end = at - 2 if tail[:at].endswith(b"\r\n") else at - 1
        file.truncate(start + max(end, 0))


def open_session(call: Call) -> Reply:
    """A session: the job first, the file in pieces."""
    job, session_id, path = call.json(), uuid.uuid4().hex, new_file(call)
    forget_old(call.world)
    path.touch()
    begun = records.millis(call.world.clock.now())
    kept = {"job": job, "path": str(path), "project": call.project, "caller": call.caller, "begun": begun}
    call.world.store.put(UPLOAD, session_id, json.dumps(kept).encode())
    where = f"/upload/bigquery/v2/projects/{call.project}/jobs?uploadType=resumable&upload_id={session_id}"
    headers = {"Location": call.base_url + where, "X-GUploader-UploadID": session_id, "Content-Length": "0"}
    return Reply(headers=headers)


def forget_old(world: World) -> None:
    """Forget the sessions that nobody may resume any longer, with their files."""
    oldest = int(records.millis(world.clock.now())) - LASTS_MS
    for session_id, body in world.store.list(UPLOAD):
        session = json.loads(body)
        if int(session.get("begun", 0)) < oldest:
            world.store.delete(UPLOAD, session_id)
            Path(session["path"]).unlink(missing_ok=True)


def resume(call: Call) -> Reply:
    """Take a piece; with the last one the job begins."""
    session_id = call.query.get("upload_id", "")
    body = call.world.store.get(UPLOAD, session_id)
    if body is None:
        raise errors.not_found("Upload", session_id)
    session: dict[str, Any] = json.loads(body)
    if session["project"] != call.project:
        raise errors.not_found("Upload", session_id)
    path = Path(session["path"])
    first, total = content_range(call)
    with path.open("r+b") as file:
        here = file.seek(0, 2)
        if first is not None and first <= here:
            call.body.seek(here - first)
            here = appended(call.body, file)
    if total is None or here < total:
        return Reply(status=308, headers={"Content-Length": "0"} | ({"Range": f"bytes=0-{here - 1}"} if here else {}))
    call.world.store.delete(UPLOAD, session_id)
    opened = Call(call.world, call.path, call.query, call.headers, call.body, call.base_url, session["caller"])
    with unless_begun(path):
        return Reply(begin(opened, session["job"], path))


def content_range(call: Call) -> tuple[int | None, int | None]:
    """The first byte of a piece (None: only a question) and the size of the whole (None: not known yet)."""
    header = call.headers.get("content-range")
    if header is None:
        size = call.body.seek(0, 2)
        call.body.seek(0)
        return 0, size
    found = RANGE.fullmatch(header)
    if found is None:
        raise errors.invalid(f"Failed to parse Content-Range header: {header}")
    first, _, total = found.groups()
    return (int(first) if first else None), (None if total == "*" else int(total))


def appended(source: IO[bytes], file: IO[bytes]) -> int:
    """Append; returns the new size."""
    shutil.copyfileobj(source, file, CHUNK)
    return file.tell()
