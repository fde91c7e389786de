"""Pages of a list. A token is the offset, written so that nobody counts with it."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any, TypeVar

from emulator.core.failures import ApiFailure

T = TypeVar("T")


def page(
    items: Sequence[T], size: int, token: str, *, default: int = 100, most: int = 1000, of: str = ""
) -> tuple[Sequence[T], str]:
    """Cut one page out of a list; returns it and the token of the next page (empty on the last).

    Args:
        items: The whole list, in the order that the API gives.
        size: What the caller asked for; 0 means `default`, more than `most` means `most`.
        token: Empty, or a token this function gave for the same list.
        default: Page size of an API when none is asked for (kinds.md 2.1).
        most: Largest page of the API.
        of: What the list is one of, as parent and filter: a token is good for no other (AIP-158).

    Raises:
        ApiFailure: INVALID_ARGUMENT for a negative size or a token that was never given for this list.
    """
    if size < 0:
        raise ApiFailure("INVALID_ARGUMENT", "page_size must not be negative")
    start = _offset(token, of)
    end = start + min(size or default, most)
    return items[start:end], token_at(end, of) if end < len(items) else ""


def page_of(request: Any, items: Sequence[T], *, default: int = 100, most: int = 1000) -> tuple[Sequence[T], str]:
    """Cut out the page that a list request asks for: its token is good for the same question alone.

    Args:
        request: A message with `page_size` and `page_token`.
        items: The whole list, in the order that the API gives.
        default: Page size when none is asked for.
        most: Largest page.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a negative size, or a token that another question was answered with.
    """
    return page(items, request.page_size, request.page_token, default=default, most=most, of=_asked(request))


def reach_of(request: Any, *, default: int = 100, most: int = 1000) -> int:
    """How many of a list's items, from its first one, `page_of` needs: one more tells whether another page follows.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a token that another question was answered with.
    """
    return _offset(request.page_token, _asked(request)) + min(request.page_size or default, most) + 1


def _asked(request: Any) -> str:
    """What a request asks for, whichever page of it (AIP-158: all other arguments must be as in the call before)."""
    question = type(request)()
    question.CopyFrom(request)
    question.ClearField("page_size")
    question.ClearField("page_token")
    return f"{request.DESCRIPTOR.full_name}?{question.SerializeToString(deterministic=True).hex()}"


def token_at(offset: int, of: str = "") -> str:
    """The token of the page that begins at an offset of a list."""
    return base64.urlsafe_b64encode(f"o{offset}{_mark(of)}".encode()).decode()


def _mark(of: str) -> str:
    return f".{hashlib.sha256(of.encode()).hexdigest()[:8]}" if of else ""


def _offset(token: str, of: str = "") -> int:
    if not token:
        return 0
    wrong = ApiFailure("INVALID_ARGUMENT", "The page token is not valid.")
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
        number, mark, whose = text.removeprefix("o").partition(".")
        offset = int(number)
    except (ValueError, binascii.Error) as error:
        raise wrong from error
    if mark + whose != _mark(of):
        raise wrong
    return offset
