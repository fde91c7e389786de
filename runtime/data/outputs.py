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


class WrongRows(ValueError):
    """A model gave another number of rows than it was asked about, so that nobody knows whose they are."""


def of_rows(arrays: Mapping[str, Array], rows: int) -> Outputs:
    """Take what a call of the model gave for some rows.

    Args:
        arrays: By the names of outputs.
        rows: That the model was asked about.

    Raises:
        WrongRows: An output has more of them or less, and would be divided among the wrong callers.
    """
    for name, array in arrays.items():
        shape = np.shape(array)
        if shape[:1] != (rows,):
            raise WrongRows(f"output {name!r} has the shape {list(shape)} for {rows} row{'s' * (rows != 1)}")
    return Outputs(arrays)


def _listed(array: Array, column: int | None) -> list[Any]:
    if column is not None:
        array = array[:, column]
    elif array.ndim > 1 and array.size == len(array):
        array = array.reshape(-1)
    found: list[Any] = array.tolist()
    return [as_text(value) for value in found] if array.dtype.kind in "OS" else found


def as_text(value: Any) -> Any:
    """Give bytes as the text that they are: a label trained on them is the same in every protocol."""
    if isinstance(value, list):
        return [as_text(one) for one in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value
