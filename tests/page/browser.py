"""Chromium, as people have it, and tabs that remember what should not have happened."""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from page.access import Own
from page.desk import Desk
from page.local import HOST, listening
from page.server import server
from page.shelf import Shelf
from page.sources import Folder
from tests.page.samples import NOW, Fleet, fleet, write

CHROMIUM = Path("/usr/bin/chromium")
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
PATIENCE_MS = 60_000
"""How long something may take to be seen; nothing is claimed of it."""
_AGAIN_MS = 50
SEES = """
addEventListener('securitypolicyviolation', (event) => {
  (window.violations ??= []).push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""


def started(playwright: Any) -> Any:
    """Start it; without its sandbox for root, who can have none."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*sandbox, "--disable-dev-shm-usage"])


@dataclass
class Tab:
    """A tab and what went wrong in it.

    Attributes:
        page: Playwright's.
        wrong: Errors on the console, and exceptions nobody caught.
        foreign: Addresses of other hosts that were asked for; none was let through.
    """

    page: Any
    wrong: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def hear(self, said: Any) -> None:
        """Keep what the console says that is no mere note."""
        if said.type in {"error", "warning"}:
            self.wrong.append(said.text)

    @property
    def troubles(self) -> list[str]:
        """Everything that should not have happened."""
        violations = self.page.evaluate("window.violations ?? []")
        return [*self.wrong, *(f"asked for {each}" for each in self.foreign), *violations]

    def axe(self, *, colours: bool = False) -> list[str]:
        """What axe-core finds, each with where.

        Args:
            colours: Only what depends on colours, where all else was looked at in others.
        """
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        only = {"type": "rule", "values": ["color-contrast"]} if colours else {"type": "tag", "values": [*RULES]}
        options = {"runOnly": only, "resultTypes": ["violations"]}
        found = self.page.evaluate("options => axe.run(document, options).then(found => found.violations)", options)
        return [f"{each['id']}: {each['help']}: {node['html'][:160]}" for each in found for node in each["nodes"][:3]]

    def sideways(self) -> int:
        """How many pixels of the page are beyond the right edge."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def until(self, expression: str, *, patience_ms: int = PATIENCE_MS) -> None:
        """Wait until something holds in the page, asked from outside: its policy refuses what it would ask again.

        Args:
            expression: Of JavaScript.
            patience_ms: How long.
        """
        for _ in range(patience_ms // _AGAIN_MS):
            if self.page.evaluate(expression):
                return
            self.page.wait_for_timeout(_AGAIN_MS)
        raise AssertionError(f"never: {expression}")


@contextmanager
def tab(chromium: Any, address: str, *, own: str = "", **options: Any) -> Iterator[Tab]:
    """Open a tab in a profile of its own.

    Args:
        chromium: The browser.
        address: What is opened.
        own: How addresses of the page itself begin; empty for those of the same host.
        options: Of the profile, such as `java_script_enabled`.
    """
    allowed = own or "/".join(address.split("/", 3)[:3])
    context = chromium.new_context(**{"timezone_id": "UTC", "locale": "en-GB", **options})
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(SEES)
    opened = Tab(context.new_page())

    def let(route: Any) -> None:
        if route.request.url.startswith((allowed, "data:")):
            route.continue_()
        else:
            opened.foreign.append(route.request.url)
            route.abort()

    context.route("**/*", let)
    opened.page.on("console", opened.hear)
    opened.page.on("pageerror", lambda error: opened.wrong.append(str(error)))
    opened.page.goto(address)
    try:
        yield opened
    finally:
        context.close()


@dataclass
class Running:
    """The page as `mlservice page` serves it, over a folder of documents.

    Attributes:
        folder: The documents.
        address: `http://127.0.0.1:port`.
    """

    folder: Path
    address: str
    _server: uvicorn.Server
    _thread: threading.Thread

    @classmethod
    def start(cls, folder: Path, port: int = 0) -> Running:
        """Start it, on a port that is free or on one that it had before."""
        taken = listening(port)
        at = taken.getsockname()[1]
        desk = Desk(Shelf(Folder(folder), fresh_s=0.05, past_fresh_s=0.05), lambda: NOW)
        app = server(desk, Own(), live="events")
        options = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        running = uvicorn.Server(options)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        return cls(folder, f"http://{HOST}:{at}", running, thread)

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.address.rpartition(":")[2])

    def stop(self) -> None:
        """End it, whoever listens."""
        self._server.should_exit = True
        self._thread.join(PATIENCE_MS / 1000)


def served(folder: Path, count: int, *, hostile: bool = False) -> tuple[Running, Fleet]:
    """Serve a fleet; a hostile one has a stranger's words."""
    made = fleet(count, hostile=hostile)
    write(made, folder)
    return Running.start(folder), made


class _Words(HTMLParser):
    """Gathers what people read, but for moments: those stand in the reader's zone where a script runs."""

    _UNREAD = frozenset({"script", "style", "time", "title"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._unread += tag in self._UNREAD

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in self._UNREAD

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.words.append(data)


def numbers(html: str) -> Mapping[str, int]:
    """Give every number that people read, and how often."""
    reader = _Words()
    reader.feed(html)
    return Counter(re.findall(r"\d[\d.,]*", " ".join(reader.words)))


def no_chromium() -> None:
    """Leave out what needs a browser, and say so."""
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM} here: apt-get install chromium")
