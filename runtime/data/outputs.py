"""What one call of the model gave, shared by the requests that were in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.data.tensors import Array


def plain(value: Any) -> Any:
    """Give a value of numpy as Python's, for an encoder of JSON that has no form for it.

    Raises:
        NotImplementedError: It is none of numpy's.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise NotImplementedError(f"{type(value).__name__} is no JSON; give it to `encode`")


class Outputs:
    """Arrays by name, and the Python values made of them: made once per call, not once per request."""

    __slots__ = ("_values", "arrays")

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self.arrays = arrays
        self._values: dict[tuple[str, int | None], list[Any]] = {}

    def values(self, output: str, column: int | None) -> list[Any]:
        """Give an output as a list with one item per row.

        Args:
            output: Its name.
            column: Which column of a table; None for all of them. A table of one column is a plain list of values.
        """
        found = self._values.get((output, column))
        if found is None:
            found = self._values[output, column] = _listed(self.arrays[output], column)
        return found

    def values_of(self, output: str, column: int | None, start: int, stop: int) -> list[Any]:
        """Give the same of some rows: of these alone, where nobody has asked for all of them yet."""
        found = self._values.get((output, column))
        return _listed(self.arrays[output][start:stop], column) if found is None else found[start:stop]

    def columns(self, output: str, column: int | None) -> int:
        """Count the values of a row of an output."""
        array = self.arrays[output]
        return array.size // len(array) if column is None and len(array) else 1

    def rows(self, output: str, start: int, stop: int) -> Array:
        """Give some rows of an output."""
        return self.arrays[output][start:stop]


def _listed(array: Array, column: int | None) -> list[Any]:
    if column is not None:
        array = array[:, column]
    elif array.ndim > 1 and array.size == len(array):
        array = array.reshape(-1)
    found: list[Any] = array.tolist()
    return found
