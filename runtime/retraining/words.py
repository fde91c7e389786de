"""Words of others, as they are kept: Google's, a metrics file's, a sender's. Never longer than a page, always text."""

from __future__ import annotations

LONGEST = 1000
"""Characters of one reason. All of them are in one object that is read and written with each event."""


def short(text: str, longest: int = LONGEST) -> str:
    """Give a text that any reader can take: cut where it is too long, and without halves of characters.

    Args:
        text: Of anybody.
        longest: Characters, at most.
    """
    whole = text.encode("utf-8", "replace").decode()
    return whole if len(whole) <= longest else f"{whole[: longest - 4]} ..."
