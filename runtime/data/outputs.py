"""What one call of the model gave, shared by the requests that were in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runtime.data.tensors import Array


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
            array = self.arrays[output]
            if column is not None:
                array = array[:, column]
            elif array.ndim > 1 and array.size == len(array):
                array = array.reshape(-1)
            found = self._values[output, column] = array.tolist()
        return found

    def rows(self, output: str, start: int, stop: int) -> Array:
        """Give some rows of an output."""
        return self.arrays[output][start:stop]
