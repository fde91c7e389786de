"""What an object holds that its record does not tell: what somebody added, took away or changed by hand.

A kind's record tells what specs speak of. What an object holds beside it is found without naming any of it: the record
that was read is written again, and what live and written object do not share is by hand. A record has it as a field
`by_hand`, which every spec wants to be empty, so that plans name it and an update puts it back; in `fixed_by_hand`,
which its kind calls immutable, what Google cannot change in place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange

FIELD = "by_hand"
"""Name of the field in records."""
_BLANK: tuple[Any, ...] = (None, False, 0, "", "0", "0s", [], {})
"""What stands for nothing in Google's answers, of whatever type."""
_INDEX = re.compile(r"\[\d+\]")
_LONGEST = 200
_HIDDEN = "(set, not shown)"


@dataclass(frozen=True, slots=True)
class Beyond:
    """Which differences between a live object and what we would write are somebody's.

    Paths are those of the message, without places in lists: `conditions.display_name` is that of each condition.

    Args:
        theirs: Paths that Google writes, or that others may.
        defaults: What Google fills in where nothing is written, by path.
        secret: Paths whose values, and those below, are never shown.
    """

    theirs: frozenset[str] = frozenset()
    defaults: Mapping[str, Collection[Any]] = field(default_factory=dict)
    secret: frozenset[str] = frozenset()

    def of(self, live: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, str]:
        """Name what differs.

        Args:
            live: The object, as plain JSON.
            written: What would be written of the record that was read from it.

        Returns:
            Values as text by path, such as `conditions[0].condition_threshold.trigger.count`.
        """
        return dict(self._differing("", live, written))

    def _differing(self, path: str, live: Any, written: Any) -> Iterator[tuple[str, str]]:
        plain = _INDEX.sub("", path)
        if live == written or plain in self.theirs:
            return
        if isinstance(live or written, Mapping) and _maybe(live, Mapping) and _maybe(written, Mapping):
            for key in sorted({*(live or ()), *(written or ())}):
                named = str(key).rstrip("_")  # Google's Python classes avoid Python's own words so
                below = f"{path}.{named}" if path else named
                yield from self._differing(below, (live or {}).get(key), (written or {}).get(key))
        elif isinstance(live, list) and isinstance(written, list) and len(live) == len(written):
            for place, pair in enumerate(zip(live, written, strict=True)):
                yield from self._differing(f"{path}[{place}]", *pair)
        elif not (_blank(live) and _blank(written)) and not self._filled_in(plain, live, written):
            hidden = any(plain == each or plain.startswith(f"{each}.") for each in self.secret)
            yield path, _HIDDEN if hidden else _told(live, written)

    def _filled_in(self, plain: str, live: Any, written: Any) -> bool:
        return _blank(written) and live in self.defaults.get(plain, ())


def heads(changes: Iterable[FieldChange], name: str = FIELD) -> frozenset[str]:
    """Give the fields of the message that hold what is to be put back: for an update's mask."""
    return frozenset(
        re.split(r"[.\[]", change.path.removeprefix(f"{name}."), maxsplit=1)[0]
        for change in changes
        if change.field == name
    )


def _maybe(value: Any, sort: type) -> bool:
    return value is None or isinstance(value, sort)


def _blank(value: Any) -> bool:
    return value in _BLANK


def _told(live: Any, written: Any) -> str:
    return _text(live) if _blank(written) else f"{_text(live)}, not {_text(written)}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        said = value
    elif value is None:
        said = "nothing"
    else:
        said = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
