"""Lists in an order, and pages of them.

A token says after what it goes on: where the last one that was shown stands in the order of the list. What is made or
removed between two pages moves nothing: whatever was there all the time is shown once.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from emulator.core.failures import ApiFailure

T = TypeVar("T")
Place = tuple[int | str, ...]
"""Where something stands in a list: what it is ordered by, then its name, so that no two stand in one place."""


@dataclass(frozen=True, slots=True)
class Order:
    """In which order a list is given.

    Args:
        place: Where an item stands; of as many parts for each.
        down: Which of the parts go from the greatest to the least; those it does not tell of go up.
    """

    place: Callable[[Any], Place]
    down: tuple[bool, ...] = ()

    def arranged(self, items: Iterable[T]) -> list[T]:
        """The items in this order."""
        placed = [(self.place(item), item) for item in items]
        for part in reversed(range(len(placed[0][0]) if placed else 0)):  # what is equal stays as it was sorted before
            placed.sort(key=partial(_part, part), reverse=self._falls(part))
        return [item for _, item in placed]

    def is_after(self, item: Any, last: Place) -> bool:
        """Whether an item stands after a place.

        Raises:
            ValueError: It is no place of such a list.
            TypeError: The same.
        """
        for part, (one, other) in enumerate(zip(self.place(item), last, strict=True)):
            if one != other:
                greater: bool = one > other  # type: ignore[operator]  # parts of one place are of one type in all
                return greater is not self._falls(part)
        return False

    def _falls(self, part: int) -> bool:
        return part < len(self.down) and self.down[part]


def name_of(item: Any) -> Place:
    """Where something stands in a list by name: a message, or the name itself."""
    return (item,) if isinstance(item, str) else (item.name,)


def made(item: Any) -> Place:
    """Where a message stands in a list by the time of creation; what was made in one moment, by name."""
    return (item.create_time.ToNanoseconds(), item.name)


def _part(part: int, placed: tuple[Place, Any]) -> Any:
    return placed[0][part]


BY_NAME = Order(name_of)
NEWEST_FIRST = Order(made, (True, True))


def page(
    items: Iterable[T],
    size: int,
    token: str,
    order: Order = BY_NAME,
    *,
    default: int = 100,
    most: int = 1000,
    of: str = "",
) -> tuple[list[T], str]:
    """Cut one page out of a list; returns it and the token of the next page (empty on the last).

    Args:
        items: The whole list, in any order.
        size: What the caller asked for; 0 means `default`, more than `most` means `most`.
        token: Empty, or a token this function gave for the same list.
        order: How the API orders it.
        default: Page size of an API when none is asked for (kinds.md 2.1).
        most: Largest page of the API.
        of: What the list is one of, as parent and filter: a token is good for no other (AIP-158).

    Raises:
        ApiFailure: INVALID_ARGUMENT for a negative size or a token that was never given for this list.
    """
    if size < 0:
        raise ApiFailure("INVALID_ARGUMENT", "page_size must not be negative")
    left, length = order.arranged(rest(items, token, order, of)), min(size or default, most)
    shown = left[:length]
    return shown, token_after(order.place(shown[-1]), of) if len(left) > length else ""


def page_of(
    request: Any, items: Iterable[T], order: Order = BY_NAME, *, default: int = 100, most: int = 1000
) -> tuple[list[T], str]:
    """Cut out the page that a list request asks for: its token is good for the same question alone.

    Args:
        request: A message with `page_size` and `page_token`.
        items: The whole list, in any order.
        order: How the API orders it.
        default: Page size when none is asked for.
        most: Largest page.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a negative size, or a token that another question was answered with.
    """
    sizes = {"default": default, "most": most}
    return page(items, request.page_size, request.page_token, order, **sizes, of=_asked(request))


def rest_of(request: Any, items: Iterable[T], order: Order) -> Iterable[T]:
    """Of items in any order, those that no page before showed: for a list of which only its beginning is read.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a token that another question was answered with.
    """
    return rest(items, request.page_token, order, _asked(request))


def rest(items: Iterable[T], token: str, order: Order, of: str) -> Iterable[T]:
    """Of items in any order, those after the place that a token tells.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a token that was never given for this list.
    """
    if not token:
        return items
    last = _place(token, of)
    return (item for item in items if order.is_after(item, last))


def reach_of(request: Any, *, default: int = 100, most: int = 1000) -> int:
    """How many of `rest_of` a page needs: one more tells whether another page follows."""
    return min(max(request.page_size, 0) or default, most) + 1


def _asked(request: Any) -> str:
    """What a request asks for, whichever page of it (AIP-158: all other arguments must be as in the call before)."""
    question = type(request)()
    question.CopyFrom(request)
    question.ClearField("page_size")
    question.ClearField("page_token")
    return f"{request.DESCRIPTOR.full_name}?{question.SerializeToString(deterministic=True).hex()}"


def token_after(place: Sequence[int | str], of: str = "") -> str:
    """The token of the page that begins after a place of a list. It ends with what only this list has."""
    text = json.dumps(list(place))
    return base64.urlsafe_b64encode(f"{text}.{_mark(f'{of}#{text}')}".encode()).decode()


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _place(token: str, of: str) -> Place:
    wrong = ApiFailure("INVALID_ARGUMENT", "The page token is not valid.")
    try:
        text, _, mark = base64.urlsafe_b64decode(token.encode()).decode().rpartition(".")
    except ValueError as error:
        raise wrong from error
    if mark != _mark(f"{of}#{text}"):
        raise wrong
    return tuple(json.loads(text))
