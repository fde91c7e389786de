"""A view is asked for, and made: of the documents as they are, with everything that its template needs."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from page.address import OF_ONE, View, slug
from page.documents import Data
from page.freshness import freshness, head
from page.query import PER_PAGE, Query
from page.shelf import Shelf
from page.snapshot import Past, Snapshot
from page.version import VERSION
from page.views.changes import changes_view
from page.views.cost import cost_view
from page.views.data import data_view
from page.views.delivery import delivery
from page.views.fleet import Row, fleet, rows
from page.views.operator import operator_view
from page.views.retraining import retraining_view
from page.views.rollout import rollout_view
from page.views.service import service_view

FED = 50
"""Entries of the feed: who asks each day misses none in most fleets."""
_OF_ONE: Mapping[str, Callable[[Data], Data]] = {
    "rollout": rollout_view,
    "drift": data_view,
    "retraining": retraining_view,
}


class NoSuchView(LookupError):
    """There is no such view, or no such service."""


@dataclass(frozen=True, slots=True)
class Made:
    """A view with everything around it.

    Args:
        view: Which.
        head: What every page says: of when this is, and whether it is fresh.
        data: What it shows.
    """

    view: View
    head: Data
    data: Data

    def to_json(self) -> Data:
        """Give it as plain data, as `.json` does."""
        return {"view": self.view.name, **self.head, **self.data}


@dataclass(slots=True)
class Desk:
    """Makes views of the documents on a shelf.

    Args:
        shelf: The documents.
        clock: Gives the time, aware: an emulator's may be another.
        per_page: Rows of a page.
    """

    shelf: Shelf
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    per_page: int = PER_PAGE
    _rows: tuple[str, tuple[Row, ...]] = ("", ())
    _slugs: tuple[str, dict[tuple[str, str], Data]] = ("", {})
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self) -> Snapshot:
        """Give what there is, without what was destroyed since, as far as the history was read."""
        return self.shelf.look().after(self.shelf.timeline(wait=self.shelf.patient))

    def etag(self, view: View) -> str:
        """Name what a view would show now: of one name, it shows the same.

        Ages are told in moments: time that passes changes nothing but whether a report is stale, and its day.
        """
        snapshot, now = self.look(), self.clock()
        told = [VERSION, snapshot.key, snapshot.trouble, view.name, view.region, view.service]
        told += [str(sorted(view.query.items())), str(freshness(snapshot, now)), f"{now.astimezone(UTC):%j}"]
        if view.name in {"changes", "fleet"}:
            told.append(self._timeline(view).key)
        elif view.name == "service":
            told.append(self._history(snapshot, view).key)
        return hashlib.sha256("\0".join(told).encode(errors="replace")).hexdigest()[:32]

    def make(self, view: View) -> Made:
        """Make a view.

        Raises:
            NoSuchView: There is none of that name, or no such service.
        """
        snapshot, now = self.look(), self.clock()
        told = head(snapshot, now, self.shelf.source.place) | {"moment": self._moment(snapshot, now)}
        return Made(view, told, self._data(view, snapshot, now))

    def feed(self, view: View) -> Made:
        """Make what the feed tells: of a view of changes, with what needs a person among the same services.

        Where it is asked who made a change, nothing is told of what nobody made.
        """
        snapshot, now, query = self.look(), self.clock(), Query.of(view.query)
        rows, told = self.rows(snapshot), changes_view(self._timeline(view), query, FED, snapshot.services)
        changed = {(row.data["region"], row.data["name"]): row.data["changed"] for row in rows}
        needs = [
            {**each, "changed": changed.get((each["region"], each["name"]))}
            for each in ([] if query.kind else fleet(rows, query, self.per_page, snapshot.passes)["needsYou"])
        ]
        return Made(view, head(snapshot, now, self.shelf.source.place), {"entries": told["entries"], "needs": needs})

    def moment(self) -> str:
        """Name what is known now, and how fresh that is: of another name, open pages are asked to look again."""
        return self._moment(self.look(), self.clock())

    def _moment(self, snapshot: Snapshot, now: datetime) -> str:
        stale, missed = freshness(snapshot, now)
        past = self.shelf.timeline(wait=self.shelf.patient).key[:8]
        return f"{snapshot.key}-{int(stale)}{int(bool(snapshot.trouble))}-{missed}{past}"

    def _data(self, view: View, snapshot: Snapshot, now: datetime) -> Data:
        if view.name in OF_ONE:
            service = self.service(snapshot, view)
            if view.name == "service":
                return service_view(service, self._history(snapshot, view))
            return _OF_ONE[view.name](service)
        query = Query.of(view.query)
        if view.name == "fleet":
            found = self.rows(snapshot)
            numbers = delivery(self._timeline(view), snapshot.fleet(), now)
            return {**fleet(found, query, self.per_page, snapshot.passes), "delivery": numbers}
        if view.name == "cost":
            return cost_view(self.rows(snapshot), query, self.per_page)
        if view.name == "changes":
            return changes_view(self._timeline(view), query, self.per_page, snapshot.services)
        if view.name == "operator":
            return operator_view(snapshot)
        raise NoSuchView(view.name)

    def _timeline(self, view: View) -> Past:
        """Give what became of all services; the fleet's page, which has four numbers of it, is not kept waiting."""
        return self.shelf.timeline(wait=self.shelf.patient or view.name != "fleet")

    def _history(self, snapshot: Snapshot, view: View) -> Past:
        service = self.service(snapshot, view)
        return self.shelf.history(service["name"], service["region"])

    def rows(self, snapshot: Snapshot) -> tuple[Row, ...]:
        """Give the rows of a moment: made once, they are the same for everybody."""
        with self._lock:
            if self._rows[0] != snapshot.key:
                self._rows = snapshot.key, rows(snapshot)
            return self._rows[1]

    def service(self, snapshot: Snapshot, view: View) -> Data:
        """Find the service of a view.

        Raises:
            NoSuchView: There is none.
        """
        with self._lock:
            if self._slugs[0] != snapshot.key:
                found = {(slug(each["region"]), slug(each["name"])): each for each in snapshot.fleet()}
                self._slugs = snapshot.key, found
            known = self._slugs[1].get((view.region, view.service))
        if known is None:
            raise NoSuchView(f"{view.region}/{view.service}")
        return known
