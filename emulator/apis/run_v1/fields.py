"""Fields of version 1 that are read; what is sent beyond them is refused by name and never dropped in silence."""

from collections.abc import Collection
from typing import Any

from emulator.core.failures import ApiFailure

NOT_SERVED = "{where}.{name} of Cloud Run's version 1 is not emulated."


def only(found: dict[str, Any], where: str, names: Collection[str], **values: Collection[str]) -> None:
    """Let an object pass that says no more than what is read of it. What says nothing (`""`, `{}`) may be there.

    Args:
        found: The object.
        where: Its place in the request.
        names: Fields that are read.
        values: Of a field, the values that it may have.

    Raises:
        ApiFailure: INVALID_ARGUMENT, UNIMPLEMENTED.
    """
    if not isinstance(found, dict):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid value at '{where}': an object is wanted.")
    for name, value in found.items():
        if value and (name not in names or (name in values and value not in values[name])):
            raise ApiFailure("UNIMPLEMENTED", NOT_SERVED.format(where=where, name=name))
