"""Several calls in one request: multipart/mixed, each part an HTTP request of its own.

Source:
    cloud.google.com/storage/docs/batch.
"""

from __future__ import annotations

import io
import json
import uuid
from email.parser import BytesParser
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from emulator.apis.storage import errors
from emulator.apis.storage.wire import MAX_JSON_BYTES, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from email.message import Message
    from typing import IO

    Answer = Callable[[str, str, Mapping[str, str], IO[bytes]], Reply]

_MOST = 100


def run(headers: Mapping[str, str], body: IO[bytes], answer: Answer, authorization: str = "") -> Reply:
    """Answer each part by `answer(verb, target, headers, body)`; whose part it is the whole says, where it does not.

    Raises:
        StorageError: 400, no multipart body or more than 100 parts.
    """
    head = f"Content-Type: {headers.get('content-type', '')}\r\n\r\n".encode()
    parts: Any = BytesParser().parsebytes(head + body.read(MAX_JSON_BYTES)).get_payload()
    if not isinstance(parts, list):
        raise errors.invalid("Failed to parse batch request")
    if len(parts) > _MOST:
        raise errors.invalid(f"The batch request contains more than {_MOST} calls.")
    mark = f"batch_{uuid.uuid4().hex}"
    text = "".join(f"--{mark}\r\n{_part(part, answer, authorization)}\r\n" for part in parts) + f"--{mark}--\r\n"
    kind = {"Content-Type": f"multipart/mixed; boundary={mark}"}
    return Reply(headers=kind, stream=iter([text.encode()]))


def _part(part: Message, answer: Answer, authorization: str) -> str:
    payload = part.get_payload(decode=True)
    line, _, rest = (payload if isinstance(payload, bytes) else b"").lstrip().partition(b"\n")
    verb, target = [*line.decode("latin-1").split(), "", ""][:2]
    inner = BytesParser().parsebytes(rest)
    data = inner.get_payload(decode=True)
    fields = {"authorization": authorization} | {key.lower(): value for key, value in inner.items()}
    reply = answer(verb, target, fields, io.BytesIO(data if isinstance(data, bytes) else b""))
    document = "" if reply.document is None else json.dumps(reply.document)
    content_id = str(part.get("Content-ID", "")).lstrip("<").rstrip(">")
    return (
        f"Content-Type: application/http\r\nContent-ID: <response-{content_id}>\r\n\r\n"
        f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n"
        f"Content-Type: application/json; charset=UTF-8\r\nContent-Length: {len(document.encode())}\r\n\r\n{document}"
    )
