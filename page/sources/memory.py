"""Documents that whoever started the page makes: of services that no pass of a job reports, on somebody's machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from page.sources.source import Source

Documents = Mapping[str, Mapping[str, Any]]


@dataclass(slots=True)
class Memory:
    """What is made now, and beside it what lies at another place.

    Args:
        made: Gives documents by name, as the bucket would name them; called at each look.
        beside: Another place; of one name, what was made is shown.
        hidden: Gives prefixes of which nothing is shown of the other place; called at each look.
    """

    made: Callable[[], Documents]
    beside: Source | None = None
    hidden: Callable[[], Collection[str]] = frozenset
    _now: dict[str, bytes] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Say where they are from."""
        return self.beside.place if self.beside else "this machine"

    def folders(self, below: str) -> tuple[str, ...]:
        """Name what lies below a prefix, one level deep."""
        self._now = {name: json.dumps(each, sort_keys=True).encode() for name, each in self.made().items()}
        within = (name.removeprefix(below) for name in self._now if name.startswith(below))
        own = {f"{below}{rest.partition('/')[0]}/" for rest in within if "/" in rest}
        beside = self.beside.folders(below) if self.beside else ()
        return tuple(sorted(own.union(name for name in beside if name not in self.hidden())))

    def listed(self, below: str) -> Mapping[str, str]:
        """Give every document below a prefix."""
        own = {name: hashlib.sha256(text).hexdigest() for name, text in self._now.items() if name.startswith(below)}
        return {**(self.beside.listed(below) if self.beside else {}), **own}

    def read(self, name: str) -> bytes | None:
        """Read one document."""
        if name in self._now:
            return self._now[name]
        return self.beside.read(name) if self.beside else None
