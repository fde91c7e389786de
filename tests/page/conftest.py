"""A fleet in a folder, and the page over it."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

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
    return samples.fleet(40)


@pytest.fixture(scope="session")
def documents(fleet, tmp_path_factory):
    """The same in a folder, which nothing changes."""
    folder = tmp_path_factory.mktemp("documents")
    samples.write(fleet, folder)
    return folder


@pytest.fixture(scope="session")
def desk(documents):
    """Views of it, half a minute after the pass."""
    return desk_of(documents)


@pytest.fixture(scope="session")
def browser(desk):
    """What asks the server, with no JavaScript."""
    return client_of(desk)


def desk_of(folder, *, now=SOON):
    """Views of documents that are looked at for each request."""
    return Desk(Shelf(Folder(folder), fresh_s=-1.0, past_fresh_s=-1.0), lambda: now)


def client_of(desk, *, live="poll"):
    """What asks a server."""
    return TestClient(server(desk, Own(frozenset({"testserver"})), live=live), follow_redirects=False)
