"""Addresses of views: paths of the server, files of a static report, both from one name of a service. Pure."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

OF_ALL = ("fleet", "cost", "changes", "operator")
OF_ONE = ("service", "rollout", "drift", "retraining")
FEED = "/changes.atom"
_PLAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def slug(word: str) -> str:
    """Give what stands for a name in a path: itself where Google takes it, else a digest that is safe anywhere."""
    return word if _PLAIN.fullmatch(word) else f"~{hashlib.sha256(word.encode(errors='replace')).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class View:
    """A view, of all services or of one.

    Args:
        name: One of `OF_ALL` or `OF_ONE`.
        region: Slug of the service's region; empty for a view of all.
        service: Slug of its name.
        query: What is asked for.
    """

    name: str
    region: str = ""
    service: str = ""
    query: Mapping[str, str] = field(default_factory=dict)


class Links(Protocol):
    """Writes the addresses of one page."""

    @property
    def queries(self) -> bool:
        """Tell whether an address may ask for an order, a filter, a page."""

    def view(self, view: View) -> str:
        """Give the address of a view."""

    def data(self, view: View) -> str:
        """Give the address of its data."""

    def feed(self, view: View) -> str:
        """Give the address of the feed of a view."""

    def asset(self, name: str) -> str:
        """Give the address of a static file."""


def path(view: View) -> str:
    """Give the path of a view on the server, without its query."""
    if view.name == "fleet":
        return "/"
    if view.name in OF_ALL:
        return f"/{view.name}"
    own = f"/s/{view.region}/{view.service}"
    return own if view.name == "service" else f"{own}/{view.name}"


def file(view: View) -> str:
    """Give the file of a view in a static report."""
    if view.name in OF_ALL:
        return "index.html" if view.name == "fleet" else f"{view.name}.html"
    own = f"s/{view.region}/{view.service}"
    return f"{own}.html" if view.name == "service" else f"{own}/{view.name}.html"


@dataclass(frozen=True, slots=True)
class Served:
    """Addresses on a server.

    Args:
        assets: Addresses of static files, by name, each with its digest.
    """

    assets: Mapping[str, str]
    queries: bool = True

    def view(self, view: View) -> str:
        """Give the path of a view with its query."""
        return f"{path(view)}?{urlencode(view.query)}" if view.query else path(view)

    def data(self, view: View) -> str:
        """Give the path of its data."""
        bare = "/fleet.json" if view.name == "fleet" else f"{path(view)}.json"
        return f"{bare}?{urlencode(view.query)}" if view.query else bare

    def feed(self, view: View) -> str:
        """Give the path of its feed."""
        return f"{FEED}?{urlencode(view.query)}" if view.query else FEED

    def asset(self, name: str) -> str:
        """Give the path of a static file."""
        return self.assets[name]


@dataclass(frozen=True, slots=True)
class Filed:
    """Addresses in a static report, from one of its files: they work from a disk, a bucket, an archive.

    Args:
        here: That file.
    """

    here: str
    queries: bool = False

    def view(self, view: View) -> str:
        """Give the way to a view; what it asks for is left out, since files cannot answer."""
        return self._to(file(view))

    def data(self, view: View) -> str:
        """Give the way to its data."""
        return self._to(f"{file(view).removesuffix('.html')}.json")

    def feed(self, view: View) -> str:
        """Give the way to the feed, of which there is one."""
        del view
        return self._to(FEED.lstrip("/"))

    def asset(self, name: str) -> str:
        """Give the way to a static file."""
        return self._to(f"static/{name}")

    def _to(self, there: str) -> str:
        return os.path.relpath(there, os.path.dirname(self.here) or ".").replace(os.sep, "/")  # noqa: PTH120 - names, not files
