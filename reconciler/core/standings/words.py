"""Words and numbers of anybody, as standings keep them: cut, without secrets, and moments that are some."""

from __future__ import annotations

import math
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from schemas.kept.document import MOST, Moment
from schemas.kept.words import LONGEST_TEXT, LONGEST_WORD
from schemas.redaction import redacted

_MOMENT: TypeAdapter[str] = TypeAdapter(Moment)
_READ = 4
"""A text is looked through for secrets this many times as far as it is kept: half of one is recognised by nobody."""


def name(value: object) -> str:
    """Give a name that we or Google made, cut to what a name may be; nothing for None."""
    return "" if value is None else whole(str(value))[:LONGEST_WORD]


def word(value: object) -> str:
    """Give a few words that anybody may have written, without what looks like a secret; nothing for None."""
    return "" if value is None else _shown(str(value)[: LONGEST_WORD * _READ])[:LONGEST_WORD]


def text(value: object) -> str:
    """Give sentences that anybody may have written, without what looks like a secret; nothing for None."""
    return "" if value is None else _shown(str(value)[: LONGEST_TEXT * _READ])[:LONGEST_TEXT]


@lru_cache(maxsize=8192)
def _shown(said: str) -> str:
    """Hide what looks like a secret. Most services say the same, pass after pass."""
    return redacted(whole(said))


def whole(said: str) -> str:
    """Give a text that can be written: halves of characters, which JSON can bring, are none."""
    return said.encode("utf-8", "replace").decode()


def moment(value: object) -> str | None:
    """Give a moment as documents have it; None for what is none."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") if value.tzinfo else None
    if not isinstance(value, str) or not value:
        return None
    try:
        return _MOMENT.validate_python(value)
    except ValidationError:
        return None


def number(value: Any) -> float | None:
    """Give a number; None for what is none, or greater than anything that is counted."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    found = float(value) if abs(value) <= MOST else math.inf
    return found if math.isfinite(found) else None


def count(value: Any) -> int | None:
    """Give how many; None for what is no count."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST:
        return None
    return value


def share(value: Any) -> float:
    """Give a share of a whole: 0 for what is none."""
    found = number(value)
    return 0.0 if found is None else min(1.0, max(0.0, found))
