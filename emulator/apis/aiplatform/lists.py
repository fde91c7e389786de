"""A page of a list: filtered, ordered, cut to the fields that are asked for.

Source: comments of the `List…Request` messages of aiplatform v1.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from emulator.apis.aiplatform import filters
from emulator.apis.standard import list_answer
from emulator.core.failures import ApiFailure
from emulator.core.paging import NEWEST_FIRST, Order, page_of


def answer(request: Any, messages: list[Any], fields: Mapping[str, filters.Field], sortable: tuple[str, ...]) -> Any:
    """The answer to a list request.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a filter, an order, a mask or a page that makes no sense.
    """
    chosen = filters.matching(messages, request.filter, fields)
    found, token = page_of(request, chosen, order_of(getattr(request, "order_by", ""), sortable))
    return list_answer(
        request, [masked(each, getattr(request, "read_mask", None)) for each in found], token, len(chosen)
    )


def order_of(text: str, sortable: tuple[str, ...]) -> Order:
    """The order that is asked for; else, and of what is equal in it, the newest first."""
    terms = [term.strip().partition(" ") for term in text.split(",") if term.strip()]
    names, ways = [filters.snake(name) for name, _, _ in terms], [way.strip() for _, _, way in terms]
    if not set(names) <= {*sortable} or not set(ways) <= {"", "asc", "desc"}:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid order_by: {text!r}.")
    down = (*(way == "desc" for way in ways), *NEWEST_FIRST.down)
    return Order(lambda each: (*(sort_key(each, name) for name in names), *NEWEST_FIRST.place(each)), down)


def sort_key(message: Any, name: str) -> int | str:
    """What a message is ordered by: a text, or a time in nanoseconds."""
    value = getattr(message, name)
    return int(value.ToNanoseconds()) if name.endswith("_time") else str(value)


def masked(message: Any, mask: Any) -> Any:
    """A message with nothing but the fields of the mask; the whole one without a mask."""
    if mask is None or not mask.paths or "*" in mask.paths:
        return message
    shown = type(message)()
    try:
        FieldMask(paths=mask.paths).MergeMessage(message, shown)
    except ValueError as error:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid read_mask: {error}") from error
    return shown
