"""Whether a text is a filter of messages in Pub/Sub's language.

Each word of the text becomes one letter, each comparison `T`; then what is joined becomes `T` as well, until nothing
else is left. What a filter means is Pub/Sub's business.

Source:
    cloud.google.com/pubsub/docs/subscription-message-filter, "Filtering syntax".
"""

from __future__ import annotations

import re

_WORD = re.compile(r'\s*(?:("(?:[^"\\]|\\.)*")|([A-Za-z0-9_][A-Za-z0-9_-]*)|(!=|[()=:.,-]))')
_LETTERS = {"attributes": "a", "hasPrefix": "h", "AND": "&", "OR": "|", "NOT": "N", "-": "N", "!=": "!"}
_KEY = "[akhs]"
_COMPARISON = re.compile(rf"a:{_KEY}|a\.{_KEY}[=!]s|h\(a\.{_KEY},s\)")
# AND and OR do not mix without brackets, so each chain reaches from one bracket to the next.
_JOINED = re.compile(r"NT|\(T\)|(?<![^(])T(?:&T)+(?![^)])|(?<![^(])T(?:\|T)+(?![^)])")


def is_filter(text: str) -> bool:
    """Whether Pub/Sub reads it as a filter."""
    letters = _letters(text.strip())
    if letters is None:
        return False
    left = _COMPARISON.sub("T", letters)
    while (joined := _JOINED.sub("T", left, count=1)) != left:
        left = joined
    return left == "T"


def _letters(text: str) -> str | None:
    """One letter per word; None where something is no word."""
    found, at = "", 0
    while at < len(text):
        word = _WORD.match(text, at)
        if word is None:
            return None
        string, plain, sign = word.groups()
        found += "s" if string else _LETTERS.get(plain or sign, "k" if plain else sign)
        at = word.end()
    return found
