"""The page as files: one for each view and service. They work from a disk, in an archive, without JavaScript."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from page.address import OF_ALL, OF_ONE, Filed, View, file, slug
from page.assets import assets
from page.desk import Desk, Made
from page.documents import Data
from page.rendering import html
from page.shelf import Shelf
from page.sources import Source, SourceError

_ALL = 1 << 20
"""Rows of a page: a file cannot be asked for the next ones."""
MARK = ".mlservice-report"
"""A file that says whose the folder is: what is in it may be written over."""
_NEEDED = ("app.css", "charts.css", "app.js")
"""Nothing is asked for again here, so what does that is left out."""


class NotOurs(OSError):
    """The folder holds something else, or leads elsewhere: nothing more is written. The text says what."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Args:
        services: How many services there are.
        files: How many files.
        size: Bytes of all of them.
        unreadable: Sentences about documents that could not be read, or that there are none.
        start: The file that is opened first.
    """

    services: int
    files: int
    size: int
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
    sizes = [place.put(MARK, b"`mlservice report` writes this folder, and writes over what is in it.\n")]
    sizes += [place.put(f"static/{name}", assets()[name].content) for name in _NEEDED]
    unreadable: dict[str, None] = {}
    for view in _views(services):
        made = desk.make(view)
        sizes += [place.put(name, content) for name, content in _files(made, now).items()]
        unreadable |= dict.fromkeys((*made.head["unreadable"], *made.data.get("unreadable", ())))
    if not (unreadable or snapshot.passes or snapshot.standings or desk.shelf.timeline().entries):
        unreadable[f"there is no document in {source.place}: neither operators/ nor history/ has any"] = None
    return Written(len(services), len(sizes), sum(sizes), tuple(unreadable), folder / file(View("fleet")))


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


class Place:
    """A folder that is written to, and nothing outside it: whoever made links in it chose what they lead to."""

    def __init__(self, folder: Path, *, force: bool = False) -> None:
        """Take a folder.

        Args:
            folder: Which; it is made. It may be a link itself, since it was named.
            force: Whatever is in it.

        Raises:
            NotOurs: Something is in it, and no report was written there before.
            OSError: It cannot be made or listed.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if not force and any(folder.iterdir()) and not _is_plain(folder / MARK):
            raise NotOurs(f"something is in {folder} that no report wrote")
        self._folder, self._known = folder, {folder}

    def put(self, name: str, content: bytes) -> int:
        """Write a file; one of its name goes before, and where that is a link, what it leads to stays as it is.

        Args:
            name: Below the folder.
            content: Of the file.

        Returns:
            Its size.

        Raises:
            NotOurs: A folder on the way is a link.
            OSError: It cannot be written.
        """
        path = self._folder / name
        for parent in reversed(path.relative_to(self._folder).parents):
            self._enter(self._folder / parent)
        path.unlink(missing_ok=True)
        with path.open("xb") as opened:
            return opened.write(content)

    def _enter(self, folder: Path) -> None:
        if folder in self._known:
            return
        folder.mkdir(exist_ok=True)
        if folder.is_symlink():
            raise NotOurs(f"{folder} is a link")
        self._known.add(folder)


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
