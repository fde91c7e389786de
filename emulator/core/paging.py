"""Pages of a list. A token is the offset, written so that nobody counts with it."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from emulator.core.failures import ApiFailure

T = TypeVar("T")


def page(items: Sequence[T], size: int, token: str, *, default: int = 100, most: int = 1000) -> tuple[Sequence[T], str]:
    """Cut one page out of a list; returns it and the token of the next page (empty on the last).

    Args:
        items: The whole list, in the order that the API gives.
        size: What the caller asked for; 0 means `default`, more than `most` means `most`.
        token: Empty, or a token this function gave for the same list.
        default: Page size of an API when none is asked for (kinds.md 2.1).
        most: Largest page of the API.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a negative size or a token that was never given.
    """
    if size < 0:
        raise ApiFailure("INVALID_ARGUMENT", "page_size must not be negative")
    start = _offset(token)
    end = start + min(size or default, most)
    following = base64.urlsafe_b64encode(f"o{end}".encode()).decode() if end < len(items) else ""
    return items[start:end], following


def reach(size: int, token: str, *, default: int = 100, most: int = 1000) -> int:
    """How many of a list's items, from its first one, `page` needs: one more tells whether another page follows.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a token that was never given.
    """
    return _offset(token) + min(size or default, most) + 1


def _offset(token: str) -> int:
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
        return int(text.removeprefix("o"))
    except (ValueError, binascii.Error) as error:
        raise ApiFailure("INVALID_ARGUMENT", "The page token is not valid.") from error
