"""The page as files: one for each view and service. They work from a disk, in an archive, without JavaScript."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from page.address import OF_ALL, OF_ONE, Filed, View, file, slug
from page.assets import assets
from page.desk import Desk
from page.documents import Data
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
        unreadable: Sentences about documents that could not be read.
        start: The file that is opened first.
    """

    services: int
    files: int
    size: int
    unreadable: tuple[str, ...]
    start: Path


def write(source: Source, folder: Path, *, clock: Callable[[], datetime], local: bool = False) -> Written:
    """Write the page of a moment.

    Args:
        source: Where documents lie.
        folder: Where to; it is made. What is in it and of the same name is written over.
        clock: Gives the time, aware.
        local: Documents are an emulator's.

    Raises:
        SourceError: Documents cannot be listed or read.
        OSError: A file cannot be written.
    """
    now = clock()
    shelf = Shelf(source, fresh_s=float("inf"), past_fresh_s=float("inf"), local=local, patient=True)
    desk = Desk(shelf, lambda: now, per_page=_ALL)
    snapshot = desk.look()
    if snapshot.trouble:
        raise SourceError(snapshot.trouble)
    services = [*snapshot.fleet()]
    sizes = [_put(folder / "static" / name, assets()[name].content) for name in _NEEDED]
    for view in _views(services):
        sizes += _write_view(folder, desk, view, now)
    return Written(len(services), len(sizes), sum(sizes), snapshot.unreadable, folder / file(View("fleet")))


def _views(services: list[Data]) -> Iterator[View]:
    """Give every view there is."""
    for name in OF_ALL:
        yield View(name)
    for service in services:
        for name in OF_ONE:
            yield View(name, slug(service["region"]), slug(service["name"]))


def _write_view(folder: Path, desk: Desk, view: View, now: datetime) -> list[int]:
    made, name = desk.make(view), file(view)
    page = html(made, Filed(name), now=now)
    told = json.dumps(made.to_json(), ensure_ascii=False, separators=(",", ":"))
    texts = {name: page, f"{name.removesuffix('.html')}.json": told}
    return [_put(folder / each, text.encode(errors="replace")) for each, text in texts.items()]


def _put(path: Path, content: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return len(content)
