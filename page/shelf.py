"""What the page has read: looked at anew every few seconds, and read again only where a generation is another."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from page.documents import Data, parsed
from page.snapshot import Past, Snapshot
from page.sources import Source, SourceError, TooLarge

NEWEST = 500
"""Entries of the timeline, of all services together."""
OF_ONE = 50
"""Entries that are shown of one service."""
WAITED_FOR_S = 30.0
"""What is older than this is not shown while it is looked again."""
SHORTLY_S = 0.25
"""So long the past is waited for where it is not needed: a short one is there by then."""
KEPT = 5000
"""Entries that are held in memory."""
READERS = 16
_FILE = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9A-Za-z-]{1,100}\.json")
_DEPTH = len(("history", "service", "region", "file"))


@dataclass(slots=True)
class Shelf:
    """The documents of one place.

    Args:
        source: Where they lie.
        fresh_s: For how long what was listed is believed, in seconds.
        past_fresh_s: The same of the history: its list grows with the fleet.
        local: They are an emulator's.
        patient: Nobody asks twice, so whatever is asked for is waited for.
        ticks: Gives seconds that only go forward.
    """

    source: Source
    fresh_s: float = 5.0
    past_fresh_s: float = 30.0
    local: bool = False
    patient: bool = False
    ticks: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _held: dict[str, tuple[str, Data | str]] = field(default_factory=dict)
    _entries: dict[str, Data | str] = field(default_factory=dict)
    _snapshot: Snapshot = field(default_factory=Snapshot)
    _looked: float = float("-inf")
    _pasts: dict[str, tuple[float, Past]] = field(default_factory=dict)

    def look(self) -> Snapshot:
        """Give what there is. Where it cannot be listed, what was known, and why.

        What is older than `fresh_s` is looked at again: beside, where somebody looked a moment ago, since documents of
        a large fleet take a second to read; else this waits.
        """
        age = self.ticks() - self._looked
        if age < self.fresh_s:
            return self._snapshot
        if self.patient or age > WAITED_FOR_S:
            return self._look_again()
        if not self._lock.locked():
            threading.Thread(target=self._look_again, daemon=True).start()
        return self._snapshot

    def _look_again(self) -> Snapshot:
        with self._lock:
            if self.ticks() - self._looked >= self.fresh_s:  # nobody did in the meantime
                self._snapshot = self._taken()
                self._looked = self.ticks()
            return self._snapshot

    def _taken(self) -> Snapshot:
        try:
            listed = self._listed()
        except SourceError as error:
            return self._snapshot.but(str(error))
        key = _named(sorted(listed.items()))
        if key == self._snapshot.key and not self._snapshot.trouble:
            return self._snapshot
        try:
            self._read_what_changed(listed)
        except SourceError as error:
            return self._snapshot.but(str(error))
        return Snapshot.of(key, {name: each for name, (_, each) in self._held.items()}, local=self.local)

    def _listed(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for operator in self.source.folders("operators/"):
            for kind in ("latest", "standings"):
                found |= self.source.listed(f"{operator}{kind}/")
        return found

    def _read_what_changed(self, listed: Mapping[str, str]) -> None:
        """Read the documents that are new or others; forget those that are gone."""
        kept = {name: each for name, each in self._held.items() if listed.get(name) == each[0]}
        changed = sorted(listed.keys() - kept.keys())
        read = self._read(changed)
        self._held = kept | {name: (listed[name], read[name]) for name in changed if name in read}

    def _read(self, names: Iterable[str]) -> dict[str, Data | str]:
        """Read documents in parallel; those that are gone since they were listed are left out."""
        wanted = [*names]
        if len(wanted) <= 1:
            read = [document(self.source, name) for name in wanted]
        else:
            with ThreadPoolExecutor(min(READERS, len(wanted))) as pool:
                read = [*pool.map(partial(document, self.source), wanted)]
        return {name: each for name, each in zip(wanted, read, strict=True) if each is not None}

    def timeline(self, *, wait: bool = True) -> Past:
        """Give what became of all services, the newest first.

        Args:
            wait: Until it is read: the list may be long, and each entry is an object. Else, where that takes longer
                than `SHORTLY_S`, what was read before is given, nothing at first, and it is read beside.
        """
        return self._past("history/", NEWEST, wait=wait)

    def history(self, service: str, region: str) -> Past:
        """Give what became of one service, the newest first."""
        return self._past(f"history/{service}/{region}/", OF_ONE, wait=True)

    def _past(self, below: str, most: int, *, wait: bool) -> Past:
        read, past = self._pasts.get(below, (float("-inf"), Past()))
        if self.ticks() - read < self.past_fresh_s:
            return past
        if not wait:
            if not self._reading.locked():
                reader = threading.Thread(target=self._read_past, args=(below, most), daemon=True)
                reader.start()
                reader.join(SHORTLY_S)
            return self._pasts.get(below, (0.0, past))[1]
        return self._read_past(below, most)

    def _read_past(self, below: str, most: int) -> Past:
        with self._reading:
            read, past = self._pasts.get(below, (float("-inf"), Past()))
            if self.ticks() - read < self.past_fresh_s:  # by another thread, in the meantime
                return past
            past = self._past_now(below, most)
            if len(self._pasts) >= KEPT:
                self._pasts.clear()
            self._pasts[below] = (self.ticks(), past)
            return past

    def _past_now(self, below: str, most: int) -> Past:
        try:
            names = [name for name in self.source.listed(below) if _is_entry(name)]
            names.sort(key=lambda name: (name.rpartition("/")[2], name), reverse=True)
            newest = names[:most]
            self._entries |= self._read([name for name in newest if name not in self._entries])
        except SourceError as error:
            return Past((), (str(error),))
        read = [self._entries[name] for name in newest if name in self._entries]
        self._forget(set(newest))
        return Past(
            tuple(each for each in read if not isinstance(each, str)),
            tuple(each for each in read if isinstance(each, str)),
            len(names) - len(newest),
            _named(newest),
        )

    def _forget(self, needed: set[str]) -> None:
        """Hold no more entries than `KEPT`: entries never change, so any may go."""
        for name in [name for name in self._entries if name not in needed][: max(0, len(self._entries) - KEPT)]:
            del self._entries[name]


def document(source: Source, name: str) -> Data | str | None:
    """Read a document: plain data, or a sentence that says why it cannot be read; None where it is gone.

    Args:
        source: Where it lies.
        name: As the bucket has it.

    Raises:
        SourceError: No document can be read there now.
    """
    try:
        text = source.read(name)
    except TooLarge as error:
        return str(error)
    return None if text is None else parsed(name, text)


def _named(found: object) -> str:
    return hashlib.sha256(repr(found).encode()).hexdigest()[:20]


def _is_entry(name: str) -> bool:
    parts = name.split("/")
    return len(parts) == _DEPTH and bool(_FILE.fullmatch(parts[-1]))
