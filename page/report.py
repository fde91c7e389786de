"""The page as files: one for each view and service. They work from a disk, in an archive, without JavaScript."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from page.address import FEED, OF_ALL, OF_ONE, Filed, View, file, slug
from page.assets import assets
from page.desk import Desk, Made
from page.documents import Data
from page.feed import atom
from page.place import Place
from page.rendering import html
from page.shelf import Shelf
from page.sources import Source, SourceError

_ALL = 1 << 20
"""Rows of a page: a file cannot be asked for the next ones."""
_NEEDED = ("app.css", "charts.css", "app.js")
"""Nothing is asked for again here, so what does that is left out."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Args:
        services: How many services there are.
        files: How many files.
        size: Bytes of all of them.
        removed: How many files of an earlier report went, since nothing is shown in them any more.
        unreadable: Sentences about documents that could not be read, or that there are none.
        start: The file that is opened first.
    """

    services: int
    files: int
    size: int
    removed: int
    unreadable: tuple[str, ...]
    start: Path


def write(
    source: Source, folder: Path, *, clock: Callable[[], datetime], local: bool = False, force: bool = False
) -> Written:
    """Write the page of a moment.

    Args:
        source: Where documents lie.
        folder: Where to; it is made. It is empty, or a report was written there before.
        clock: Gives the time, aware.
        local: Documents are an emulator's.
        force: Write over files of the same name in any folder.

    Raises:
        SourceError: Documents cannot be listed or read.
        NotOurs: Something else is in the folder, or a folder in it is a link.
        OSError: A file cannot be written.
    """
    now = clock()
    shelf = Shelf(source, fresh_s=float("inf"), past_fresh_s=float("inf"), local=local, patient=True)
    desk = Desk(shelf, lambda: now, per_page=_ALL)
    snapshot = desk.look()
    if snapshot.trouble:
        raise SourceError(snapshot.trouble)
    services = [*snapshot.fleet()]
    place = Place(folder, force=force)
    sizes = [place.put(f"static/{name}", assets()[name].content) for name in _NEEDED]
    unreadable: dict[str, None] = {}
    for view in _views(services):
        made = desk.make(view)
        sizes += [place.put(name, content) for name, content in _files(made, now).items()]
        unreadable |= dict.fromkeys((*made.head["unreadable"], *made.data.get("unreadable", ())))
    feed = FEED.lstrip("/")
    sizes.append(place.put(feed, atom(desk.feed(View("changes")), Filed(feed), desk.clock())))
    if not (unreadable or snapshot.passes or snapshot.standings or desk.shelf.timeline().entries):
        unreadable[f"there is no document in {source.place}: neither operators/ nor history/ has any"] = None
    removed = place.close()
    start = folder / file(View("fleet"))
    return Written(len(services), len(sizes), sum(sizes), removed, tuple(unreadable), start)


def _views(services: list[Data]) -> Iterator[View]:
    """Give every view there is."""
    for name in OF_ALL:
        yield View(name)
    for service in services:
        for name in OF_ONE:
            yield View(name, slug(service["region"]), slug(service["name"]))


def _files(made: Made, now: datetime) -> dict[str, bytes]:
    """Give a view as page and as data, by the names of their files."""
    name = file(made.view)
    told = json.dumps(made.to_json(), ensure_ascii=False, separators=(",", ":"))
    texts = {name: html(made, Filed(name), now=now), f"{name.removesuffix('.html')}.json": told}
    return {name: text.encode(errors="replace") for name, text in texts.items()}
