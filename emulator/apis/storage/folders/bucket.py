"""A bucket as the account of a revision uses it: by calls like any client's, counted and held to its roles."""

import threading
from io import BytesIO
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode

from emulator.apis.storage import records
from emulator.apis.storage.app import Edge
from emulator.apis.storage.wire import Reply
from emulator.core.world import World
from emulator.identity.tokens import Tokens

REFUSED = 400


class RefusedError(Exception):
    """Cloud Storage said no; the text is its own."""


class Bucket:
    """A part of a bucket.

    Args:
        world: Where.
        account: E-mail of the account that calls.
        name: Of the bucket.
        below: Objects are named from here: empty, or with a slash at its end.
    """

    def __init__(self, world: World, account: str, name: str, below: str = "") -> None:
        self.name = name
        self.below = below
        self._world = world
        self._account = account
        self._path = f"/storage/v1/b/{quote(name, safe='')}"

    def _call(self, verb: str, target: str, body: IO[bytes] | None = None) -> Reply:
        token = self._world.part(Tokens).access_token(self._account)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/octet-stream"}
        edge = Edge(self._world, self._world.http_url, threading.Event())
        reply = edge.answer(verb, target, headers, body or BytesIO())
        if reply.status >= REFUSED:
            raise RefusedError((reply.document or {}).get("error", {}).get("message", f"HTTP {reply.status}"))
        return reply

    def look(self) -> None:
        """See that the account may list it.

        Raises:
            RefusedError: It may not, or there is no such bucket.
        """
        self._call("GET", f"{self._path}/o?{urlencode({'prefix': self.below, 'maxResults': 1})}")

    def may_write(self) -> bool:
        """Tell whether the account may make and remove objects."""
        asked = ["storage.objects.create", "storage.objects.delete"]
        query = urlencode({"permissions": asked}, doseq=True)
        reply = self._call("GET", f"{self._path}/iam/testPermissions?{query}")
        return set(asked) <= set((reply.document or {}).get("permissions", []))

    def objects(self) -> dict[str, tuple[str, Path]]:
        """Give the generation of each object, and where its bytes lie, by its name from `below` on."""
        found = {}
        for record in records.objects(self._world, self.name, self.below):
            name = str(record.resource["name"])[len(self.below) :]
            found[name] = (str(record.resource["generation"]), self._world.store.blob_path(record.sha256))
        return found

    def changes(self) -> int:
        """Give a number that is another one when anything may have changed."""
        return self._world.store.changes

    def write(self, name: str, path: Path) -> str:
        """Make an object of a file; gives its generation.

        Raises:
            RefusedError: It may not be made.
            OSError: The file cannot be read.
        """
        query = urlencode({"uploadType": "media", "name": self.below + name})
        with path.open("rb") as file:
            reply = self._call("POST", f"/upload{self._path}/o?{query}", file)
        return str((reply.document or {})["generation"])

    def remove(self, name: str, generation: str) -> None:
        """Remove an object, if it is still the one that is known.

        Raises:
            RefusedError: It may not be removed, or it is another one.
        """
        query = urlencode({"ifGenerationMatch": generation})
        self._call("DELETE", f"{self._path}/o/{quote(self.below + name, safe='')}?{query}")
