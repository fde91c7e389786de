"""Objects of the emulated Cloud Storage, read and written as the account whose job it is."""

from __future__ import annotations

import re
import threading
from http import HTTPStatus
from io import BytesIO
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from emulator.apis.bigquery import errors
from emulator.apis.storage import access, records
from emulator.apis.storage.app import Edge
from emulator.apis.storage.errors import StorageError
from emulator.apis.storage.wire import Call as StorageCall
from emulator.identity.tokens import Tokens

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.core.world import World

ADDRESS = re.compile(r"gs://([^/]+)/(.+)")


def split(address: str) -> tuple[str, str]:
    """Bucket and object of an address.

    Raises:
        BigQueryError: It is none.
    """
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise errors.invalid(f"Source URI must be a Google Cloud Storage location: gs://bucket/object, not {address}")
    return found[1], found[2]


def matching(world: World, caller: str, address: str) -> list[tuple[str, Path]]:
    """The objects of an address, in which one `*` stands for anything: each with the file that has its bytes.

    Raises:
        BigQueryError: There is none, or the caller may not read it.
    """
    bucket, name = split(address)
    if name.count("*") > 1:
        raise errors.invalid(f"Invalid URI: {address} has more than one wildcard")
    start, star, end = name.partition("*")
    call = StorageCall(world, "GET", {"bucket": bucket, "object": name}, {}, {}, BytesIO(), "", caller)
    try:
        if star:
            access.require(call, "storage.objects.list", bucket)
        found = [
            each for each in records.objects(world, bucket, start) if fits(each.resource["name"], name, start, end)
        ]
        access.require(call, "storage.objects.get", bucket, name)
    except StorageError as error:
        if error.code == HTTPStatus.FORBIDDEN:
            raise errors.BigQueryError(403, "accessDenied", f"Access Denied: File {address}: Access Denied") from error
        raise errors.not_found("URI", address) from error
    if not found:
        raise errors.not_found("URI", address)
    return [(f"gs://{bucket}/{each.resource['name']}", world.store.blob_path(each.sha256)) for each in found]


def fits(found: str, name: str, start: str, end: str) -> bool:
    """Whether an object is the one that is named, or one that a wildcard means."""
    return found == name or ("*" in name and len(found) >= len(start) + len(end) and found.endswith(end))


def write(world: World, caller: str, address: str, content: IO[bytes], kind: str) -> None:
    """Make an object.

    Raises:
        BigQueryError: There is no such bucket, or the caller may not write there.
    """
    bucket, name = split(address)
    target = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o?uploadType=media&name={quote(name, safe='')}"
    headers = {"authorization": f"Bearer {world.part(Tokens).access_token(caller)}", "content-type": kind}
    reply = Edge(world, world.http_url, threading.Event()).answer("POST", target, headers, content)
    if reply.status >= 300:  # noqa: PLR2004 - the classes of HTTP
        message = (reply.document or {}).get("error", {}).get("message", "")
        denied = reply.status == 403  # noqa: PLR2004 - as HTTP has it
        text = (
            f"Access Denied: BigQuery BigQuery: Permission denied while writing data: {message}" if denied else message
        )
        raise errors.BigQueryError(reply.status, "accessDenied" if denied else "notFound", text)
