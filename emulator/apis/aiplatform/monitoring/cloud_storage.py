"""The emulated Cloud Storage as Model Monitoring's own account uses it: counted, met by faults, held to its roles.

Source: https://cloud.google.com/storage/docs/wildcards; model_monitoring.md section C for the account.
"""

import re
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from emulator.apis.aiplatform import buckets
from emulator.apis.storage import records
from emulator.apis.storage.app import Edge
from emulator.apis.storage.wire import Reply
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.identity.tokens import Tokens

WILD = re.compile(r"\*\*|\*|\?|\[[^\]]*\]")
CODES = {
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


def agent(world: World, project: str) -> str:
    """E-mail of the account that reads tables and writes results."""
    return f"service-{world.project_number(project)}@gcp-sa-vertex-mm.iam.gserviceaccount.com"


class Bucket:
    """Calls about one bucket.

    Args:
        world: Where.
        caller: E-mail of the account that calls.
        name: Of the bucket.
    """

    def __init__(self, world: World, caller: str, name: str) -> None:
        self._world = world
        self._caller = caller
        self._path = f"/storage/v1/b/{quote(name, safe='')}"
        self._name = name

    def _call(self, verb: str, target: str, body: bytes = b"", content_type: str = "application/json") -> Reply:
        """One call of the JSON API.

        Raises:
            ApiFailure: Its refusal.
        """
        token = self._world.part(Tokens).access_token(self._caller)
        headers = {"authorization": f"Bearer {token}", "content-type": content_type}
        reply = Edge(self._world, self._world.http_url, threading.Event()).answer(verb, target, headers, BytesIO(body))
        if reply.status >= 400:  # noqa: PLR2004 - where HTTP's refusals begin
            message = (reply.document or {}).get("error", {}).get("message", f"HTTP {reply.status}")
            raise ApiFailure(CODES.get(reply.status, "INTERNAL"), message)
        return reply

    def names(self, prefix: str) -> Iterator[str]:
        """The objects below a prefix, by name."""
        token = ""
        while True:
            query = urlencode({"prefix": prefix, "fields": "items(name),nextPageToken", "pageToken": token})
            page = self._call("GET", f"{self._path}/o?{query}").document or {}
            yield from (item["name"] for item in page.get("items", []))
            token = page.get("nextPageToken", "")
            if not token:
                return

    def file(self, name: str) -> Path:
        """Where the bytes of an object lie."""
        self._call("GET", f"{self._path}/o/{quote(name, safe='')}")
        record = records.live_object(self._world, self._name, name)
        if record is None or record.sha256 is None:
            raise ApiFailure("NOT_FOUND", f"No such object: {self._name}/{name}")
        return self._world.store.blob_path(record.sha256)

    def write(self, name: str, content: bytes) -> None:
        """Make an object."""
        query = urlencode({"uploadType": "media", "name": name})
        self._call("POST", f"/upload{self._path}/o?{query}", content, "application/octet-stream")

    def make(self, project: str, location: str) -> None:
        """Make the bucket, where it is not there: another job of the same time may be faster."""
        if self._world.store.get(records.BUCKET, self._name) is not None:
            return
        body = f'{{"name": "{self._name}", "location": "{location}"}}'.encode()
        try:
            self._call("POST", f"/storage/v1/b?{urlencode({'project': project})}", body)
        except ApiFailure as failure:
            if failure.code != "ALREADY_EXISTS":
                raise


def bucket(world: World, caller: str, address: str) -> tuple[Bucket, str]:
    """The bucket of an address, and the object or the pattern in it.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is none.
    """
    found = buckets.split(address)
    if found is None:
        raise ApiFailure("INVALID_ARGUMENT", f"{address} is not a Cloud Storage path.")
    return Bucket(world, caller, found[0]), found[1]


def files(world: World, caller: str, address: str) -> list[tuple[str, Path]]:
    """Address and bytes of each object that an address with wildcards names.

    Raises:
        ApiFailure: NOT_FOUND: there is none; PERMISSION_DENIED.
    """
    held, pattern = bucket(world, caller, address)
    wild = WILD.search(pattern)
    names = [pattern] if wild is None else [n for n in held.names(pattern[: wild.start()]) if matches(pattern, n)]
    if not names:
        raise ApiFailure("NOT_FOUND", f"No files found that match {address}.")
    root = address[: len(address) - len(pattern)]
    return [(root + name, held.file(name)) for name in names]


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits: `*` stays within a folder, `**` does not."""
    made, at = "", 0
    for found in WILD.finditer(pattern):
        known: Any = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
        made += re.escape(pattern[at : found.start()]) + known.get(found[0], found[0].replace("[!", "[^"))
        at = found.end()
    try:
        return re.fullmatch(made + re.escape(pattern[at:]), name) is not None
    except re.error:
        return False
