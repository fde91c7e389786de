"""A fleet in a folder, and the page over it."""

import asyncio
import json
from datetime import timedelta

import httpx
import pytest

from page.access import Own
from page.desk import Desk
from page.server import server
from page.shelf import Shelf
from page.sources import Folder
from tests.page import samples

SOON = samples.NOW + timedelta(seconds=30)


@pytest.fixture(scope="session")
def fleet():
    """A service in every state there is, and some more."""
    return samples.fleet(28)


@pytest.fixture(scope="session")
def documents(fleet, tmp_path_factory):
    """The same in a folder, which nothing changes."""
    folder = tmp_path_factory.mktemp("documents")
    samples.write(fleet, folder)
    return folder


@pytest.fixture(scope="session")
def desk(documents):
    """Views of it, half a minute after the pass."""
    return desk_of(documents, fresh_s=float("inf"))


@pytest.fixture(scope="session")
def browser(desk):
    """What asks the server, with no JavaScript."""
    return client_of(desk)


def desk_of(folder, *, now=SOON, fresh_s=-1.0):
    """Views of documents, which are looked at for each request unless they are believed for a while."""
    return Desk(Shelf(Folder(folder), fresh_s=fresh_s, past_fresh_s=fresh_s, patient=True), lambda: now)


def client_of(desk, *, live="poll"):
    """What asks a server."""
    return Browser(server(desk, Own(frozenset({"testserver"})), live=live))


class Browser:
    """Asks a server that runs in this process, without JavaScript."""

    def __init__(self, app):
        self.app = app

    def get(self, path, **more):
        """Ask for a page."""
        return self.request("GET", path, **more)

    def request(self, verb, path, **more):
        """Ask by any verb."""
        return asyncio.run(self._asked(verb, path, more))

    async def _asked(self, verb, path, more):
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.request(verb, path, **more)


def put(path, document):
    """Write a document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
