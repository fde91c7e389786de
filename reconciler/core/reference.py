"""What one object's record says of another object that only Google can tell: its URL, its number, its name.

A spec wants a push subscription to call the service's URL, and there is no URL before the service is made. So the
record holds a `Ref`: compared where the answer is known, shown as "known after apply" where it is not, kept in a saved
plan, and filled in before the write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar

from reconciler.core.address import Address

R = TypeVar("R")

Outputs = Callable[[Address], Mapping[str, Any]]
"""What Google told us about an object; nothing while that is not known."""

_MARK = "known after apply"
"""Key of a reference in plain data. No name of a variable, a label or a field of ours has blanks in it."""


SCALARS = frozenset({str, int, float, bool, type(None)})
"""Types of values that have no parts."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A value that another object's `Observed.output` holds.

    Args:
        address: The other object. It becomes a dependency by being named here.
        output: Which of its outputs, such as `uri`.
        form: The value; the output goes where `{}` stands first, as in `{}/events`.
    """

    address: Address
    output: str
    form: str = "{}"

    def value(self, outputs: Outputs) -> str | Ref:
        """Give the value, or this reference while the output is not known."""
        found = outputs(self.address).get(self.output)
        return self.form.replace("{}", str(found), 1) if found else self

    def to_plain(self) -> dict[str, str]:
        """Give the form that plans keep."""
        return {_MARK: str(self.address), "output": self.output, "form": self.form}

    @classmethod
    def of_plain(cls, data: Mapping[str, str]) -> Ref:
        """Read what `to_plain` gave."""
        return cls(Address.parse(data[_MARK]), data["output"], data["form"])


def is_plain_ref(value: Any) -> bool:
    """Tell whether plain data is a reference."""
    named = isinstance(value, Mapping) and value.keys() == {_MARK, "output", "form"}
    return named and all(isinstance(part, str) for part in value.values())


def holds_ref(value: Any) -> bool:
    """Tell whether plain data has a reference anywhere in it."""
    if is_plain_ref(value):
        return True
    if isinstance(value, Mapping):
        return any(map(holds_ref, value.values()))
    return isinstance(value, list) and any(map(holds_ref, value))


def refs(value: Any) -> Iterator[Ref]:
    """Give every reference in a record."""
    if type(value) in SCALARS:
        return
    if isinstance(value, Ref):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from refs(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from refs(item)
    elif isinstance(value, (tuple, list, frozenset, set)):
        for item in value:
            yield from refs(item)


def needed(value: Any) -> frozenset[Address]:
    """Give the addresses that a record refers to."""
    return frozenset(ref.address for ref in refs(value))


def filled(value: R, outputs: Outputs) -> R:
    """Put in the values that are known.

    Args:
        value: A record, or a part of one.
        outputs: What is known.

    Returns:
        The same record, with the references left that are not known yet.
    """
    found: Any = _filled(value, outputs) if any(True for _ in refs(value)) else value
    return found  # type: ignore[no-any-return]  # a record comes back as the record it was


def _filled(value: Any, outputs: Outputs) -> Any:
    if isinstance(value, Ref):
        return value.value(outputs)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _filled(getattr(value, f.name), outputs) for f in fields(value)})
    if isinstance(value, Mapping):
        return {key: _filled(item, outputs) for key, item in value.items()}
    if isinstance(value, (tuple, list, frozenset, set)):
        return type(value)(_filled(item, outputs) for item in value)
    return value
