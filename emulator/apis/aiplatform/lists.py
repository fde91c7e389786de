"""A page of a list: filtered, ordered, cut to the fields that are asked for.

Source: comments of the `List…Request` messages of aiplatform v1.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from emulator.apis.aiplatform import filters
from emulator.apis.standard import list_answer
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of


def answer(request: Any, messages: list[Any], fields: Mapping[str, filters.Field], sortable: tuple[str, ...]) -> Any:
    """The answer to a list request.

    Raises:
        ApiFailure: INVALID_ARGUMENT for a filter, an order, a mask or a page that makes no sense.
    """
    chosen = filters.matching(messages, request.filter, fields)
    ordered = arranged(chosen, getattr(request, "order_by", ""), sortable)
    found, token = page_of(request, ordered)
    return list_answer(
        request, [masked(each, getattr(request, "read_mask", None)) for each in found], token, len(ordered)
    )


def arranged(messages: list[Any], order: str, sortable: tuple[str, ...]) -> list[Any]:
    """In the order that is asked for; else the newest first."""
    found = sorted(messages, key=lambda each: (each.create_time.ToNanoseconds(), each.name), reverse=True)
    for term in reversed([term for term in order.split(",") if term.strip()]):
        name, _, way = term.strip().partition(" ")
        if filters.snake(name) not in sortable or way.strip() not in ("", "asc", "desc"):
            raise ApiFailure("INVALID_ARGUMENT", f"Invalid order_by: {order!r}.")
        found.sort(key=lambda each: sort_key(each, filters.snake(name)), reverse=way.strip() == "desc")
    return found


def sort_key(message: Any, name: str) -> Any:
    """What a message is ordered by: a text, or a time in nanoseconds."""
    value = getattr(message, name)
    return value.ToNanoseconds() if name.endswith("_time") else str(value)


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
