"""A scalar as it stands in the file, so that a text field gets the characters that were written."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Written:
    """An unquoted number or boolean: what YAML 1.2 makes of it, and its text (`1.10`, `True`, `0x10`)."""

    value: bool | int | float
    text: str

    def __str__(self) -> str:
        return self.text


def unwrapped(value: Any) -> Any:
    """The plain Python value of a scalar."""
    return value.value if isinstance(value, Written) else value
